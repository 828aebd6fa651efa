-- why    what fresh eyes found: a second loss within one net, an internship that nobody hears of, a silence that is told after all
-- locks  none but grants
-- undo   the functions as 0015_uitval.sql and 0021_silence.sql have them; GRANT UPDATE ON event_log, outbox TO the worker
--
-- Laws
-- 1. Each loss has a reason of its own in the safety net, so that the end of one takes nobody from another.
-- 2. What nobody would hear is not taken, of an internship too; what nobody said is told to the lead alone, also when another place
--    follows.
-- 3. Who was told of a presumption hears that it was not so, whoever leads by then.
-- 4. Who sees somebody no more because a placement ended hears whom to forget.
-- 5. A log is added to and ages; nothing in it is changed, by nobody who logs in.

REVOKE UPDATE ON event_log, outbox FROM "@db@_worker";
GRANT UPDATE (sequenced_at) ON outbox TO "@db@_worker";

SET LOCAL ROLE "@db@_keeper";

-- Who was told that this was signalled or reported, and who leads now.
CREATE FUNCTION told_of(young uuid, number integer) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce(array_agg(DISTINCT t.seer), '{}') FROM (
        SELECT unnest(o.seers) AS seer FROM outbox o WHERE o.student = young AND (o.case_type, o.case_n) = ('UITVAL', number)
            AND o.type = 'nl.arbeidstoeleiding.uitval-gemeld.v1'
        UNION SELECT unnest(seeing_lead(young))
    ) t
$ask$;

CREATE OR REPLACE FUNCTION keep_placement_reasons(young uuid, number integer) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $keep$
DECLARE
    placed placement;
    until timestamptz;
    had jsonb;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    until := coalesce(day_start(placed.to_on + 1), 'infinity');
    WITH gone AS (
        UPDATE access a SET ended_at = now() WHERE a.student = young AND a.case_type = 'PLACEMENT' AND a.case_n = number
            AND a.ended_at = 'infinity' AND a.purpose IN ('STAGE', 'EMPLOYMENT', 'PLACED_FROM') RETURNING a.seer, a.purpose, a.ends_at
    )
    SELECT jsonb_object_agg(g.seer, g.purpose) INTO had FROM gone g WHERE g.ends_at > now();
    INSERT INTO access (seer, student, tier, purpose, case_type, case_n, granted_by, ends_at)
        SELECT 'employer:' || placed.employer || '#mentor', young, 'GIVEN_NAME',
               CASE WHEN is_internship(placed.kind) THEN 'STAGE' ELSE 'EMPLOYMENT' END, 'PLACEMENT', number, acting_seer(),
               coalesce(day_start(placed.to_on + 57), 'infinity')
        FROM party p WHERE p.key = 'employer:' || placed.employer AND p.from_at <= now() AND p.until_at > now()
          AND coalesce(day_start(placed.to_on + 57), 'infinity') > now()
        UNION ALL
        SELECT o.service_point || '#matching', young, 'TRACE', 'PLACED_FROM', 'PLACEMENT', number, acting_seer(), until
        FROM opportunity o WHERE o.id = placed.opportunity AND placed.state <> 'ENDED' AND until > now()
          AND o.service_point || '#matching' ~ '^servicepoint:[A-Z0-9-]+#matching$';
    INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)      -- who sees them no more
        SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', young, 'PLACEMENT', number, ARRAY[h.key],
               jsonb_build_object('purpose', h.value)
        FROM jsonb_each_text(coalesce(had, '{}')) h
        WHERE NOT EXISTS (SELECT FROM access a WHERE a.student = young AND a.seer = h.key AND a.ended_at = 'infinity' AND a.ends_at > now())
        ORDER BY h.key;
END
$keep$;

CREATE OR REPLACE FUNCTION uitval_told(young uuid, number integer, how_it_ended text, teller text) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $told$
DECLARE
    net safety_net;
    agreed consent;
    told text[];
