-- why    what comes in at the doors: a municipality's events, and the table that stands beside a school's dossiers
-- locks  new tables only
-- undo   DROP TABLE sidecar, inbound_event
--
-- Laws
-- 1. Of an event only what connectors/inbound.py lists for its type is kept: keys, codes and days, no text of the sender's.
-- 2. An event is kept once: source and id are its key, and nothing changes it.
-- 3. Both are the worker's alone: nobody who asks the graph reads them.

CREATE TABLE inbound_event (
    source       text NOT NULL REFERENCES source,
    id           uuid NOT NULL,                      -- the sender's; no other form is taken, for it could say something
    event_source text NOT NULL CHECK (event_source ~ '^urn:nld:(oin|kvknr):'),    -- as the source's row has it
    type         text NOT NULL CHECK (type ~ '^nl\.arbeidstoeleiding\.[a-z-]+\.v[0-9]+$'),
    time         timestamptz NOT NULL CHECK (isfinite(time)),     -- of recording, at the sender
    subject      uuid,                               -- the alias under which Spil told the sender of somebody
    data         jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);

-- What a school's dossiers do not tell, and a table of its own does. A harvest of the dossiers fills from here.
CREATE TABLE sidecar (
    source          text NOT NULL REFERENCES source,
    student         uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    destination_aim text CHECK (destination_aim IN ('ARBEID', 'ARBEID_EN_LEREN', 'VERVOLGONDERWIJS', 'DAGBESTEDING', 'BESCHUT_WERK',
                                                    'ONBEKEND')),
    leaves_on       date CHECK (isfinite(leaves_on)),
    hours           smallint CHECK (hours BETWEEN 1 AND 40),
    told            text[] NOT NULL,                 -- which of these the dossier tells itself: there the dossier counts
    PRIMARY KEY (source, student)
);
CREATE INDEX sidecar_student ON sidecar (student);

DO $tables$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['inbound_event', 'sidecar'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', name, '@db@_worker');
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$tables$;
