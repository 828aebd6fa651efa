-- why    a handover ends with the consent that it rests on, and when its own school calls it off
-- locks  handover, briefly; triggers on access
-- undo   DROP TRIGGER access_handover ON access; DROP FUNCTION end_with_reason; the functions as 0010_access.sql has them; DROP COLUMN consent
--
-- Laws
-- 1. A handover that nobody accepted rests on one consent: its code ends with it, by withdrawal or by time, and for good.
-- 2. An accepted handover that nobody confirmed does not outlive the reason that it made. A trigger, so for everybody.
-- 3. Another consent revives no code: it takes a new round, or a new handover.

ALTER TABLE handover ADD COLUMN consent uuid REFERENCES consent;   -- null: made before this file, and settled since
CREATE INDEX handover_consent ON handover (consent) WHERE consent IS NOT NULL;
ALTER TABLE handover DROP CONSTRAINT handover_state_check;
ALTER TABLE handover ADD CONSTRAINT handover_state_check
    CHECK (state IN ('STARTED', 'EXPIRED', 'ACCEPTED', 'CONFIRMED', 'DECLINED', 'WITHDRAWN'));

-- What was started on a consent that is gone since, or that came later than the code, was worth nothing already.
UPDATE handover h SET consent = c.id, expires_at = least(h.expires_at, c.until_at)
    FROM consent c WHERE h.state = 'STARTED' AND c.id = (
        SELECT o.id FROM consent o WHERE o.student = h.student AND o.purpose = 'CONTINUE_SUPPORT' AND o.kind = 'INSTEMMING'
            AND o.seer = h.to_seer AND o.withdrawn_at IS NULL AND o.at <= h.minted_at ORDER BY o.until_at DESC LIMIT 1);
UPDATE handover h SET state = 'WITHDRAWN'
    WHERE (h.state = 'STARTED' AND h.consent IS NULL)
       OR (h.state = 'ACCEPTED' AND NOT EXISTS (
           SELECT FROM access a WHERE a.student = h.student AND a.seer = h.to_seer AND a.case_type = 'HANDOVER' AND a.case_n = h.n
               AND a.ended_at = 'infinity'));

SET LOCAL ROLE "@db@_keeper";   -- the functions are the keeper's; a replaced one keeps who may call it

-- The consent on which a receiver may continue the support; of several the one that lasts longest.
CREATE FUNCTION agreed_to_continue(young uuid, receiver text) RETURNS consent
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT c FROM consent c
    WHERE c.student = young AND c.purpose = 'CONTINUE_SUPPORT' AND c.kind = 'INSTEMMING' AND c.seer = receiver
      AND c.withdrawn_at IS NULL AND c.until_at > now() ORDER BY c.until_at DESC LIMIT 1
$ask$;

