-- why    a silence shows nowhere: its placement stays as it is until somebody says what became of it
-- locks  outbox and placement, briefly
-- undo   DROP TRIGGER placement_goes_on; the functions as 0015_uitval.sql and 0017_clocks.sql have them; DROP CONSTRAINT outbox_seers_named
--
-- Laws
-- 1. Nobody but the lead can tell a placement whose loss is presumed from one that goes on: it is ENDED only when somebody said so.
-- 2. A presumption is dropped by whatever contradicts it: another last day, an end as was agreed, the lead's word.
-- 3. Each receiver of an event has a name: one without would stop the log of everybody.

ALTER TABLE outbox ADD CONSTRAINT outbox_seers_named CHECK (array_position(seers, NULL) IS NULL);

SET LOCAL ROLE "@db@_keeper";

CREATE FUNCTION is_presumed(placed placement) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT EXISTS (SELECT FROM uitval u WHERE u.student = placed.student AND u.placement_n = placed.n AND u.state = 'SIGNALLED')
$ask$;

-- It was not so: the lead, who was told, hears it; nobody else ever knew.
CREATE FUNCTION drop_presumption(young uuid, placement_number integer) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $drop$
DECLARE
    number integer;
BEGIN
    UPDATE uitval u SET state = 'WITHDRAWN', closed_at = now()
        WHERE u.student = young AND u.placement_n = placement_number AND u.state = 'SIGNALLED' RETURNING u.n INTO number;
    IF number IS NOT NULL THEN
        PERFORM tell('uitval-ingetrokken', young, 'UITVAL', number, seeing_lead(young), '{}');
    END IF;
END
$drop$;

CREATE FUNCTION placement_goes_on() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $on$
BEGIN
    PERFORM drop_presumption(NEW.student, NEW.n);
    RETURN NULL;
END
$on$;

CREATE OR REPLACE FUNCTION report_uitval(young uuid, placement_number integer, how_it_ended text, last_day date)
    RETURNS TABLE (word text, number integer) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $report$
DECLARE
    placed placement;
    known uitval;
BEGIN
    number := NULL;
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = placement_number;
    SELECT * INTO known FROM uitval u WHERE u.student = young AND u.placement_n = placement_number AND u.state <> 'WITHDRAWN'
        ORDER BY u.n DESC LIMIT 1;
    word := CASE
        WHEN NOT places(young, placed.employer) THEN 'REFUSED'
        WHEN known.basis = 'TOLD' THEN 'OPEN_ALREADY'
        WHEN last_day IS NULL AND known.n IS NULL THEN 'CONFLICT'
        WHEN last_day < placed.from_on OR (is_internship(placed.kind) AND placed.state = 'ENDED') THEN 'CONFLICT'
        ELSE 'GIVEN' END;
    IF word <> 'GIVEN' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF is_internship(placed.kind) THEN
        PERFORM close_placement(young, placement_number, last_day);
        PERFORM tell('stage-afgebroken', young, 'PLACEMENT', placement_number, followers(young, true), '{}');
        RETURN NEXT;
        RETURN;
    END IF;
    IF placed.state <> 'ENDED' OR placed.to_on <> last_day THEN
        PERFORM close_placement(young, placement_number, coalesce(last_day, known.ended_on));
    END IF;
    number := known.n;
    IF number IS NULL THEN
        SELECT coalesce(max(u.n), 0) + 1 INTO number FROM uitval u WHERE u.student = young;
        INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, was_to_on)
            VALUES (young, number, placement_number, 'PRESUMED', 'SIGNALLED', last_day, placed.to_on);
    ELSE
        UPDATE uitval u SET ended_on = coalesce(last_day, u.ended_on) WHERE u.student = young AND u.n = number;
    END IF;
    word := uitval_told(young, number, how_it_ended, acting_seer());
    RETURN NEXT;
END
$report$;

