-- why    webhooks: an endpoint per seer, its keys, and what is delivered to it, made in the transaction that gives positions
-- locks  event_log, briefly (a trigger); new tables
-- undo   DROP TRIGGER event_log_delivered ON event_log; DROP FUNCTION / VIEW / TABLE of what is made here, in reverse order
--
-- Laws
-- 1. A delivery is leased with a token and settled with that token: who was replaced settles nothing. No lock is held over the network.
-- 2. Of one endpoint and young person one delivery is out at a time, the oldest first; what is DONE or DEAD holds nobody back.
-- 3. A party reads its own endpoints, and never whom a delivery is about; the private keys and what is sent are the deliverer's alone.
-- 4. Epoch 0 is no position: position 1 of it is the challenge that proves who answers there, later ones are tests that were asked for.

CREATE TABLE webhook (
    id          uuid PRIMARY KEY,
    seer        text NOT NULL,
    url         text NOT NULL CHECK (url ~ '^https?://' AND length(url) <= 500),
    types       text[] NOT NULL DEFAULT '{}',        -- none: all, and then without a hole
    state       text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'ACTIVE', 'FAILED', 'DISABLED')),
    reason      text CHECK (reason IN ('NO_ANSWER', 'WRONG_ANSWER', 'NOT_ALLOWED', 'GONE', 'BY_PARTY')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz,
    ended_at    timestamptz,
    CHECK ((state IN ('FAILED', 'DISABLED')) = (reason IS NOT NULL)),
    CHECK ((state IN ('FAILED', 'DISABLED')) = (ended_at IS NOT NULL))
);
CREATE INDEX webhook_seer ON webhook (seer);

CREATE TABLE webhook_key (
    webhook  uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    n        integer NOT NULL CHECK (n > 0),
    key      text NOT NULL CHECK (key ~ '^whpk_[A-Za-z0-9+/]{43}=$'),
    sealed   bytea NOT NULL,                         -- the private key, under a key of the hub's that stands in no table
    from_at  timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (webhook, n)
);

CREATE TABLE delivery (
    webhook   uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    epoch     integer NOT NULL CHECK (epoch >= 0),
    pos       bigint NOT NULL CHECK (pos > 0),
    seer      text NOT NULL,
    person    uuid REFERENCES student ON DELETE SET NULL,
    state     text NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'SENDING', 'DONE', 'DEAD')),
    tries     integer NOT NULL DEFAULT 0,            -- that failed
    token     bigint NOT NULL DEFAULT 0,             -- of the latest lease
    leased_until timestamptz,
    next_at   timestamptz NOT NULL DEFAULT now(),
    code      text CHECK (code ~ '^([1-5][0-9]{2}|[A-Z_]{2,30})$'),   -- how the latest try ended
    ended_at  timestamptz,
    PRIMARY KEY (webhook, epoch, pos),
    CHECK ((state IN ('DONE', 'DEAD')) = (ended_at IS NOT NULL)),
    CHECK ((state = 'SENDING') <= (leased_until IS NOT NULL))
);
CREATE INDEX delivery_due ON delivery (webhook, next_at, epoch, pos) WHERE state = 'WAITING';
CREATE INDEX delivery_out ON delivery (webhook, leased_until) WHERE state = 'SENDING';
CREATE INDEX delivery_held ON delivery (webhook, person, epoch, pos) WHERE state IN ('WAITING', 'SENDING') AND person IS NOT NULL;
CREATE INDEX delivery_dead ON delivery (seer, webhook, epoch, pos) WHERE state = 'DEAD';
CREATE INDEX delivery_done ON delivery (webhook, ended_at) WHERE state = 'DONE';
CREATE INDEX delivery_person ON delivery (person) WHERE person IS NOT NULL;

-- Before positions are given, nobody knows of them; after, everybody who wanted them has them in a list.
CREATE FUNCTION deliver_logged() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $deliver$
BEGIN
    INSERT INTO delivery (webhook, epoch, pos, seer, person)
        SELECT w.id, l.epoch, l.pos, w.seer, o.student
        FROM logged l JOIN webhook w ON w.seer = l.seer AND w.state = 'ACTIVE' JOIN outbox o ON o.id = l.event
        WHERE w.types = '{}' OR o.type = ANY (w.types);
    RETURN NULL;
END
$deliver$;
REVOKE ALL ON FUNCTION deliver_logged() FROM PUBLIC;
CREATE TRIGGER event_log_delivered AFTER INSERT ON event_log REFERENCING NEW TABLE AS logged
    FOR EACH STATEMENT EXECUTE FUNCTION deliver_logged();

