-- why    partner systems: what they are, how far each was read, what was refused, and what happened because of it
-- locks  new tables only
-- undo   DROP TABLE of what is made here, in reverse order
--
-- Laws
-- 1. No value that a source sent stands in `quarantine` or `source_run`: position, field and reason only.
-- 2. Pages, cursor, counts and outbox rows are written in one transaction: what a page changed is what its cursor says.
-- 3. Where a source's credentials are is read by the worker alone; what they are stands in no table.

CREATE TABLE source (
    key           text PRIMARY KEY CHECK (key ~ '^[a-z0-9][a-z0-9-]{1,60}$'),
    party         text NOT NULL REFERENCES party,    -- whose data it gives
    kind          text NOT NULL CHECK (kind IN ('school', 'servicepoint', 'municipality')),
    protocol      text NOT NULL,
    base_url      text,                              -- null: it comes to us (agent, upload)
    hosts         text[] NOT NULL DEFAULT '{}',      -- fixed when it is added
    private_hosts text[] NOT NULL DEFAULT '{}',      -- host:port in private ranges that it may have
    credentials   text CHECK (credentials ~ '^(file|env):'),    -- where they are, never what they are
    mapping       text,                              -- the mapping file's whole text
    options       jsonb NOT NULL DEFAULT '{}',
    harvests      boolean NOT NULL,
    answers_live  boolean NOT NULL,
    state         text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'PAUSED', 'ENDED')),
    cursor        text,                              -- moves with the page it follows, in one transaction
    full_sync     uuid,                              -- one under way, to be gone on with at the cursor: what it named bears its mark
    added_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind, split_part(party, ':', 1)) IN (('school', 'school'), ('servicepoint', 'servicepoint'), ('municipality', 'municipality'),
                                                 ('municipality', 'service'), ('municipality', 'doorstroompunt'), ('municipality', 'uwv')))
);
CREATE INDEX source_party ON source (party);

CREATE TABLE source_run (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    source     text NOT NULL REFERENCES source,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz,
    state      text NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'DONE', 'FAILED', 'SHRANK', 'BROKEN_OFF')),
    code       text,                                 -- of the error that ended it
    pages      integer NOT NULL DEFAULT 0,
    added      integer NOT NULL DEFAULT 0,
    changed    integer NOT NULL DEFAULT 0,
    unchanged  integer NOT NULL DEFAULT 0,
    ended      integer NOT NULL DEFAULT 0,
    rejected   integer NOT NULL DEFAULT 0
);
CREATE INDEX source_run_source ON source_run (source, started_at DESC);

CREATE TABLE quarantine (
    run      uuid NOT NULL REFERENCES source_run ON DELETE CASCADE,
    n        integer NOT NULL,
    position text NOT NULL,                          -- line, index or reference within the answer
    field    text NOT NULL,
    reason   text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, n)
);

-- What a source is known to hold: by its own reference, with the digest of the record as mapped.
CREATE TABLE harvested (
    source      text NOT NULL REFERENCES source,
    reference   text NOT NULL,
    digest      text NOT NULL,
    student     uuid REFERENCES student ON DELETE CASCADE,
    opportunity uuid REFERENCES opportunity ON DELETE CASCADE,
    seen_in     uuid,                                -- the mark of the sync that named it last
    gone_at     timestamptz,
    PRIMARY KEY (source, reference),
    CHECK (num_nonnulls(student, opportunity) = 1)
) WITH (fillfactor = 80);                            -- a full sync marks every row: within its page, without its index
CREATE INDEX harvested_student ON harvested (student) WHERE student IS NOT NULL;
CREATE INDEX harvested_opportunity ON harvested (opportunity) WHERE opportunity IS NOT NULL;

-- Made in the transaction of the change. Sequenced when events come; until then the one place that says what happened.
CREATE TABLE outbox (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    type         text NOT NULL CHECK (type ~ '^nl\.arbeidstoeleiding\.[a-z-]+\.v1$'),
    subject_kind text NOT NULL CHECK (subject_kind IN ('STUDENT', 'ENDING', 'NONE')),
    student      uuid REFERENCES student ON DELETE CASCADE,
    case_type    text,
    case_n       integer,
    seers        text[] NOT NULL,                    -- who receives it, as of then
    details      jsonb NOT NULL DEFAULT '{}',        -- codes only
    recorded     timestamptz NOT NULL DEFAULT now(),
    CHECK ((subject_kind = 'NONE') = (student IS NULL))
);

GRANT SELECT, INSERT, UPDATE, DELETE ON source, source_run, quarantine, harvested, outbox TO "@db@_worker";
ALTER TABLE source ENABLE ROW LEVEL SECURITY;
ALTER TABLE source FORCE ROW LEVEL SECURITY;
ALTER TABLE source_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_run FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
DO $pass$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['source', 'source_run', 'outbox'] LOOP
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$pass$;

-- A party sees its own sources, a coordinator those of its region's parties, national all but its readers: how they run, never where
-- they are or how one gets in. An employer has none.
GRANT SELECT (key, party, kind, protocol, harvests, answers_live, state, added_at) ON source
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_coordinator", "@db@_national";
GRANT SELECT ON source_run
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_coordinator", "@db@_national";
CREATE POLICY own ON source FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality"
    USING (party = acting_party());
CREATE POLICY national_all ON source FOR SELECT TO "@db@_national" USING (acting_seer() <> 'national#reader');
CREATE POLICY of_region ON source FOR SELECT TO "@db@_coordinator" USING (
    CASE split_part(party, ':', 1)
        WHEN 'school' THEN (SELECT s.region FROM school s WHERE s.brin = split_part(source.party, ':', 2))
        WHEN 'municipality' THEN (SELECT m.region FROM municipality m WHERE m.code = split_part(source.party, ':', 2))
        WHEN 'servicepoint' THEN (SELECT v.region FROM service_point v WHERE v.code = split_part(source.party, ':', 2)) END
    = split_part(acting_party(), ':', 2));
CREATE POLICY of_source ON source_run FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_coordinator", "@db@_national"
    USING ((SELECT true FROM source s WHERE s.key = source_run.source));
