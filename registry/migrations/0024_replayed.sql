-- why    a replay of what was delivered once is no loss when it fails: it was DONE; and a range that the log does not have is told
-- locks  delivery, briefly (a column)
-- undo   end_webhook and replay_webhook as 0016_webhooks.sql has them; ALTER TABLE delivery DROP COLUMN done_at
--
-- Laws
-- 1. What was DONE once is never counted among the dead because its endpoint ended.

ALTER TABLE delivery ADD COLUMN done_at timestamptz;  -- of what is sent again: when it was delivered before

SET LOCAL ROLE "@db@_keeper";
CREATE OR REPLACE FUNCTION replay_webhook(hook uuid, from_epoch integer, from_pos bigint, to_epoch integer, to_pos bigint) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    held text := hold_webhook(hook);
    most CONSTANT integer := 10000;
    found integer;
BEGIN
    IF coalesce(held, 'ENDED') <> 'ACTIVE' THEN
        RETURN coalesce(held, 'REFUSED');
    END IF;
    SELECT count(*) INTO found FROM (
        SELECT FROM event_log l WHERE l.seer = acting_seer() AND (l.epoch, l.pos) >= (from_epoch, from_pos)
            AND (l.epoch, l.pos) <= (to_epoch, to_pos) LIMIT most + 1) n;
    IF found = 0 THEN
        RETURN 'NOTHING';
    ELSIF found > most THEN
        RETURN 'TOO_MANY';
    END IF;
    INSERT INTO delivery AS d (webhook, epoch, pos, seer, person)
        SELECT w.id, l.epoch, l.pos, w.seer, o.student
        FROM webhook w JOIN event_log l ON l.seer = w.seer JOIN outbox o ON o.id = l.event
        WHERE w.id = hook AND (l.epoch, l.pos) >= (from_epoch, from_pos) AND (l.epoch, l.pos) <= (to_epoch, to_pos)
          AND (w.types = '{}' OR o.type = ANY (w.types))
        ON CONFLICT (webhook, epoch, pos) DO UPDATE SET state = 'WAITING', tries = 0, next_at = now(), code = NULL, ended_at = NULL,
            done_at = CASE WHEN d.state = 'DONE' THEN d.ended_at ELSE d.done_at END,
            token = d.token + 1                      -- an answer to a sending of before says nothing about this one
            WHERE d.state IN ('DONE', 'DEAD');
    RETURN 'DONE';
END
$step$;
RESET ROLE;

CREATE OR REPLACE FUNCTION end_webhook(hook uuid, to_state text, why text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $end$
BEGIN
    UPDATE webhook w SET state = to_state, reason = why, ended_at = now() WHERE w.id = hook AND w.state IN ('PENDING', 'ACTIVE');
    IF FOUND THEN
        UPDATE delivery d SET state = CASE WHEN d.done_at IS NULL THEN 'DEAD' ELSE 'DONE' END, ended_at = coalesce(d.done_at, now()),
                code = coalesce(d.code, 'DISABLED')
            WHERE d.webhook = hook AND d.state IN ('WAITING', 'SENDING');
    END IF;
END
$end$;