-- ---- the deliverer

-- Leases what is due: at most `most`, at most `each` of one endpoint with what is out already, the longest due first. Of one endpoint one
-- deliverer looks at a time, so that both counts are true; an endpoint that another looks at now is passed over.
CREATE FUNCTION lease_deliveries(most integer, each integer, lease interval)
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
    WITH room AS (
        SELECT h AS id, each - (SELECT count(*) FROM delivery d WHERE d.webhook = h AND d.state = 'SENDING') AS free FROM unnest(looked) h
    ), due AS (
        SELECT c.* FROM room r CROSS JOIN LATERAL (
            SELECT d.webhook, d.epoch, d.pos, d.next_at FROM delivery d
            WHERE d.webhook = r.id AND d.state = 'WAITING' AND d.next_at <= at AND (
                d.person IS NULL OR NOT EXISTS (
                    SELECT FROM delivery e WHERE e.webhook = d.webhook AND e.person = d.person AND e.state IN ('WAITING', 'SENDING')
                        AND (e.epoch, e.pos) <> (d.epoch, d.pos) AND (e.state = 'SENDING' OR (e.epoch, e.pos) < (d.epoch, d.pos))))
            ORDER BY d.next_at, d.epoch, d.pos LIMIT greatest(r.free, 0)) c
        ORDER BY c.next_at, c.epoch, c.pos LIMIT most
    )
    UPDATE delivery d SET state = 'SENDING', token = d.token + 1, leased_until = at + lease
        FROM due u WHERE d.webhook = u.webhook AND d.epoch = u.epoch AND d.pos = u.pos AND d.state = 'WAITING'
        RETURNING d.webhook, d.epoch, d.pos, d.token, d.tries;
END
$lease$;

-- Settles what came of leases. `outcome`: DONE; AGAIN after `pause`, one try the more; LATER after `pause`, which was nobody's fault;
-- DEAD. Gives what counted: who holds no lease any more changes nothing, but a success of a lease that nobody took since counts, however
-- late. Those of the same young person wait as long as their first one does, and no longer.
CREATE FUNCTION settle_deliveries(webhooks uuid[], epochs integer[], positions bigint[], tokens bigint[], outcomes text[], codes text[],
                                  pauses interval[])
    RETURNS TABLE (webhook uuid, epoch integer, pos bigint)
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $settle$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH told AS (
        SELECT * FROM unnest(webhooks, epochs, positions, tokens, outcomes, codes, pauses)
            t(webhook, epoch, pos, token, outcome, code, pause)
    ), counted AS (
        UPDATE delivery d SET
            state = CASE WHEN t.outcome = 'DONE' THEN 'DONE' WHEN t.outcome = 'DEAD' OR d.state = 'DEAD' THEN 'DEAD' ELSE 'WAITING' END,
            tries = d.tries + (t.outcome IN ('AGAIN', 'DEAD'))::int,
            next_at = CASE WHEN t.outcome IN ('AGAIN', 'LATER') THEN at + t.pause ELSE d.next_at END,
            code = coalesce(t.code, d.code),
            ended_at = CASE WHEN t.outcome IN ('DONE', 'DEAD') THEN at ELSE d.ended_at END
        FROM told t WHERE d.webhook = t.webhook AND d.epoch = t.epoch AND d.pos = t.pos AND d.token = t.token
            AND (d.state = 'SENDING' OR (t.outcome IN ('DONE', 'DEAD') AND d.state IN ('WAITING', 'DEAD')))
        RETURNING d.webhook, d.epoch, d.pos, d.person, d.state, d.next_at
    ), moved AS (
        UPDATE delivery d SET next_at = CASE WHEN c.state = 'WAITING' THEN c.next_at ELSE at END
        FROM counted c WHERE d.webhook = c.webhook AND d.person = c.person AND d.state = 'WAITING' AND d.tries = 0
            AND (d.epoch, d.pos) > (c.epoch, c.pos)
            AND d.next_at <> CASE WHEN c.state = 'WAITING' THEN c.next_at ELSE at END
            AND (c.state = 'WAITING' OR d.next_at > at)
    )
    SELECT c.webhook, c.epoch, c.pos FROM counted c;
