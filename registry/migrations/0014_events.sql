-- why    the outbox becomes a log: each party has its own, in order and without a hole
-- locks  outbox, briefly
-- undo   DROP TABLE event_log, stream_head, leader; DROP FUNCTION sequence_events; the columns and the foreign key of outbox as in 0009
--
-- Laws
-- 1. A position is given once, by the one who leads, and stays; a seer's positions have no hole. Only erasure and age take from a log.
-- 2. Who leads has a token. It is asked under the lock of its row, in the statement that gives positions: who was replaced writes nothing.
-- 3. The log says that something happened, to whom it was told, and where: what it was about is asked of today's rights when it is read.
-- 4. `n` is given under the young person's lock, so that it orders what happened to one; no row is ever looked for by it.

ALTER TABLE outbox ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE outbox ADD COLUMN sequenced_at timestamptz;
CREATE INDEX outbox_waiting ON outbox (n) WHERE sequenced_at IS NULL;
CREATE INDEX outbox_student ON outbox (student) WHERE student IS NOT NULL;
-- Who is erased leaves a position behind, and nothing else.
ALTER TABLE outbox DROP CONSTRAINT outbox_student_fkey;
ALTER TABLE outbox ADD CONSTRAINT outbox_student_fkey FOREIGN KEY (student) REFERENCES student ON DELETE SET NULL;
ALTER TABLE outbox DROP CONSTRAINT outbox_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_none_is_nobody CHECK (subject_kind <> 'NONE' OR student IS NULL);

CREATE TABLE stream_head (
    seer       text PRIMARY KEY,
    stream     uuid NOT NULL DEFAULT gen_random_uuid(),   -- in the source of its CloudEvents: says nothing about the party
    epoch      integer NOT NULL DEFAULT 1 CHECK (epoch > 0),   -- a new one only when a tail may be lost: `spil events renew`
    pos        bigint NOT NULL DEFAULT 0,            -- the last one given
    kept_after bigint NOT NULL DEFAULT 0             -- positions up to here are too old to be had
);

CREATE TABLE event_log (
    seer      text NOT NULL,
    epoch     integer NOT NULL,
    pos       bigint NOT NULL CHECK (pos > 0),
    event     uuid NOT NULL REFERENCES outbox,
    alias     uuid,                                  -- of an ENDING alone: whom to forget. Gone with the young person
    logged_at timestamptz NOT NULL,
    PRIMARY KEY (seer, epoch, pos),
    FOREIGN KEY (seer, alias) REFERENCES sight (seer, alias) ON DELETE SET NULL (alias)
);
CREATE INDEX event_log_event ON event_log (event);
CREATE INDEX event_log_alias ON event_log (seer, alias) WHERE alias IS NOT NULL;
CREATE INDEX event_log_day ON event_log (seer, logged_at);

-- Who does what only one may do: 'sequencer', 'clocks'.
CREATE TABLE leader (
    name     text PRIMARY KEY,
    token    bigint NOT NULL DEFAULT 0,
    holder   text,                                   -- host and process, for people
    until_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO leader (name) VALUES ('sequencer'), ('clocks');

-- Gives positions to what waits, the oldest first; gives how many, null to who leads no more. One statement, so that whoever is stopped
-- in the middle of it holds no lock.
CREATE FUNCTION sequence_events(held bigint, most integer, lease interval) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $sequence$
DECLARE
    at timestamptz;
    given integer;
BEGIN
    UPDATE leader l SET until_at = clock_timestamp() + lease WHERE l.name = 'sequencer' AND l.token = held;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    at := clock_timestamp();                         -- after the lock: of two batches the later one has the later instant
    WITH batch AS (
        UPDATE outbox o SET sequenced_at = at
            WHERE o.id IN (SELECT w.id FROM outbox w WHERE w.sequenced_at IS NULL ORDER BY w.n LIMIT most)
            RETURNING o.id, o.n, o.seers, o.student, o.subject_kind
    ), told AS (
        SELECT r.seer, b.id, b.student, b.subject_kind, row_number() OVER (PARTITION BY r.seer ORDER BY b.n) AS k
        FROM batch b CROSS JOIN LATERAL (SELECT DISTINCT s.seer FROM unnest(b.seers) s(seer)) r
    ), head AS (
        INSERT INTO stream_head AS h (seer, pos) SELECT t.seer, max(t.k) FROM told t GROUP BY t.seer ORDER BY t.seer
            ON CONFLICT (seer) DO UPDATE SET pos = h.pos + excluded.pos RETURNING h.seer, h.epoch, h.pos
    ), logged AS (
        INSERT INTO event_log (seer, epoch, pos, event, alias, logged_at)
            SELECT t.seer, h.epoch, h.pos - (max(t.k) OVER (PARTITION BY t.seer)) + t.k, t.id,
                   CASE WHEN t.subject_kind = 'ENDING' THEN
                       (SELECT s.alias FROM sight s WHERE s.seer = t.seer AND s.student = t.student) END, at
            FROM told t JOIN head h ON h.seer = t.seer
    )
    SELECT count(*) INTO given FROM batch;
    RETURN given;
END
$sequence$;
REVOKE ALL ON FUNCTION sequence_events(bigint, integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sequence_events(bigint, integer, interval) TO "@db@_worker";

-- Of a shared reading: who it was for besides, as `client subject`.
ALTER TABLE read ADD COLUMN subscribers text[] NOT NULL DEFAULT '{}';

-- ---- who reads: each its own
GRANT SELECT, INSERT, UPDATE, DELETE ON stream_head, event_log, leader TO "@db@_worker";
ALTER TABLE event_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_log FORCE ROW LEVEL SECURITY;
ALTER TABLE stream_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_head FORCE ROW LEVEL SECURITY;
DO $pass$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['event_log', 'stream_head'] LOOP
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$pass$;
GRANT SELECT (seer, epoch, pos, event, alias, logged_at) ON event_log
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national";
GRANT SELECT ON stream_head
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national";
CREATE POLICY own ON event_log FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING (seer = current_setting('spil.seer', true));
CREATE POLICY own ON stream_head FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING (seer = current_setting('spil.seer', true));

-- What it was: about a young person as long as its receiver sees them; of an end until they are erased; about nobody always. Who else
-- was told is nobody's to read.
GRANT SELECT (id, type, subject_kind, student, case_type, case_n, details, recorded) ON outbox
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer";
GRANT SELECT (id, type, subject_kind, details, recorded) ON outbox TO "@db@_coordinator", "@db@_national";
CREATE POLICY received ON outbox FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING (current_setting('spil.seer', true) = ANY (seers) AND CASE subject_kind
        WHEN 'STUDENT' THEN (SELECT s.seen_until > now() FROM sight s
                             WHERE s.seer = current_setting('spil.seer', true) AND s.student = outbox.student)
        WHEN 'ENDING' THEN student IS NOT NULL
        ELSE true END);
CREATE POLICY received_about_nobody ON outbox FOR SELECT TO "@db@_coordinator", "@db@_national"
    USING (current_setting('spil.seer', true) = ANY (seers) AND subject_kind = 'NONE');
