-- why    where to go on from a cursor that leads nowhere passed over events: numbered anew below the end of a log that lost its tail, aged at
--        the beginning of an epoch that is over, or of an epoch between that one and the newest
-- locks  none
-- undo   cursor_lives as 0022_cursor_lives.sql has it; DROP FUNCTION cursor_moved
--
-- Laws
-- 1. One rule says whether a cursor leads on, and where from if not: the page (cursor_lives) and the streams (registry/event_heads.py) ask it.
-- 2. Nothing that is held is passed over: the place to go on from is the one before the first that is held and that the cursor has not passed.
-- 3. A log loses its oldest rows only (registry/event_log.py, law 4): what an epoch that is over lacks before its first row is too old to be had.

-- `why` is NULL where the cursor lives: SP001 the epoch changed, SP002 what follows is not kept; then the place says where to go on.
CREATE FUNCTION cursor_moved(whose text, given_epoch integer, given_pos bigint, OUT why text, OUT to_epoch integer, OUT to_pos bigint)
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $moved$
DECLARE
    head stream_head;
    held record;
BEGIN
    SELECT * INTO head FROM stream_head h WHERE h.seer = whose;
    to_epoch := coalesce(head.epoch, 1);             -- who was never told anything is at the beginning
    to_pos := coalesce(head.kept_after, 0);
    IF given_epoch = to_epoch THEN
        why := CASE WHEN given_pos > coalesce(head.pos, 0) THEN 'SP001'   -- of a log that was longer: a restore that nobody renewed
                    WHEN given_pos < to_pos THEN 'SP002' END;
        RETURN;
    END IF;
    IF given_epoch < to_epoch AND EXISTS (
            SELECT FROM event_log e WHERE e.seer = whose AND e.epoch = given_epoch AND e.pos > given_pos) THEN
        SELECT min(e.pos) - 1 AS pos INTO held FROM event_log e WHERE e.seer = whose AND e.epoch = given_epoch;
        IF given_pos < held.pos THEN
            why := 'SP002'; to_epoch := given_epoch; to_pos := held.pos;
        END IF;
        RETURN;
    END IF;
    why := 'SP001';
    SELECT e.epoch, e.pos - 1 AS pos INTO held FROM event_log e   -- two restores ago: what is held of an epoch between comes first
        WHERE e.seer = whose AND e.epoch > given_epoch AND e.epoch < to_epoch ORDER BY e.epoch, e.pos LIMIT 1;
    IF FOUND THEN
        to_epoch := held.epoch; to_pos := held.pos;
    END IF;
END
$moved$;
REVOKE ALL ON FUNCTION cursor_moved(text, integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cursor_moved(text, integer, bigint) TO "@db@_worker",
    "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national";

CREATE OR REPLACE FUNCTION cursor_lives(given_epoch integer, given_pos bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $lives$
DECLARE
    moved record;
BEGIN
    SELECT * INTO moved FROM cursor_moved(acting_seer(), given_epoch, given_pos);
    IF moved.why IS NOT NULL THEN
        RAISE EXCEPTION 'this cursor leads nowhere' USING ERRCODE = moved.why, DETAIL = moved.to_epoch || '.' || moved.to_pos;
    END IF;
    RETURN true;
END
$lives$;
