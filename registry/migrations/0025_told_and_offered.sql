-- why    an event that came in could name two people, and was done to one of them; who was offered the lead could not see that it was
-- locks  lead_offer and due, briefly
-- undo   DROP TRIGGER offer_made, offer_settled; DROP FUNCTION offer_due; the due items and the clock of process LEAD deleted; lead_due as
--        0017_clocks.sql, take_inbound and hold_told as 0018_inbound_effects.sql have them; DROP FUNCTION people_told
--
-- Laws
-- 1. All that an event names - its subject, its student, its case - is the same young person, and each of them is known to the sender's seer.
--    Else nothing is done: TWO_PEOPLE where they are known and differ, REFUSED where one of them is nobody that the seer sees.
-- 2. An offer of the lead is due to whom it is made, as long as it can be accepted. Nobody is reminded of it, and nobody is late.

INSERT INTO clock (process, step, length, calendar, escalates, source) VALUES
    ('LEAD', 'ANSWER', 10, 'OFFICE', NULL, 'our choice: the lead stays where it is until somebody accepts it');

SET LOCAL ROLE "@db@_keeper";

-- Each that is named, one row per name; null: nobody that the seer sees.
CREATE FUNCTION people_told(case_number text, pseudonyms uuid[]) RETURNS SETOF uuid
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $told$
    SELECT (SELECT t.student FROM sight t WHERE t.seer = acting_seer() AND t.seen_until > now() AND t.alias = p.alias)
    FROM unnest(pseudonyms) p(alias) WHERE p.alias IS NOT NULL
    UNION ALL
    SELECT (SELECT t.student FROM sight t JOIN link k ON k.student = t.student
            WHERE t.seer = acting_seer() AND t.seen_until > now()
              AND k.source = acting_party() AND k.key = case_number AND k.until_at = 'infinity')
    WHERE case_number IS NOT NULL
$told$;

-- Whom an event is about, locked; a word where it is nobody, or not one.
CREATE FUNCTION hold_told(case_number text, pseudonyms uuid[], OUT young uuid, OUT word text)
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $hold$
DECLARE
    people uuid[];
BEGIN
    SELECT array_agg(DISTINCT p) INTO people FROM people_told(case_number, pseudonyms) p;
    IF cardinality(array_remove(people, NULL)) > 1 THEN
        word := 'TWO_PEOPLE';
    ELSIF people[1] IS NULL OR cardinality(people) > 1 THEN
        word := 'REFUSED';
    ELSE
        young := people[1];
        PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    END IF;
END
$hold$;

-- Word: as in 0018_inbound_effects.sql, and TWO_PEOPLE.
CREATE OR REPLACE FUNCTION take_inbound(sender text, what text, subject uuid, told jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $take$
DECLARE
    young uuid;
    number integer;
    word text;
BEGIN
    PERFORM set_config('spil.seer', sender, true);
    SELECT h.young, h.word INTO young, word
        FROM hold_told(told ->> 'case', ARRAY[subject, substring(told ->> 'student' FROM 'Student:(.*)')::uuid]) h;
    IF young IS NULL THEN
        RETURN word;
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
DROP FUNCTION hold_told(text, uuid);
REVOKE ALL ON FUNCTION people_told(text, uuid[]), hold_told(text, uuid[]) FROM PUBLIC;

-- ---- what was offered

CREATE FUNCTION offer_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    PERFORM end_due(NEW.student, 'LEAD', NULL);
    INSERT INTO due (seer, student, process, step, due_at)
        SELECT NEW.to_seer, NEW.student, c.process, c.step,
               due_after(NEW.offered_at, c.length, c.calendar, school_region_of(NEW.to_seer))
        FROM clock c WHERE (c.process, c.step) = ('LEAD', 'ANSWER') AND NEW.state = 'OFFERED';
    RETURN NULL;
END
$due$;

-- A new lead: what was due to another is due to it, under ids of its own; and what was due to nobody meanwhile.
CREATE OR REPLACE FUNCTION lead_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
DECLARE
    left_ due[];
BEGIN
    -- whatever the former lead offered is worth nothing; settle_lead notes after this which offer was accepted
    UPDATE lead_offer o SET state = 'LAPSED', settled_at = now() WHERE o.student = NEW.student AND o.state = 'OFFERED';
    SELECT array_agg(d) INTO left_ FROM due d WHERE d.student = NEW.student AND d.done_at IS NULL AND d.seer <> NEW.seer;
    IF left_ IS NOT NULL THEN
        PERFORM end_due(NEW.student, NULL, NULL);
        PERFORM make_due(NEW.student, d.process, d.step, d.case_type, d.case_n, d.due_at) FROM unnest(left_) d;
    END IF;
    PERFORM start_uitval_clock(u) FROM uitval u
        WHERE u.student = NEW.student AND u.state IN ('SIGNALLED', 'REPORTED', 'PICKED_UP', 'INTERVIEW_PLANNED');
    RETURN NULL;
END
$due$;

-- What is offered at this moment, and still can be accepted.
INSERT INTO due (seer, student, process, step, due_at)
    SELECT o.to_seer, o.student, c.process, c.step, due_after(now(), c.length, c.calendar, school_region_of(o.to_seer))
    FROM lead_offer o JOIN clock c ON (c.process, c.step) = ('LEAD', 'ANSWER')
    JOIN lead l ON l.student = o.student AND l.seer = o.from_seer AND l.until_at = 'infinity' WHERE o.state = 'OFFERED';

RESET ROLE;

CREATE TRIGGER offer_made AFTER INSERT ON lead_offer FOR EACH ROW EXECUTE FUNCTION offer_due();
CREATE TRIGGER offer_settled AFTER UPDATE ON lead_offer FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION offer_due();

SET LOCAL ROLE "@db@_keeper";
REVOKE ALL ON FUNCTION offer_due() FROM PUBLIC;
RESET ROLE;