END
$settle$;
REVOKE ALL ON FUNCTION lease_deliveries(integer, integer, interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION settle_deliveries(uuid[], integer[], bigint[], bigint[], text[], text[], interval[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lease_deliveries(integer, integer, interval) TO "@db@_worker";
GRANT EXECUTE ON FUNCTION settle_deliveries(uuid[], integer[], bigint[], bigint[], text[], text[], interval[]) TO "@db@_worker";

-- ---- the commands: each its own endpoints, and its own log

-- OPENED with the challenge on its way, or TOO_MANY: five that live are enough.
CREATE FUNCTION open_webhook(hook uuid, address text, wanted text[], public_key text, sealed_key bytea) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    IF coalesce(acting_seer(), '') = '' THEN
        RETURN 'REFUSED';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('spil webhooks ' || acting_seer(), 0));
    IF (SELECT count(*) FROM webhook w WHERE w.seer = acting_seer() AND w.state IN ('PENDING', 'ACTIVE')) >= 5 THEN
        RETURN 'TOO_MANY';
    END IF;
    INSERT INTO webhook (id, seer, url, types) VALUES (hook, acting_seer(), address, wanted);
    INSERT INTO webhook_key (webhook, n, key, sealed) VALUES (hook, 1, public_key, sealed_key);
    INSERT INTO delivery (webhook, epoch, pos, seer) VALUES (hook, 0, 1, acting_seer());
    RETURN 'OPENED';
END
$step$;

-- The state of an own endpoint, locked; null when there is none.
CREATE FUNCTION hold_webhook(hook uuid) RETURNS text
    LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $hold$
    SELECT w.state FROM webhook w WHERE w.id = hook AND w.seer = acting_seer() FOR NO KEY UPDATE
$hold$;

-- A new key from now on; the one before it signs beside it for a day, and what was older than that no more.
CREATE FUNCTION rotate_webhook_key(hook uuid, public_key text, sealed_key bytea) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    held text := hold_webhook(hook);
BEGIN
    IF coalesce(held, 'ENDED') NOT IN ('PENDING', 'ACTIVE') THEN
        RETURN coalesce(held, 'REFUSED');
    END IF;
    UPDATE webhook_key k SET until_at = least(k.until_at, CASE WHEN k.until_at = 'infinity' THEN now() + interval '1 day' ELSE now() END)
        WHERE k.webhook = hook AND k.until_at > now();
    INSERT INTO webhook_key (webhook, n, key, sealed)
        SELECT hook, max(k.n) + 1, public_key, sealed_key FROM webhook_key k WHERE k.webhook = hook;
    RETURN 'DONE';
END
$step$;

-- One test event, the same way as all others.
CREATE FUNCTION test_webhook(hook uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    held text := hold_webhook(hook);
BEGIN
    IF coalesce(held, 'ENDED') <> 'ACTIVE' THEN
        RETURN coalesce(held, 'REFUSED');
    END IF;
    IF (SELECT count(*) FROM delivery d WHERE d.webhook = hook AND d.epoch = 0 AND d.state IN ('WAITING', 'SENDING')) >= 5 THEN
        RETURN 'TOO_MANY';
    END IF;
    INSERT INTO delivery (webhook, epoch, pos, seer)
        SELECT hook, 0, coalesce(max(d.pos), 1) + 1, acting_seer() FROM delivery d WHERE d.webhook = hook AND d.epoch = 0;
    RETURN 'DONE';
END
$step$;

-- Everything of the own log in this range, anew or for the first time; what waits or is out stays as it is.
CREATE FUNCTION replay_webhook(hook uuid, from_epoch integer, from_pos bigint, to_epoch integer, to_pos bigint) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    held text := hold_webhook(hook);
    most CONSTANT integer := 10000;
BEGIN
    IF coalesce(held, 'ENDED') <> 'ACTIVE' THEN
        RETURN coalesce(held, 'REFUSED');
    END IF;
    IF (SELECT count(*) FROM (
            SELECT FROM event_log l WHERE l.seer = acting_seer() AND (l.epoch, l.pos) >= (from_epoch, from_pos)
                AND (l.epoch, l.pos) <= (to_epoch, to_pos) LIMIT most + 1) n) > most THEN
        RETURN 'TOO_MANY';
    END IF;
    INSERT INTO delivery AS d (webhook, epoch, pos, seer, person)
        SELECT w.id, l.epoch, l.pos, w.seer, o.student
        FROM webhook w JOIN event_log l ON l.seer = w.seer JOIN outbox o ON o.id = l.event
        WHERE w.id = hook AND (l.epoch, l.pos) >= (from_epoch, from_pos) AND (l.epoch, l.pos) <= (to_epoch, to_pos)
          AND (w.types = '{}' OR o.type = ANY (w.types))
        ON CONFLICT (webhook, epoch, pos) DO UPDATE SET state = 'WAITING', tries = 0, next_at = now(), code = NULL, ended_at = NULL,
            token = d.token + 1                      -- an answer to a sending of before says nothing about this one
            WHERE d.state IN ('DONE', 'DEAD');
    RETURN 'DONE';
END
$step$;

-- Ends an endpoint for good. What was not delivered is dead, and stays to be seen and to be pulled.
CREATE FUNCTION end_webhook(hook uuid, to_state text, why text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $end$
BEGIN
    UPDATE webhook w SET state = to_state, reason = why, ended_at = now() WHERE w.id = hook AND w.state IN ('PENDING', 'ACTIVE');
    IF FOUND THEN
        UPDATE delivery d SET state = 'DEAD', ended_at = now(), code = coalesce(d.code, 'DISABLED')
            WHERE d.webhook = hook AND d.state IN ('WAITING', 'SENDING');
    END IF;
END
$end$;
REVOKE ALL ON FUNCTION end_webhook(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_webhook(uuid, text, text) TO "@db@_worker", "@db@_keeper";

CREATE FUNCTION disable_webhook(hook uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    IF hold_webhook(hook) IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    PERFORM end_webhook(hook, 'DISABLED', 'BY_PARTY');
    RETURN 'DONE';
END
$step$;

GRANT SELECT, INSERT, UPDATE ON webhook, webhook_key, delivery TO "@db@_keeper";
GRANT SELECT ON event_log TO "@db@_keeper";
GRANT SELECT (id, type, student) ON outbox TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook, webhook_key, delivery TO "@db@_worker";
CREATE POLICY kept ON event_log FOR SELECT TO "@db@_keeper" USING (true);
CREATE POLICY kept ON outbox FOR SELECT TO "@db@_keeper" USING (true);
DO $own$
DECLARE
    name regprocedure;
    made text;
BEGIN
    FOREACH name IN ARRAY ARRAY['hold_webhook(uuid)', 'open_webhook(uuid, text, text[], text, bytea)',
                                'rotate_webhook_key(uuid, text, bytea)', 'test_webhook(uuid)',
                                'replay_webhook(uuid, integer, bigint, integer, bigint)', 'disable_webhook(uuid)']::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
        IF (SELECT p.prosecdef FROM pg_proc p WHERE p.oid = name) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', name, '@db@_command');
        END IF;
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', name, '@db@_keeper');
    END LOOP;
    FOREACH made IN ARRAY ARRAY['webhook', 'webhook_key', 'delivery'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', made);
        EXECUTE format('CREATE POLICY kept ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', made, '@db@_keeper');
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', made, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', made);
    END LOOP;
END
$own$;

-- ---- who reads: each its own
CREATE VIEW webhook_progress WITH (security_invoker = true) AS
    SELECT w.id AS webhook, w.seer,
           (SELECT count(*) FROM delivery d
            WHERE d.webhook = w.id AND d.epoch > 0 AND d.state IN ('WAITING', 'SENDING'))::integer AS waiting,
           (SELECT count(*) FROM delivery d
            WHERE d.webhook = w.id AND d.epoch > 0 AND d.seer = w.seer AND d.state = 'DEAD')::integer AS dead,
           (SELECT d.ended_at FROM delivery d WHERE d.webhook = w.id AND d.state = 'DONE' ORDER BY d.ended_at DESC LIMIT 1) AS delivered_at,
           (SELECT d.code FROM delivery d WHERE d.webhook = w.id AND d.epoch = 0 AND d.pos > 1 ORDER BY d.pos DESC LIMIT 1) AS tested
    FROM webhook w;
GRANT SELECT ON webhook_progress TO "@db@_worker";
DO $read$
DECLARE
    reader text;
    readers text := '';
BEGIN
    FOREACH reader IN ARRAY ARRAY['school', 'service_point', 'municipality', 'employer', 'coordinator', 'national'] LOOP
        readers := readers || format('%s%I', CASE readers WHEN '' THEN '' ELSE ', ' END, '@db@_' || reader);
    END LOOP;
    EXECUTE 'GRANT SELECT ON webhook, webhook_progress TO ' || readers;
    EXECUTE 'GRANT SELECT (webhook, n, key, from_at, until_at) ON webhook_key TO ' || readers;
    EXECUTE 'GRANT SELECT (webhook, epoch, pos, seer, state, tries, next_at, code, ended_at) ON delivery TO ' || readers;
END
$read$;
CREATE POLICY own ON webhook FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING (seer = current_setting('spil.seer', true));
CREATE POLICY own ON webhook_key FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING ((SELECT true FROM webhook w WHERE w.id = webhook_key.webhook));
CREATE POLICY own ON delivery FOR SELECT
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national"
    USING (seer = current_setting('spil.seer', true));
