-- why    what a second pair of fresh eyes found: a loss that nobody could pick up, one that came back with each round of the clocks, a place
--        that a withdrawal or a harvest turned into something it was not, and an event at the door that was done to another loss
-- locks  uitval and placement, briefly (a column each)
-- undo   the functions as 0010_access.sql, 0015_uitval.sql, 0016_webhooks.sql, 0017_clocks.sql, 0021_silence.sql, 0023_fresh_eyes.sql,
--        0024_replayed.sql and 0025_told_and_offered.sql have them, lapse_lead, hold, and lead_closed with its trigger lead_left too;
--        DROP FUNCTION pass_lead, signal_uitval, asked_until, uitval_meant, placement_moved, knows_today; the columns was_state of uitval
--        and said_to_on of placement
--
-- Laws
-- 1. While a loss that was told is open, somebody leads: the school while its guidance runs, else the municipality that follows it.
-- 2. Who leads sees who it is; whoever sees that no more leads no more, and is offered nothing.
-- 3. A withdrawal gives back what was, an end too; what was answered before it is not done a second time.
-- 4. What a school's system says of an end counts when the system says something new, and takes back nothing that was said here since.
-- 5. An event at the door that could mean two losses or two places is done to neither.
-- 6. A filter tells nothing of an event that its receiver may not know today.
-- 7. A loss uses the net whenever it stands: another row that happens to be open may end before the loss does.

ALTER TABLE uitval ADD COLUMN was_state text NOT NULL DEFAULT 'RUNNING' CHECK (was_state IN ('PLANNED', 'RUNNING', 'ENDED'));
COMMENT ON COLUMN uitval.was_state IS 'what the placement was before: a withdrawal gives it back';
ALTER TABLE placement ADD COLUMN said_to_on date;
COMMENT ON COLUMN placement.said_to_on IS 'the end that the school''s own system said last; infinity: none. Null: it said nothing yet';

GRANT SELECT (subject_kind) ON outbox TO "@db@_keeper";
GRANT UPDATE (ends_at) ON access TO "@db@_keeper";   -- a reason that goes on is the same one

DROP TRIGGER uitval_made ON uitval;                  -- every uitval begins SIGNALLED
DROP TRIGGER lead_left ON lead;                      -- pass_lead does it, in the same statement

SET LOCAL ROLE "@db@_keeper";
DROP FUNCTION lead_closed();

-- ---- the lead