-- School: STARTED; the right itself comes with the acceptance, the consent must be there now. What ended by time makes room.
CREATE OR REPLACE FUNCTION start_handover(young uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    receiver text := covering(young);
    agreed consent;
BEGIN
    IF NOT guides(young) OR receiver IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    UPDATE handover h SET state = 'EXPIRED' WHERE h.student = young
        AND ((h.state = 'STARTED' AND h.expires_at <= now())
          OR (h.state = 'ACCEPTED' AND NOT EXISTS (
              SELECT FROM access a WHERE a.student = young AND a.seer = h.to_seer AND a.case_type = 'HANDOVER' AND a.case_n = h.n
                  AND a.ended_at = 'infinity' AND a.ends_at > now())));
    IF EXISTS (SELECT FROM handover h WHERE h.student = young AND h.state IN ('STARTED', 'ACCEPTED')) THEN
        RETURN 'OPEN_ALREADY';
    END IF;
    agreed := agreed_to_continue(young, receiver);
    IF agreed.id IS NULL THEN
        RETURN 'CONSENT_MISSING';
    END IF;
    INSERT INTO handover (student, n, from_seer, to_seer, consent, expires_at)
        SELECT young, coalesce(max(h.n), 0) + 1, acting_seer(), receiver, agreed.id, least(now() + interval '30 days', agreed.until_at)
        FROM handover h WHERE h.student = young;
    PERFORM tell('overdracht-gestart', young, 'HANDOVER', max(h.n), ARRAY[receiver], '{}') FROM handover h WHERE h.student = young;
    RETURN 'GIVEN';
END
$step$;

-- School: a new round of thirty days, under the consent that stands now; the code of the old one is worth nothing.
CREATE OR REPLACE FUNCTION renew_handover(young uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ handover;
    agreed consent;
BEGIN
    SELECT * INTO case_ FROM handover h WHERE h.student = young AND h.state = 'STARTED' AND guides(young);
    IF case_.id IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    agreed := agreed_to_continue(young, case_.to_seer);
    IF agreed.id IS NULL THEN
        RETURN 'CONSENT_MISSING';
    END IF;
    UPDATE handover h SET round = h.round + 1, minted_at = now(), consent = agreed.id,
        expires_at = least(now() + interval '30 days', agreed.until_at) WHERE h.id = case_.id;
    RETURN 'GIVEN';
END
$step$;

-- The addressed, who sees the identity: it is this person (CONFIRMED: the case number is the key from now on), another number
-- (back to ACCEPTED until confirmed again), or not this person (DECLINED: it sees no more; not after it was CONFIRMED).
CREATE OR REPLACE FUNCTION move_handover(young uuid, move text, own_number text, because text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ handover;
BEGIN
    SELECT * INTO case_ FROM handover h WHERE h.student = young AND h.to_seer = acting_seer()
        AND h.state IN ('ACCEPTED', 'CONFIRMED') ORDER BY h.n DESC LIMIT 1;
    IF case_.id IS NULL OR NOT EXISTS (SELECT FROM access a WHERE a.student = young AND a.seer = acting_seer() AND a.case_type = 'HANDOVER'
                                       AND a.case_n = case_.n AND a.ended_at = 'infinity' AND a.ends_at > now()) THEN
        RETURN 'REFUSED';
    END IF;
    IF case_.state = 'CONFIRMED' AND move <> 'RELINK' THEN
        RETURN 'CONFIRMED';
    END IF;
    UPDATE link k SET until_at = now() WHERE k.student = young AND k.source = acting_party() AND k.until_at = 'infinity';
    IF move = 'CONFIRM' THEN
        IF EXISTS (SELECT FROM link k WHERE k.source = acting_party() AND k.key = case_.case_number AND k.until_at = 'infinity') THEN
            RETURN 'OPEN_ALREADY';
        END IF;
        INSERT INTO link (student, source, key, from_at) VALUES (young, acting_party(), case_.case_number, clock_timestamp());
        UPDATE handover h SET state = 'CONFIRMED' WHERE h.id = case_.id;
    ELSIF move = 'RELINK' THEN
        UPDATE handover h SET state = 'ACCEPTED', case_number = own_number WHERE h.id = case_.id;
    ELSE
        UPDATE handover h SET state = 'DECLINED', reason = because WHERE h.id = case_.id;
        UPDATE access a SET ended_at = now() WHERE a.student = young AND a.seer = acting_seer() AND a.ended_at = 'infinity'
            AND a.case_type = 'HANDOVER' AND a.case_n = case_.n;
    END IF;
    RETURN 'GIVEN';
END
$step$;

-- Ends open reasons of one seer, and by the own school a handover to it that nobody accepted; gives how many.
-- The own school any but enrolment; every other party its own.
CREATE OR REPLACE FUNCTION finish(young uuid, whose text, wanted text) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $finish$
DECLARE
    ended integer;
    called_off integer;
BEGIN
    WITH gone AS (
        UPDATE access a SET ended_at = now()
            WHERE a.student = young AND a.seer = whose AND a.ended_at = 'infinity' AND a.ends_at > now() AND a.purpose <> 'ENROLMENT'
              AND (wanted IS NULL OR a.purpose = wanted) AND (a.seer = acting_seer() OR guides(young))
            RETURNING a.seer, a.student, a.purpose, a.case_type, a.case_n
    )
    INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
        SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', g.student, g.case_type, g.case_n, ARRAY[g.seer],
               jsonb_build_object('purpose', g.purpose)
        FROM gone g;
    GET DIAGNOSTICS ended = ROW_COUNT;
    UPDATE handover h SET state = 'WITHDRAWN' WHERE h.student = young AND h.to_seer = whose AND h.state = 'STARTED'
        AND coalesce(wanted, 'CONTINUE_SUPPORT') = 'CONTINUE_SUPPORT' AND guides(young);
    GET DIAGNOSTICS called_off = ROW_COUNT;
    RETURN ended + called_off;
END
$finish$;

-- ---- what follows, whoever did it

CREATE OR REPLACE FUNCTION end_with_consent() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $end$
BEGIN
    WITH gone AS (
        UPDATE access a SET ended_at = now() FROM changed c
            WHERE a.consent = c.id AND c.withdrawn_at IS NOT NULL AND a.ended_at = 'infinity' AND a.ends_at > now()
            RETURNING a.seer, a.student, a.purpose, a.case_type, a.case_n
    )
    INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
        SELECT 'nl.arbeidstoeleiding.toestemming-ingetrokken.v1', 'ENDING', g.student, g.case_type, g.case_n, ARRAY[g.seer],
               jsonb_build_object('purpose', g.purpose)
        FROM gone g ORDER BY g.student, g.seer, g.purpose;
    UPDATE safety_net x SET ended_at = now() FROM changed c
        WHERE x.consent = c.id AND c.withdrawn_at IS NOT NULL AND x.ended_at = 'infinity';
    UPDATE handover h SET state = 'WITHDRAWN' FROM changed c
        WHERE h.consent = c.id AND c.withdrawn_at IS NOT NULL AND h.state = 'STARTED';
    RETURN NULL;
END
$end$;

CREATE FUNCTION end_with_reason() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $end$
BEGIN
    UPDATE handover h SET state = 'WITHDRAWN'
        WHERE h.student = NEW.student AND h.to_seer = NEW.seer AND h.n = NEW.case_n AND h.state = 'ACCEPTED';
    RETURN NULL;
END
$end$;
REVOKE ALL ON FUNCTION agreed_to_continue(uuid, text) FROM PUBLIC;

RESET ROLE;

-- A trigger wants EXECUTE of who makes it; it is taken from everybody after that.
CREATE TRIGGER access_handover AFTER UPDATE ON access FOR EACH ROW
    WHEN (OLD.ended_at = 'infinity' AND NEW.ended_at <> 'infinity' AND NEW.case_type = 'HANDOVER')
    EXECUTE FUNCTION end_with_reason();
SET LOCAL ROLE "@db@_keeper";
REVOKE ALL ON FUNCTION end_with_reason() FROM PUBLIC;
RESET ROLE;
