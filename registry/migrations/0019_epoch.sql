-- why    a stream that first comes to be after a restore starts in the epoch of that restore; who leads, leads since then
-- locks  stream_head and leader, briefly
-- undo   ALTER TABLE stream_head ALTER COLUMN epoch SET DEFAULT 1; DROP FUNCTION epoch_now; DROP TABLE event_epoch; the column of leader
--
-- Laws
-- 1. No position is given twice, also not by a database that came back from a backup: after `spil events renew` every stream goes on in an
--    epoch that none had before, and so does one that this database has not seen yet.

CREATE TABLE event_epoch (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch integer NOT NULL DEFAULT 1 CHECK (epoch > 0)
);
INSERT INTO event_epoch DEFAULT VALUES;
GRANT SELECT, INSERT, UPDATE, DELETE ON event_epoch TO "@db@_worker";

CREATE FUNCTION epoch_now() RETURNS integer LANGUAGE sql STABLE SET search_path = public, pg_temp
    AS $ask$ SELECT e.epoch FROM event_epoch e $ask$;
REVOKE ALL ON FUNCTION epoch_now() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION epoch_now() TO "@db@_worker";
ALTER TABLE stream_head ALTER COLUMN epoch SET DEFAULT epoch_now();

ALTER TABLE leader ADD COLUMN since_at timestamptz;   -- when its holder took the lead

INSERT INTO leader (name) VALUES ('retention');

-- What an old outbox row waits for, before it is taken away, is asked by its day.
CREATE INDEX outbox_sequenced ON outbox (sequenced_at) WHERE sequenced_at IS NOT NULL;