-- The lead: what was presumed is so.
CREATE OR REPLACE FUNCTION confirm_uitval(young uuid, number integer, how_it_ended text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ uitval;
BEGIN
    IF NOT leads(young) THEN
        RETURN 'REFUSED';
    END IF;
    SELECT * INTO case_ FROM uitval u WHERE u.student = young AND u.n = number AND u.state = 'SIGNALLED';
    IF case_.n IS NULL THEN
        RETURN 'CONFLICT';
    END IF;
    PERFORM close_placement(young, case_.placement_n, case_.ended_on);
    RETURN uitval_told(young, number, how_it_ended, acting_seer());
END
$step$;

-- As was agreed: nothing was lost.
CREATE OR REPLACE FUNCTION end_placement(young uuid, number integer, last_day date) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    IF NOT places(young, placed.employer) THEN
        RETURN 'REFUSED';
    END IF;
    IF placed.state = 'ENDED' OR last_day < placed.from_on THEN
        RETURN 'CONFLICT';
    END IF;
    PERFORM drop_presumption(young, number);
    PERFORM close_placement(young, number, last_day);
    PERFORM tell('plaatsing-beeindigd', young, 'PLACEMENT', number,
                 followers(young, is_internship(placed.kind)) || employer_of(young, number), '{}');
    RETURN 'GIVEN';
END
$step$;

CREATE OR REPLACE FUNCTION move_uitval(young uuid, number integer, wanted text, day date, step text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ uitval;
    way uitval_move;
    told text[];
    teller text[];
BEGIN
    SELECT * INTO case_ FROM uitval u WHERE u.student = young AND u.n = number;
    SELECT * INTO way FROM uitval_move m WHERE m.move = wanted;
    IF NOT leads(young) OR case_.n IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    IF case_.state <> ALL (way."from") THEN
        RETURN 'CONFLICT';
    END IF;
    told := CASE WHEN case_.basis = 'TOLD' THEN followers(young, false) ELSE ARRAY[acting_seer()] END;
    -- an employer who told hears that somebody took it up, or that it was not so
    teller := CASE WHEN case_.reported_by LIKE 'employer:%' THEN ARRAY[case_.reported_by] ELSE '{}' END;
    UPDATE uitval u SET state = way."to",
        picked_up_at = CASE WHEN wanted IN ('ACKNOWLEDGE', 'PLAN') THEN coalesce(u.picked_up_at, now()) ELSE u.picked_up_at END,
        interview_on = CASE WHEN wanted = 'PLAN' THEN day ELSE u.interview_on END,
        held_on = CASE WHEN wanted = 'HOLD' THEN day ELSE u.held_on END,
        next_step = coalesce(step, u.next_step),
        closed_at = CASE WHEN wanted IN ('CLOSE', 'WITHDRAW') THEN now() ELSE u.closed_at END
        WHERE u.student = young AND u.n = number;
    IF wanted = 'PLAN' AND case_.state = 'REPORTED' THEN
        PERFORM tell('uitval-opgepakt', young, 'UITVAL', number, told || teller, '{}');
    END IF;
    IF way.told IS NOT NULL THEN
        PERFORM tell(way.told, young, 'UITVAL', number,
                     told || CASE WHEN wanted IN ('ACKNOWLEDGE', 'WITHDRAW') THEN teller ELSE '{}' END, '{}');
    END IF;
    IF wanted = 'WITHDRAW' AND case_.basis = 'PRESUMED' THEN   -- nothing was lost: it ended as was agreed
        PERFORM close_placement(young, case_.placement_n, case_.was_to_on);
        PERFORM tell('plaatsing-beeindigd', young, 'PLACEMENT', case_.placement_n,
                     followers(young, false) || employer_of(young, case_.placement_n), '{}');
    ELSIF wanted = 'WITHDRAW' THEN                   -- the place is not lost: it is as it was
        UPDATE placement p SET to_on = case_.was_to_on,
            state = CASE WHEN p.from_on > today() THEN 'PLANNED' WHEN case_.was_to_on < today() THEN 'ENDED' ELSE 'RUNNING' END
            WHERE p.student = young AND p.n = case_.placement_n;
        PERFORM keep_placement_reasons(young, case_.placement_n);
    END IF;
    IF wanted IN ('CLOSE', 'WITHDRAW') THEN
        PERFORM end_uitval_reasons(young, number);
    END IF;
    RETURN 'GIVEN';
END
$step$;

-- Its day came and went. Answered ENDS: it was told. Unknown, or silence: it is presumed, and told to the lead alone.
CREATE OR REPLACE FUNCTION end_by_date(placed placement, day date) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $end$
DECLARE
    said placement_question;
    number integer;
    lost boolean := NOT is_internship(placed.kind) AND NOT goes_on(placed) AND placed.to_on >= day -
        (SELECT c.length FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step = 'PRESUMED_WITHIN');
BEGIN
    SELECT * INTO said FROM placement_question q WHERE q.student = placed.student AND q.placement_n = placed.n
        AND q.to_on = placed.to_on AND q.answer IS NOT NULL ORDER BY q.answered_at DESC LIMIT 1;
    IF lost AND coalesce(said.answer, 'UNKNOWN') <> 'ENDS' AND cardinality(seeing_lead(placed.student)) > 0 THEN
        number := presume_uitval(placed.student, placed.n);
        IF number IS NOT NULL THEN                   -- the placement stays as it is until somebody says what became of it
            PERFORM end_due(placed.student, 'PLACEMENT_END', placed.n);
            PERFORM start_uitval_clock(u) FROM uitval u WHERE u.student = placed.student AND u.n = number;
            RETURN;
        END IF;
    END IF;
    PERFORM close_placement(placed.student, placed.n, placed.to_on);
    IF lost AND said.answer = 'ENDS' THEN
        BEGIN
            SELECT coalesce(max(u.n), 0) + 1 INTO number FROM uitval u WHERE u.student = placed.student;
            INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, was_to_on)
                VALUES (placed.student, number, placed.n, 'PRESUMED', 'SIGNALLED', placed.to_on, placed.to_on);
            IF uitval_told(placed.student, number, 'CONTRACT_ENDED', said.answered_by) <> 'GIVEN' THEN
                RAISE no_data_found;                 -- nobody follows: there is no uitval that nobody hears
            END IF;
            RETURN;
        EXCEPTION WHEN no_data_found THEN
            NULL;
        END;
    END IF;
    PERFORM tell('plaatsing-beeindigd', placed.student, 'PLACEMENT', placed.n,
                 followers(placed.student, is_internship(placed.kind)) || employer_of(placed.student, placed.n), '{}');
END
$end$;

-- All that the clocks have to do for one young person at an instant; gives how many things were done.
CREATE OR REPLACE FUNCTION clocks_tick(young uuid, at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $tick$
DECLARE
    day date := (at AT TIME ZONE 'Europe/Amsterdam')::date;
    placed placement;
    late due;
    moment integer;
    changed integer;
    done integer := 0;
BEGIN
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    UPDATE placement p SET state = 'RUNNING' WHERE p.student = young AND p.state = 'PLANNED' AND p.from_on <= day;
    GET DIAGNOSTICS done = ROW_COUNT;
    FOR placed IN SELECT * FROM placement p WHERE p.student = young AND p.state <> 'ENDED' AND p.to_on IS NOT NULL
        AND NOT is_presumed(p) ORDER BY p.to_on, p.n LOOP
        moment := moment_to_ask(placed, day);
        IF placed.to_on < day THEN
            PERFORM end_by_date(placed, day);
        ELSIF moment IS NOT NULL THEN
            PERFORM ask_about_end(placed, moment, at);
        END IF;
        done := done + (placed.to_on < day OR moment IS NOT NULL)::integer;
    END LOOP;
    done := done + lapse_lead(young, at);
    FOR late IN SELECT * FROM due d WHERE d.student = young AND d.next_at <= at ORDER BY d.next_at, d.id LOOP
        PERFORM pass_due(late, at);
        done := done + 1;
    END LOOP;
    UPDATE safety_net x SET ended_at = at WHERE x.student = young AND x.ended_at = 'infinity' AND x.until_at <= at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN done + changed;
END
$tick$;

-- The lead, or the employer: "extended, ends, unknown?" Once it is presumed there is `confirmUitval` for the rest.
CREATE OR REPLACE FUNCTION answer_placement_end(young uuid, number integer, given text, ends date) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
    asked integer;
    word text := 'GIVEN';
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    IF placed.n IS NULL OR NOT (leads(young)
        OR (acting_seer() = 'employer:' || placed.employer || '#mentor' AND places(young, placed.employer))) THEN
        RETURN 'REFUSED';
    END IF;
    SELECT min(q.days) INTO asked FROM placement_question q
        WHERE q.student = young AND q.placement_n = number AND q.to_on = placed.to_on;
    IF placed.state = 'ENDED' OR asked IS NULL OR (given <> 'EXTENDED' AND is_presumed(placed)) THEN
        RETURN 'CONFLICT';
    END IF;
    IF given = 'EXTENDED' THEN
        word := extend_placement(young, number, ends);
    END IF;
    IF word = 'GIVEN' THEN
        UPDATE placement_question q SET answer = given, answered_by = acting_seer(), answered_at = clock_timestamp()
            WHERE q.student = young AND q.placement_n = number AND q.to_on = placed.to_on AND q.days = asked;
        PERFORM end_due(young, 'PLACEMENT_END', number);
    END IF;
    RETURN word;
END
$step$;

REVOKE ALL ON FUNCTION is_presumed(placement), drop_presumption(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_presumed(placement) TO "@db@_worker";

RESET ROLE;

-- Young people for whom something is to be done at an instant, in key order behind one of them.
CREATE OR REPLACE FUNCTION clocks_waiting(at timestamptz, behind uuid, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    WITH day AS MATERIALIZED (SELECT (at AT TIME ZONE 'Europe/Amsterdam')::date AS today)
    SELECT w.student FROM (
        SELECT p.student FROM placement p WHERE p.state = 'PLANNED' AND p.from_on <= (SELECT today FROM day)
        UNION
        SELECT p.student FROM placement p WHERE p.state <> 'ENDED' AND p.to_on < (SELECT today FROM day) AND NOT is_presumed(p)
        UNION
        SELECT p.student FROM placement p WHERE p.state <> 'ENDED'
            AND p.to_on BETWEEN (SELECT today FROM day) AND (SELECT today FROM day)
                + (SELECT max(c.length) FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step LIKE 'ASK%')
            AND moment_to_ask(p, (SELECT today FROM day)) IS NOT NULL
        UNION
        SELECT d.student FROM due d WHERE d.next_at <= at
        UNION
        SELECT x.student FROM safety_net x WHERE x.ended_at = 'infinity' AND x.until_at <= at
        UNION
        SELECT l.student FROM lead l LEFT JOIN sight t ON t.seer = l.seer AND t.student = l.student
            WHERE l.until_at = 'infinity' AND coalesce(t.seen_until, '-infinity') <= at
    ) w WHERE behind IS NULL OR w.student > behind ORDER BY w.student LIMIT most
$ask$;

-- A trigger wants EXECUTE of who makes it; it is taken from everybody after that.
CREATE TRIGGER placement_goes_on AFTER UPDATE ON placement FOR EACH ROW
    WHEN (OLD.to_on IS DISTINCT FROM NEW.to_on AND NEW.state <> 'ENDED') EXECUTE FUNCTION placement_goes_on();
SET LOCAL ROLE "@db@_keeper";
REVOKE ALL ON FUNCTION placement_goes_on() FROM PUBLIC;
RESET ROLE;