BEGIN
    UPDATE uitval u SET basis = 'TOLD', state = 'REPORTED', how = how_it_ended, reported_by = teller, reported_at = now()
        WHERE u.student = young AND u.n = number AND u.state = 'SIGNALLED';
    SELECT * INTO net FROM safety_net x WHERE x.student = young AND x.choice = 'INFORM_MUNICIPALITY_AT_ONCE'
        AND x.ended_at = 'infinity' AND x.until_at > now();
    SELECT * INTO agreed FROM consent c WHERE c.id = net.consent AND c.withdrawn_at IS NULL AND c.until_at > now();
    IF agreed.id IS NOT NULL
        AND EXISTS (SELECT FROM party p WHERE p.key = split_part(net.municipality, '#', 1) AND p.from_at <= now() AND p.until_at > now())
        AND NOT EXISTS (SELECT FROM access a WHERE a.student = young AND a.seer = net.municipality AND a.ended_at = 'infinity'
                        AND a.ends_at > now() AND (a.purpose IN ('CONTINUE_SUPPORT', 'INVOLVE_MUNICIPALITY')
                                                   OR (a.purpose, a.case_n) = ('SAFETY_NET', number))) THEN
        INSERT INTO access (seer, student, tier, purpose, case_type, case_n, consent, granted_by, ends_at)
            SELECT net.municipality, young, r.tier, r.purpose, 'UITVAL', number, agreed.id,
                   (SELECT 'school:' || s.school || '#guidance' FROM student s WHERE s.id = young), least(now() + r.lasts, agreed.until_at)
            FROM access_rule r WHERE r.purpose = 'SAFETY_NET';
        UPDATE safety_net x SET used_at = now() WHERE x.student = young AND x.n = net.n;
    END IF;
    told := followers(young, false);
    IF cardinality(told) = 0 THEN
        RETURN 'NOBODY';
    END IF;
    PERFORM tell('uitval-gemeld', young, 'UITVAL', number, told, '{}');
    RETURN 'GIVEN';
END
$told$;

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
        WHEN (last_day < placed.from_on AND placed.state <> 'PLANNED') OR (is_internship(placed.kind) AND placed.state = 'ENDED')
            THEN 'CONFLICT'
        WHEN is_internship(placed.kind) AND cardinality(followers(young, true)) = 0 THEN 'NOBODY'
        ELSE 'GIVEN' END;
    IF word <> 'GIVEN' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF is_internship(placed.kind) THEN
        PERFORM close_placement(young, placement_number, greatest(last_day, placed.from_on));
        PERFORM tell('stage-afgebroken', young, 'PLACEMENT', placement_number, followers(young, true), '{}');
        RETURN NEXT;
        RETURN;
    END IF;
    IF placed.state <> 'ENDED' OR placed.to_on <> last_day THEN
        PERFORM close_placement(young, placement_number, greatest(coalesce(last_day, known.ended_on), placed.from_on));
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

CREATE OR REPLACE FUNCTION end_placement(young uuid, number integer, last_day date) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    IF NOT places(young, placed.employer) THEN
        RETURN 'REFUSED';
    END IF;
    IF placed.state = 'ENDED' OR (last_day < placed.from_on AND placed.state <> 'PLANNED') THEN
        RETURN 'CONFLICT';
    END IF;
    PERFORM drop_presumption(young, number);
    PERFORM close_placement(young, number, greatest(last_day, placed.from_on));
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
    told := CASE WHEN case_.basis = 'TOLD' THEN followers(young, false) ELSE told_of(young, number) END;
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
            state = CASE WHEN p.from_on > today() THEN 'PLANNED' ELSE 'RUNNING' END   -- a day that is over is the clocks' again
            WHERE p.student = young AND p.n = case_.placement_n;
        PERFORM keep_placement_reasons(young, case_.placement_n);
    END IF;
    IF wanted IN ('CLOSE', 'WITHDRAW') THEN
        PERFORM end_uitval_reasons(young, number);
    END IF;
    RETURN 'GIVEN';
END
$step$;

CREATE OR REPLACE FUNCTION drop_presumption(young uuid, placement_number integer) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $drop$
DECLARE
    number integer;
BEGIN
    UPDATE uitval u SET state = 'WITHDRAWN', closed_at = now()
        WHERE u.student = young AND u.placement_n = placement_number AND u.state = 'SIGNALLED' RETURNING u.n INTO number;
    IF number IS NOT NULL THEN
        PERFORM tell('uitval-ingetrokken', young, 'UITVAL', number, told_of(young, number), '{}');
    END IF;
END
$drop$;

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
    -- what nobody said is told to nobody but the lead, and of an internship to its school
    PERFORM tell('plaatsing-beeindigd', placed.student, 'PLACEMENT', placed.n, r.seers, '{}') FROM (
        SELECT CASE WHEN is_internship(placed.kind) OR said.answer = 'ENDS'
            THEN followers(placed.student, is_internship(placed.kind)) || employer_of(placed.student, placed.n)
            ELSE seeing_lead(placed.student) END AS seers) r WHERE cardinality(r.seers) > 0;
END
$end$;

REVOKE ALL ON FUNCTION told_of(uuid, integer) FROM PUBLIC;
RESET ROLE;

-- The keeper reads what was told of one young person.
GRANT SELECT (case_type, case_n, seers) ON outbox TO "@db@_keeper";
