-- why    what a municipality's own system tells has the effect that its command has
-- locks  inbound_event, briefly
-- undo   DROP FUNCTION take_inbound; ALTER TABLE inbound_event DROP COLUMN outcome
--
-- Laws
-- 1. An event does what its sender's seer may do by command, and nothing more: it goes through the same functions.
-- 2. The event and its effect are one transaction: what was taken has happened, what was refused has not, and the sender is told which.

ALTER TABLE inbound_event ADD COLUMN outcome text CHECK (outcome IN ('GIVEN', 'OPEN_ALREADY'));   -- null: came before this file

SET LOCAL ROLE "@db@_keeper";

-- Whom an event is about: by the sender's own case, or by the pseudonym that it was given. Locked.
CREATE FUNCTION hold_told(case_number text, pseudonym uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $hold$
DECLARE
    young uuid;
BEGIN
    SELECT t.student INTO young FROM sight t
        WHERE t.seer = acting_seer() AND t.seen_until > now() AND (
            (pseudonym IS NOT NULL AND t.alias = pseudonym)
            OR (pseudonym IS NULL AND t.student = (SELECT k.student FROM link k WHERE k.source = acting_party()
                                                   AND k.key = case_number AND k.until_at = 'infinity')));
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    RETURN young;
END
$hold$;

-- The placement that an event names, or else the one that there is: PLANNED or RUNNING, and for a report one that ended lately.
CREATE FUNCTION placement_told(young uuid, named text, kinds text[]) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $told$
DECLARE
    found integer[];
BEGIN
    SELECT array_agg(p.n) INTO found FROM placement p JOIN sight t ON t.student = p.student AND t.seer = acting_seer()
        WHERE p.student = young AND CASE WHEN named IS NULL THEN p.state = ANY (kinds)
            ELSE named = 'Placement:' || t.alias || '.' || left(md5(t.id_salt::text || 'Placement' || p.n::text), 12) END;
    RETURN CASE WHEN cardinality(found) = 1 THEN found[1] END;
END
$told$;

-- Word: GIVEN; OPEN_ALREADY: it was known; REFUSED: no such case, or not the sender's; CONFLICT: its state; RANGE: a day that no command
-- takes; NOBODY: nobody would hear it.
CREATE FUNCTION take_inbound(sender text, what text, subject uuid, told jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $take$
DECLARE
    young uuid;
    number integer;
    word text;
BEGIN
    PERFORM set_config('spil.seer', sender, true);
    young := hold_told(told ->> 'case', coalesce(subject, substring(told ->> 'student' FROM 'Student:(.*)')::uuid));
    IF young IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    -- the days that a command takes (resolvers/placements.py, resolvers/uitval.py)
    IF (told ->> 'ended_on')::date NOT BETWEEN today() - 366 AND today() OR (told ->> 'planned_on')::date NOT BETWEEN today() AND today() + 366
        OR (told ->> 'to_on')::date NOT BETWEEN today() AND today() + 2192
        OR abs(extract(year FROM (told ->> 'from_on')::date) - extract(year FROM today())) > 1
        OR (told ->> 'to_on')::date < (told ->> 'from_on')::date THEN
        RETURN 'RANGE';
    END IF;
    IF what LIKE 'plaatsing-%' OR what = 'uitval-gemeld' THEN
        number := placement_told(young, told ->> 'placement', ARRAY['PLANNED', 'RUNNING']);
    ELSE
        SELECT u.n INTO number FROM uitval u WHERE u.student = young AND u.basis = 'TOLD' AND u.state NOT IN ('CLOSED', 'WITHDRAWN')
            ORDER BY u.reported_at DESC LIMIT 1;
    END IF;
    IF what = 'plaatsing-gestart' THEN
        IF EXISTS (SELECT FROM placement p WHERE p.student = young AND p.state <> 'ENDED'
                   AND (p.kind, p.employer) = (told ->> 'kind', told ->> 'employer_kvk')) THEN
            RETURN 'OPEN_ALREADY';
        END IF;
        RETURN CASE WHEN start_placement(young, told ->> 'kind', told ->> 'employer_kvk', NULL, NULL, (told ->> 'from_on')::date,
                                         (told ->> 'to_on')::date, NULL) IS NULL THEN 'REFUSED' ELSE 'GIVEN' END;
    ELSIF number IS NULL AND what = 'uitval-gemeld' AND told ->> 'placement' IS NULL AND EXISTS (
        SELECT FROM uitval u WHERE u.student = young AND u.basis = 'TOLD' AND u.state NOT IN ('CLOSED', 'WITHDRAWN')) THEN
        RETURN 'OPEN_ALREADY';
    ELSIF number IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    IF what = 'uitval-gemeld' THEN
        SELECT r.word INTO word FROM report_uitval(young, number, coalesce(told ->> 'ending', 'UNKNOWN'), (told ->> 'ended_on')::date) r;
        RETURN word;
    END IF;
    RETURN CASE what
        WHEN 'plaatsing-verlengd' THEN extend_placement(young, number, (told ->> 'to_on')::date)
        WHEN 'plaatsing-beeindigd' THEN end_placement(young, number, (told ->> 'ended_on')::date)
        WHEN 'uitval-opgepakt' THEN move_uitval(young, number, 'ACKNOWLEDGE', NULL, NULL)
        WHEN 'uitval-ingetrokken' THEN move_uitval(young, number, 'WITHDRAW', NULL, NULL)
        WHEN 'loopbaangesprek-gepland' THEN move_uitval(young, number, 'PLAN', (told ->> 'planned_on')::date, NULL)
        ELSE 'REFUSED' END;
END
$take$;
REVOKE ALL ON FUNCTION hold_told(text, uuid), placement_told(uuid, text, text[]), take_inbound(text, text, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_inbound(text, text, uuid, jsonb) TO "@db@_worker";

RESET ROLE;
