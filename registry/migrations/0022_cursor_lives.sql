-- why    after a restore, what is left of an old epoch is read to its end; then the reader is told, and where to go on
-- locks  none
-- undo   cursor_lives as 0015_uitval.sql has it
--
-- The place to go on from stands in the error's detail, as `<epoch>.<pos>`: the gateway seals it for who asked.

CREATE OR REPLACE FUNCTION cursor_lives(given_epoch integer, given_pos bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $lives$
DECLARE
    head stream_head;
BEGIN
    SELECT * INTO head FROM stream_head h WHERE h.seer = acting_seer();
    IF head.epoch <> given_epoch THEN
        IF NOT EXISTS (SELECT FROM event_log e WHERE e.seer = acting_seer() AND e.epoch = given_epoch AND e.pos > given_pos) THEN
            RAISE EXCEPTION 'the epoch of this cursor is over' USING ERRCODE = 'SP001', DETAIL = head.epoch || '.0';
        END IF;
    ELSIF given_pos < head.kept_after THEN
        RAISE EXCEPTION 'what follows this cursor is not kept any more'
            USING ERRCODE = 'SP002', DETAIL = head.epoch || '.' || head.kept_after;
    ELSIF given_pos > head.pos THEN                  -- of a log that was longer: a restore that nobody renewed
        RAISE EXCEPTION 'this cursor lies behind the end of the log' USING ERRCODE = 'SP001', DETAIL = head.epoch || '.' || head.pos;
    END IF;
    RETURN true;
END
$lives$;