-- The lead of who sees them no more ends, and goes to who can have it; says whether anything changed. The row of the student is locked.
CREATE FUNCTION pass_lead(young uuid, at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $pass$
DECLARE
    turn timestamptz := clock_timestamp();
    had boolean;
BEGIN
    UPDATE lead l SET until_at = turn
        WHERE l.student = young AND l.until_at = 'infinity' AND NOT EXISTS (
            SELECT FROM access a WHERE a.seer = l.seer AND a.student = l.student AND a.tier = 'IDENTIFIED'
                AND a.ended_at = 'infinity' AND a.ends_at > at);
    had := FOUND;
    IF NOT had AND EXISTS (SELECT FROM lead l WHERE l.student = young AND l.until_at = 'infinity') THEN
        RETURN 0;
    END IF;
    INSERT INTO lead (student, seer, from_at)
        SELECT young, h.seer, turn FROM (
            SELECT t.seer, 1 AS rank, 0::bigint AS first
                FROM student s JOIN sight t ON t.student = s.id AND t.seer = 'school:' || s.school || '#guidance'
                WHERE s.id = young AND t.until_identified > at
            UNION ALL
            SELECT a.seer, CASE a.purpose WHEN 'SAFETY_NET' THEN 2 ELSE 3 END, row_number() OVER (ORDER BY a.started_at, a.seer) FROM access a
                WHERE a.student = young AND a.purpose IN ('CONTINUE_SUPPORT', 'INVOLVE_MUNICIPALITY', 'SAFETY_NET')
                  AND a.ended_at = 'infinity' AND a.ends_at > at
                  AND EXISTS (SELECT FROM uitval u WHERE u.student = young AND u.basis = 'TOLD' AND u.state NOT IN ('CLOSED', 'WITHDRAWN'))
        ) h ORDER BY h.rank, h.first LIMIT 1;
    IF FOUND THEN
        PERFORM tell('regie-overgedragen', young, NULL, NULL, ARRAY[l.seer], '{"why": "RETURNED"}')
            FROM lead l WHERE l.student = young AND l.until_at = 'infinity';
        RETURN 1;
    END IF;
    IF had THEN                                      -- nobody is late for what is nobody's, and a silence that nobody can answer is over
        PERFORM end_due(young, NULL, NULL);
        PERFORM drop_presumption(young, u.placement_n) FROM uitval u WHERE u.student = young AND u.state = 'SIGNALLED';
    END IF;
    RETURN had::integer;
END
$pass$;

CREATE OR REPLACE FUNCTION keep_lead() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    PERFORM FROM student s WHERE s.id = NEW.student FOR NO KEY UPDATE;
    UPDATE lead_offer o SET state = 'LAPSED', settled_at = now()
        WHERE o.student = NEW.student AND o.to_seer = NEW.seer AND o.state = 'OFFERED' AND NOT EXISTS (
            SELECT FROM access a WHERE a.seer = o.to_seer AND a.student = o.student AND a.tier = 'IDENTIFIED'
                AND a.ended_at = 'infinity' AND a.ends_at > now());
    PERFORM pass_lead(NEW.student, now());
    RETURN NULL;
END
$step$;

-- It no longer says whether who acts has the lead: nobody read it, and each function that wants it asks for itself.
DROP FUNCTION hold(uuid);
CREATE FUNCTION hold(pseudonym uuid) RETURNS TABLE (student uuid, own_school boolean, age_band text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    young uuid;
BEGIN
    SELECT t.student INTO young FROM sight t WHERE t.seer = acting_seer() AND t.alias = pseudonym AND t.seen_until > now();
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    RETURN QUERY
        SELECT t.student, guides(young), CASE WHEN guides(young) THEN p.age_band END
        FROM sight t LEFT JOIN student_profile p ON p.student = t.student
        WHERE t.seer = acting_seer() AND t.student = young AND t.seen_until > now();
END
$step$;
REVOKE ALL ON FUNCTION hold(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold(uuid) TO "@db@_command";

-- ---- placements and losses

-- The loss of a placement, as it begins; its number.
CREATE FUNCTION signal_uitval(placed placement, day date) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $signal$
DECLARE
    number integer;
BEGIN
    SELECT coalesce(max(u.n), 0) + 1 INTO number FROM uitval u WHERE u.student = placed.student;
    INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, was_to_on, was_state)
        VALUES (placed.student, number, placed.n, 'PRESUMED', 'SIGNALLED', day, placed.to_on, placed.state);
    RETURN number;
END
$signal$;

-- Until when what becomes of an end can be said: until it is asked again, and the last time until the end.
CREATE FUNCTION asked_until(placed placement, days_before integer) RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT day_start(coalesce(placed.to_on - (
        SELECT max(c.length) FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step LIKE 'ASK%' AND c.length < days_before), placed.to_on + 1))
$ask$;

CREATE OR REPLACE FUNCTION ask_about_end(placed placement, days_before integer, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
BEGIN
    INSERT INTO placement_question (student, placement_n, to_on, days, asked_at)
        VALUES (placed.student, placed.n, placed.to_on, days_before, at);
    PERFORM end_due(placed.student, 'PLACEMENT_END', placed.n);
    PERFORM make_due(placed.student, 'PLACEMENT_END', 'ANSWER', 'PLACEMENT', placed.n, asked_until(placed, days_before));
    PERFORM tell('plaatsing-eindigt-binnenkort', placed.student, 'PLACEMENT', placed.n, r.seers, '{}')
        FROM (SELECT seeing_lead(placed.student) || employer_of(placed.student, placed.n) AS seers) r WHERE cardinality(r.seers) > 0;
END
$step$;

CREATE OR REPLACE FUNCTION keep_placement_reasons(young uuid, number integer) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
    until timestamptz;
    had jsonb;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    until := coalesce(day_start(placed.to_on + 1), 'infinity');
    WITH wanted AS MATERIALIZED (
        SELECT 'employer:' || placed.employer || '#mentor' AS seer, 'GIVEN_NAME' AS tier,
               CASE WHEN is_internship(placed.kind) THEN 'STAGE' ELSE 'EMPLOYMENT' END AS purpose,
               coalesce(day_start(placed.to_on + 57), 'infinity') AS ends_at
        FROM party p WHERE p.key = 'employer:' || placed.employer AND p.from_at <= now() AND p.until_at > now()
          AND coalesce(day_start(placed.to_on + 57), 'infinity') > now()
        UNION ALL
        SELECT o.service_point || '#matching', 'TRACE', 'PLACED_FROM', until
        FROM opportunity o WHERE o.id = placed.opportunity AND placed.state <> 'ENDED' AND until > now()
          AND o.service_point || '#matching' ~ '^servicepoint:[A-Z0-9-]+#matching$'
    ), open AS MATERIALIZED (
        SELECT a.id, a.seer, a.purpose, a.ends_at, w.ends_at AS goes_on_until
        FROM access a LEFT JOIN wanted w ON (w.seer, w.purpose) = (a.seer, a.purpose) AND a.ends_at > now()
        WHERE a.student = young AND a.case_type = 'PLACEMENT' AND a.case_n = number AND a.ended_at = 'infinity'
          AND a.purpose IN ('STAGE', 'EMPLOYMENT', 'PLACED_FROM')
    ), changed AS (                                  -- the same reason, until another day; or none any more
        UPDATE access a SET ends_at = coalesce(o.goes_on_until, a.ends_at),
            ended_at = CASE WHEN o.goes_on_until IS NULL THEN now() ELSE a.ended_at END
        FROM open o WHERE a.id = o.id AND o.goes_on_until IS DISTINCT FROM o.ends_at
    ), added AS (
        INSERT INTO access (seer, student, tier, purpose, case_type, case_n, granted_by, ends_at)
            SELECT w.seer, young, w.tier, w.purpose, 'PLACEMENT', number, acting_seer(), w.ends_at FROM wanted w
            WHERE NOT EXISTS (SELECT FROM open o WHERE (o.seer, o.purpose) = (w.seer, w.purpose) AND o.goes_on_until IS NOT NULL)
    )
    SELECT jsonb_object_agg(o.seer, o.purpose) INTO had FROM open o WHERE o.goes_on_until IS NULL AND o.ends_at > now();
    IF had IS NOT NULL THEN                          -- who sees them no more
        INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
            SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', young, 'PLACEMENT', number, ARRAY[h.key],
                   jsonb_build_object('purpose', h.value)
            FROM jsonb_each_text(had) h
            WHERE NOT EXISTS (SELECT FROM access a WHERE a.student = young AND a.seer = h.key AND a.ended_at = 'infinity' AND a.ends_at > now())
            ORDER BY h.key;
    END IF;
END
$step$;

CREATE OR REPLACE FUNCTION close_placement(young uuid, number integer, last_day date) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
DECLARE
    ran boolean;
BEGIN
    SELECT p.state <> 'ENDED' INTO ran FROM placement p WHERE p.student = young AND p.n = number;
    UPDATE placement p SET state = 'ENDED', to_on = last_day WHERE p.student = young AND p.n = number;
    PERFORM keep_placement_reasons(young, number);
    INSERT INTO outbox (type, subject_kind, seers, details)
        SELECT 'nl.arbeidstoeleiding.plaats-vrijgekomen.v1', 'NONE', ARRAY[o.service_point || '#matching'],
               jsonb_build_object('opportunity', o.id, 'month', to_char(last_day, 'YYYY-MM'))
        FROM placement p JOIN opportunity o ON o.id = p.opportunity
        WHERE ran AND p.student = young AND p.n = number AND o.service_point IS NOT NULL;
END
$step$;

CREATE OR REPLACE FUNCTION uitval_told(young uuid, number integer, how_it_ended text, teller text) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
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
                        AND a.ends_at > now() AND (a.purpose, a.case_n) = ('SAFETY_NET', number)) THEN
        INSERT INTO access (seer, student, tier, purpose, case_type, case_n, consent, granted_by, ends_at)
            SELECT net.municipality, young, r.tier, r.purpose, 'UITVAL', number, agreed.id,
                   (SELECT 'school:' || s.school || '#guidance' FROM student s WHERE s.id = young), least(now() + r.lasts, agreed.until_at)
            FROM access_rule r WHERE r.purpose = 'SAFETY_NET';
        UPDATE safety_net x SET used_at = now() WHERE x.student = young AND x.n = net.n;
    END IF;
    IF cardinality(seeing_lead(young)) = 0 THEN
        PERFORM pass_lead(young, now());
    END IF;
    told := followers(young, false);
    IF cardinality(told) = 0 THEN
        RETURN 'NOBODY';
    END IF;
    PERFORM tell('uitval-gemeld', young, 'UITVAL', number, told, '{}');
    RETURN 'GIVEN';
END
$step$;

CREATE OR REPLACE FUNCTION report_uitval(young uuid, placement_number integer, how_it_ended text, last_day date) RETURNS TABLE(word text, number integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
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
            OR (placed.state = 'ENDED' AND last_day > placed.to_on) THEN 'CONFLICT'
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
        number := signal_uitval(placed, last_day);
    ELSE
        UPDATE uitval u SET ended_on = coalesce(last_day, u.ended_on) WHERE u.student = young AND u.n = number;
    END IF;
    word := uitval_told(young, number, how_it_ended, acting_seer());
    RETURN NEXT;
END
$step$;

CREATE OR REPLACE FUNCTION presume_uitval(young uuid, placement_number integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
    number integer;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = placement_number;
    IF placed.to_on IS NULL OR is_internship(placed.kind)
        OR EXISTS (SELECT FROM uitval u WHERE u.student = young AND u.placement_n = placement_number AND u.state <> 'WITHDRAWN') THEN
        RETURN NULL;
    END IF;
    number := signal_uitval(placed, placed.to_on);
    PERFORM tell('uitval-gemeld', young, 'UITVAL', number, r.seers, '{"basis": "PRESUMED"}')
        FROM (SELECT seeing_lead(young) AS seers) r WHERE cardinality(r.seers) > 0;
    RETURN number;
END
$step$;

CREATE OR REPLACE FUNCTION end_by_date(placed placement, day date) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
DECLARE
    said placement_question;
    number integer;
    lost boolean := NOT is_internship(placed.kind) AND NOT goes_on(placed);
    lately boolean := placed.to_on >= day - (SELECT c.length FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step = 'PRESUMED_WITHIN');
BEGIN
    SELECT * INTO said FROM placement_question q WHERE q.student = placed.student AND q.placement_n = placed.n
        AND q.to_on = placed.to_on AND q.answer IS NOT NULL AND NOT EXISTS (
            SELECT FROM uitval u WHERE u.student = placed.student AND u.placement_n = placed.n AND u.basis = 'TOLD' AND u.state = 'WITHDRAWN'
                AND u.closed_at > q.answered_at)
        ORDER BY q.answered_at DESC LIMIT 1;
    IF lost AND lately AND coalesce(said.answer, 'UNKNOWN') <> 'ENDS' AND cardinality(seeing_lead(placed.student)) > 0 THEN
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
            number := signal_uitval(placed, placed.to_on);
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
$step$;

CREATE OR REPLACE FUNCTION move_uitval(young uuid, number integer, wanted text, day date, step text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ uitval;
    way uitval_move;
    placed placement;
    back boolean;
    told text[];
    teller text[];
BEGIN
    SELECT * INTO case_ FROM uitval u WHERE u.student = young AND u.n = number;
    SELECT * INTO way FROM uitval_move m WHERE m.move = wanted;
    IF NOT leads(young) OR case_.n IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = case_.placement_n;
    back := wanted = 'WITHDRAW' AND case_.basis = 'TOLD' AND case_.was_state <> 'ENDED';
    IF case_.state <> ALL (way."from") OR (back AND EXISTS (
        SELECT FROM placement p WHERE p.student = young AND p.n <> placed.n AND p.state <> 'ENDED'
            AND (p.kind, p.employer) = (placed.kind, placed.employer))) THEN
        RETURN 'CONFLICT';                           -- also where the same place was begun anew: that one is not lost
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
            state = CASE WHEN NOT back THEN 'ENDED' WHEN p.from_on > today() THEN 'PLANNED' ELSE 'RUNNING' END
            WHERE p.student = young AND p.n = case_.placement_n RETURNING * INTO placed;   -- a day that is over is the clocks' again
        PERFORM keep_placement_reasons(young, case_.placement_n);
        PERFORM make_due(young, 'PLACEMENT_END', 'ANSWER', 'PLACEMENT', placed.n, asked_until(placed, q.days)) FROM (
            SELECT DISTINCT ON (q.to_on) q.days, q.answer FROM placement_question q
            WHERE q.student = young AND q.placement_n = placed.n AND q.to_on = placed.to_on ORDER BY q.to_on, q.days) q
            WHERE back AND q.answer IS NULL AND placed.to_on >= today();
    END IF;
    IF wanted IN ('CLOSE', 'WITHDRAW') THEN
        PERFORM end_uitval_reasons(young, number);
    END IF;
    RETURN 'GIVEN';
END
$step$;

CREATE OR REPLACE FUNCTION clocks_tick(young uuid, at timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
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
    done := done + pass_lead(young, at);             -- before what would be told to who leads
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
    FOR late IN SELECT * FROM due d WHERE d.student = young AND d.next_at <= at ORDER BY d.next_at, d.id LOOP
        PERFORM pass_due(late, at);
        done := done + 1;
    END LOOP;
    UPDATE safety_net x SET ended_at = at WHERE x.student = young AND x.ended_at = 'infinity' AND x.until_at <= at;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN done + changed;
END
$step$;

DROP FUNCTION lapse_lead(uuid, timestamptz);

-- What a school's system changed of an end: the rights that rest on the placement move with it, and who follows hears that it goes on.
CREATE FUNCTION placement_moved(young uuid, number integer, giver text, later boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $moved$
DECLARE
    placed placement;
    told text[];
BEGIN
    PERFORM set_config('spil.seer', giver, true);
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    IF EXISTS (SELECT FROM access a WHERE a.student = young AND (a.case_type, a.case_n) = ('PLACEMENT', number) AND a.ended_at = 'infinity'
               AND a.purpose IN ('STAGE', 'EMPLOYMENT')) THEN   -- a harvest opens nothing: only what a command opened moves (decision 0009)
        PERFORM keep_placement_reasons(young, number);
    END IF;
    told := followers(young, is_internship(placed.kind)) || employer_of(young, number);
    IF later AND cardinality(told) > 0 THEN
        PERFORM tell('plaatsing-verlengd', young, 'PLACEMENT', number, told, '{}');
    END IF;
END
$moved$;

-- ---- consents

CREATE OR REPLACE FUNCTION withdraw_consent(young uuid, wanted text, whose text, by_whom text) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    withdrawn integer;
BEGIN
    UPDATE consent c SET withdrawn_at = now(), withdrawn_by = by_whom
        WHERE c.student = young AND c.purpose = wanted AND c.withdrawn_at IS NULL
          AND CASE WHEN NOT guides(young) THEN c.seer = acting_seer() WHEN whose IS NOT NULL THEN c.seer = whose
              -- after a move two municipalities can have one: who says "no more" means every one of them
              ELSE EXISTS (SELECT FROM access_rule r WHERE r.purpose = wanted AND r.routed) END
          AND (guides(young) OR EXISTS (SELECT FROM access a WHERE a.consent = c.id AND a.ended_at = 'infinity' AND a.ends_at > now()));
    GET DIAGNOSTICS withdrawn = ROW_COUNT;
    RETURN withdrawn;
END
$step$;

-- ---- what comes in at the door

-- The loss that an event means: the one that it names, or the only one that is open.
CREATE FUNCTION uitval_meant(young uuid, named text) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $meant$
DECLARE
    found integer[];
BEGIN
    SELECT array_agg(u.n) INTO found FROM uitval u JOIN sight t ON t.student = u.student AND t.seer = acting_seer()
        WHERE u.student = young AND u.basis = 'TOLD' AND CASE WHEN named IS NULL THEN u.state NOT IN ('CLOSED', 'WITHDRAWN')
            ELSE named = 'Uitval:' || t.alias || '.' || left(md5(t.id_salt::text || 'Uitval' || u.n::text), 12) END;
    RETURN CASE WHEN cardinality(found) = 1 THEN found[1] END;
END
$meant$;

CREATE OR REPLACE FUNCTION take_inbound(sender text, what text, subject uuid, told jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    young uuid;
    number integer;
    placed placement;
    word text;
BEGIN
    PERFORM set_config('spil.seer', sender, true);
    SELECT h.young, h.word INTO young, word
        FROM hold_told(told ->> 'case', ARRAY[subject, substring(told ->> 'student' FROM 'Student:(.*)')::uuid]) h;
    IF young IS NULL THEN
        RETURN word;
    END IF;
    -- the days that a command takes (resolvers/placements.py, resolvers/uitval.py)
    IF (told ->> 'ended_on')::date NOT BETWEEN today() - interval '1 year' AND today()
        OR (told ->> 'planned_on')::date NOT BETWEEN today() AND today() + interval '1 year'
        OR (told ->> 'to_on')::date NOT BETWEEN today() AND today() + interval '6 years'
        OR abs(extract(year FROM (told ->> 'from_on')::date) - extract(year FROM today())) > 1
        OR (told ->> 'to_on')::date < (told ->> 'from_on')::date THEN
        RETURN 'RANGE';
    END IF;
    IF what LIKE 'plaatsing-%' OR what = 'uitval-gemeld' THEN
        number := placement_told(young, told ->> 'placement', ARRAY['PLANNED', 'RUNNING']);
    ELSE
        number := uitval_meant(young, told ->> 'uitval');
    END IF;
    IF what = 'plaatsing-gestart' THEN
        SELECT * INTO placed FROM placement p WHERE p.student = young AND p.state <> 'ENDED'
            AND (p.kind, p.employer) = (told ->> 'kind', told ->> 'employer_kvk');
        IF placed.n IS NOT NULL THEN                 -- other days are something else: a new contract, or an end that moved
            RETURN CASE WHEN (placed.from_on, placed.to_on) IS NOT DISTINCT FROM ((told ->> 'from_on')::date, (told ->> 'to_on')::date)
                THEN 'OPEN_ALREADY' ELSE 'CONFLICT' END;
        END IF;
        RETURN CASE WHEN start_placement(young, told ->> 'kind', told ->> 'employer_kvk', NULL, NULL, (told ->> 'from_on')::date,
                                         (told ->> 'to_on')::date, NULL) IS NULL THEN 'REFUSED' ELSE 'GIVEN' END;
    ELSIF number IS NULL AND what = 'uitval-gemeld' AND told ->> 'placement' IS NULL AND EXISTS (
        SELECT FROM uitval u WHERE u.student = young AND u.basis = 'TOLD' AND u.state NOT IN ('CLOSED', 'WITHDRAWN'))
        AND NOT EXISTS (SELECT FROM placement p WHERE p.student = young AND p.state <> 'ENDED') THEN
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
$step$;

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
          AND (w.types = '{}' OR (o.type = ANY (w.types) AND knows_today(w.seer, o.subject_kind, o.student)))
        ON CONFLICT (webhook, epoch, pos) DO UPDATE SET state = 'WAITING', tries = 0, next_at = now(), code = NULL, ended_at = NULL,
            done_at = CASE WHEN d.state = 'DONE' THEN d.ended_at ELSE d.done_at END,
            token = d.token + 1                      -- an answer to a sending of before says nothing about this one
            WHERE d.state IN ('DONE', 'DEAD');
    RETURN 'DONE';
END
$step$;

REVOKE ALL ON FUNCTION pass_lead(uuid, timestamptz), signal_uitval(placement, date), asked_until(placement, integer),
    placement_moved(uuid, integer, text, boolean), uitval_meant(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pass_lead(uuid, timestamptz), placement_moved(uuid, integer, text, boolean) TO "@db@_worker";
RESET ROLE;

-- ---- webhooks

-- Whether who receives an event may know today what it was: as the policy of outbox says it (0014_events.sql).
CREATE FUNCTION knows_today(receiver text, kind text, young uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $knows$
    SELECT CASE kind
        WHEN 'STUDENT' THEN coalesce((SELECT s.seen_until > now() FROM sight s WHERE s.seer = receiver AND s.student = young), false)
        WHEN 'ENDING' THEN young IS NOT NULL
        ELSE true END
$knows$;
REVOKE ALL ON FUNCTION knows_today(text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION knows_today(text, text, uuid) TO "@db@_worker", "@db@_keeper";

CREATE OR REPLACE FUNCTION deliver_logged() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
BEGIN
    INSERT INTO delivery (webhook, epoch, pos, seer, person)
        SELECT w.id, l.epoch, l.pos, w.seer, o.student
        FROM logged l JOIN webhook w ON w.seer = l.seer AND w.state = 'ACTIVE' JOIN outbox o ON o.id = l.event
        WHERE w.types = '{}' OR (o.type = ANY (w.types) AND knows_today(w.seer, o.subject_kind, o.student));
    RETURN NULL;
END
$step$;

CREATE OR REPLACE FUNCTION end_webhook(hook uuid, to_state text, why text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $step$
BEGIN
    UPDATE webhook w SET state = to_state, reason = why, ended_at = now() WHERE w.id = hook AND w.state IN ('PENDING', 'ACTIVE');
    IF FOUND THEN
        UPDATE delivery d SET ended_at = coalesce(d.done_at, now()), code = coalesce(d.code, 'DISABLED'),
            state = CASE WHEN d.done_at IS NULL AND NOT EXISTS (    -- a filter that lists it as dead would tell its type
                SELECT FROM webhook w JOIN event_log l ON (l.seer, l.epoch, l.pos) = (w.seer, d.epoch, d.pos) JOIN outbox o ON o.id = l.event
                WHERE w.id = hook AND w.types <> '{}' AND NOT knows_today(w.seer, o.subject_kind, o.student)) THEN 'DEAD' ELSE 'DONE' END
            WHERE d.webhook = hook AND d.state IN ('WAITING', 'SENDING');
    END IF;
END
$step$;

CREATE OR REPLACE FUNCTION clocks_waiting(at timestamptz, behind uuid, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $step$
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
            WHERE l.until_at = 'infinity' AND coalesce(t.until_identified, '-infinity') <= at
    ) w WHERE behind IS NULL OR w.student > behind ORDER BY w.student LIMIT most
$step$;

-- What a school's system said until now, where nobody here said otherwise.
UPDATE placement p SET said_to_on = coalesce(p.to_on, 'infinity') WHERE p.state <> 'ENDED' AND NOT EXISTS (
    SELECT FROM outbox o WHERE o.student = p.student AND (o.case_type, o.case_n) = ('PLACEMENT', p.n)
        AND o.type = 'nl.arbeidstoeleiding.plaatsing-verlengd.v1');

-- Losses that nobody could pick up.
SET LOCAL ROLE "@db@_keeper";
SELECT pass_lead(s.id, now()) FROM student s
    WHERE EXISTS (SELECT FROM uitval u WHERE u.student = s.id AND u.basis = 'TOLD' AND u.state NOT IN ('CLOSED', 'WITHDRAWN'))
      AND NOT EXISTS (SELECT FROM lead l WHERE l.student = s.id AND l.until_at = 'infinity');
RESET ROLE;
