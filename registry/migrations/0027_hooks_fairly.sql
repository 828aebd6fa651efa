-- why    endpoints that hang held every place to send from, and a second rotation ended a key that was promised for a day
-- locks  delivery, for as long as one small partial index takes to build
-- undo   lease_deliveries and rotate_webhook_key as 0016_webhooks.sql has them; DROP INDEX delivery_failed
--
-- Laws
-- 1. An endpoint where nothing succeeded since something failed is in doubt: one delivery is out to it, until one succeeds.
-- 2. Who has less out goes first. No endpoint waits for another one's list.
-- 3. What is said of a key stays true: it signs until its `until_at`. At most three are valid at a time.

CREATE INDEX delivery_failed ON delivery (webhook, leased_until) WHERE state IN ('WAITING', 'SENDING') AND tries > 0;

-- Leases what is due: at most `most`, at most `each` of one endpoint with what is out already (one, where it is in doubt), those with the
-- least out first, then the longest due. Of one endpoint one deliverer looks at a time, so that both counts are true; an endpoint that
-- another looks at now is passed over.
--
-- In doubt: the latest try of what failed and waits, or is out again, was begun (its lease less the lease's length) after the latest
-- success. What is out since before that failure is not counted then: it will fail as well, or end the doubt. What was withheld by a filter
-- was not sent, and is no success.
CREATE OR REPLACE FUNCTION lease_deliveries(most integer, each integer, lease interval)
    RETURNS TABLE (webhook uuid, epoch integer, pos bigint, token bigint, tries integer)
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $lease$
DECLARE
    looked uuid[];
    at timestamptz;
BEGIN
    SELECT array_agg(l.id) INTO looked FROM (
        SELECT w.id FROM webhook w WHERE w.state IN ('PENDING', 'ACTIVE')
            AND (EXISTS (SELECT FROM delivery d WHERE d.webhook = w.id AND d.state = 'WAITING' AND d.next_at <= clock_timestamp())
              OR EXISTS (SELECT FROM delivery d WHERE d.webhook = w.id AND d.state = 'SENDING' AND d.leased_until <= clock_timestamp()))
        ORDER BY w.id FOR NO KEY UPDATE SKIP LOCKED) l;
    IF looked IS NULL THEN
        RETURN;
    END IF;
    at := clock_timestamp();                         -- after the locks, and so is the snapshot of what follows
    UPDATE delivery d SET state = 'WAITING' WHERE d.webhook = ANY (looked) AND d.state = 'SENDING' AND d.leased_until <= at;
    RETURN QUERY
    WITH looked_at AS (
        SELECT h AS id,
               (SELECT count(*) FROM delivery d WHERE d.webhook = h AND d.state = 'SENDING') AS held,
               (SELECT d.leased_until FROM delivery d WHERE d.webhook = h AND d.state IN ('WAITING', 'SENDING') AND d.tries > 0
                ORDER BY d.leased_until DESC LIMIT 1) AS failed,
               (SELECT CASE WHEN d.code <> 'WITHHELD' THEN d.ended_at END FROM delivery d WHERE d.webhook = h AND d.state = 'DONE'
                ORDER BY d.ended_at DESC LIMIT 1) AS succeeded
        FROM unnest(looked) h
    ), room AS (
        SELECT o.id, o.held, CASE
            WHEN o.failed IS NULL OR o.failed - lease <= o.succeeded THEN each - o.held
            ELSE least(each, 1) - (SELECT count(*) FROM delivery d WHERE d.webhook = o.id AND d.state = 'SENDING' AND (d.tries > 0
                OR d.leased_until > (SELECT max(e.leased_until) FROM delivery e
                                     WHERE e.webhook = o.id AND e.state = 'WAITING' AND e.tries > 0)))
            END AS free
        FROM looked_at o
    ), due AS (
        SELECT c.* FROM room r CROSS JOIN LATERAL (
            SELECT n.*, r.held + row_number() OVER (ORDER BY n.next_at, n.epoch, n.pos) AS rank FROM (
                SELECT d.webhook, d.epoch, d.pos, d.next_at FROM delivery d
                WHERE d.webhook = r.id AND d.state = 'WAITING' AND d.next_at <= at AND (
                    d.person IS NULL OR NOT EXISTS (
                        SELECT FROM delivery e WHERE e.webhook = d.webhook AND e.person = d.person AND e.state IN ('WAITING', 'SENDING')
                            AND (e.epoch, e.pos) <> (d.epoch, d.pos) AND (e.state = 'SENDING' OR (e.epoch, e.pos) < (d.epoch, d.pos))))
                ORDER BY d.next_at, d.epoch, d.pos LIMIT greatest(r.free, 0)) n) c
        ORDER BY c.rank, c.next_at, c.epoch, c.pos LIMIT most
    )
    UPDATE delivery d SET state = 'SENDING', token = d.token + 1, leased_until = at + lease
        FROM due u WHERE d.webhook = u.webhook AND d.epoch = u.epoch AND d.pos = u.pos AND d.state = 'WAITING'
        RETURNING d.webhook, d.epoch, d.pos, d.token, d.tries;
END
$lease$;

-- A new key from now on; the one before it signs beside it for a day. TOO_MANY while three are valid.
SET LOCAL ROLE "@db@_keeper";
CREATE OR REPLACE FUNCTION rotate_webhook_key(hook uuid, public_key text, sealed_key bytea) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    held text := hold_webhook(hook);
BEGIN
    IF coalesce(held, 'ENDED') NOT IN ('PENDING', 'ACTIVE') THEN
        RETURN coalesce(held, 'REFUSED');
    END IF;
    IF (SELECT count(*) FROM webhook_key k WHERE k.webhook = hook AND k.until_at > now()) >= 3 THEN
        RETURN 'TOO_MANY';
    END IF;
    UPDATE webhook_key k SET until_at = now() + interval '1 day' WHERE k.webhook = hook AND k.until_at = 'infinity';
    INSERT INTO webhook_key (webhook, n, key, sealed)
        SELECT hook, max(k.n) + 1, public_key, sealed_key FROM webhook_key k WHERE k.webhook = hook;
    RETURN 'DONE';
END
$step$;
RESET ROLE;
