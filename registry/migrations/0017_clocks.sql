-- why    clocks are rows: which days count, what is due and by whom, what follows when it is not done, and what ends by its date
-- locks  school, placement, uitval, lead and student, briefly, for their triggers
-- undo   DROP TRIGGER of what is made here; DROP FUNCTION, INDEX, TABLE in reverse order
--
-- Laws
-- 1. What is due is the lead's, and follows it: to the next lead it is another row, so that no two parties share an id about one young
--    person. Its day stays; who takes it over late is reminded first, and has the whole time until the coordinator is told.
-- 2. What is overdue says who is late with what, and never about whom. Its id alone is shared, by the late party and its coordinator.
-- 3. A step that is done is due no more, whoever did it: triggers, so for everybody.
-- 4. What the clocks do is done once, under the young person's lock, and is told in the same transaction; killed anywhere, nothing is
--    lost and nothing is done twice. They are handed the instant: nothing here asks what time it is but rights, which end by themselves.
-- 5. A silence opens nothing and is counted nowhere. A place that another one follows was not lost.

-- ---- which days count

CREATE TABLE holiday (
    on_date  date NOT NULL CHECK (isfinite(on_date)),
    name     text NOT NULL,
    calendar text NOT NULL CHECK (calendar IN ('PUBLIC', 'SCHOOL')),
    region   text CHECK (region IN ('NOORD', 'MIDDEN', 'ZUID')),
    source   text NOT NULL CHECK (source IN ('LIBRARY', 'FILE')),    -- where a file speaks, the library is silent
    UNIQUE NULLS NOT DISTINCT (on_date, calendar, region),
    CHECK ((calendar = 'PUBLIC') = (region IS NULL))
);
ALTER TABLE school ADD COLUMN holiday_region text CHECK (holiday_region IN ('NOORD', 'MIDDEN', 'ZUID'));   -- as its register says

-- Whether a day counts: OFFICE is Monday to Friday without public holidays, SCHOOL without those of schools too. Where the school region
-- is not known, a school holiday is one that all three regions have.
CREATE FUNCTION counts(day date, on_calendar text, school_region text) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT on_calendar = 'CALENDAR' OR (extract(isodow FROM day) < 6
        AND NOT EXISTS (SELECT FROM holiday h WHERE h.on_date = day AND h.calendar = 'PUBLIC')
        AND (on_calendar <> 'SCHOOL' OR (SELECT count(*) FROM holiday h WHERE h.on_date = day AND h.calendar = 'SCHOOL'
                                           AND (h.region = $3 OR $3 IS NULL)) < CASE WHEN $3 IS NULL THEN 3 ELSE 1 END))
$ask$;

-- The end of the `length`-th day that counts, Europe/Amsterdam; the day on which it begins is none of them.
CREATE FUNCTION due_after(begins timestamptz, length integer, on_calendar text, school_region text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $due$
DECLARE
    day date := (begins AT TIME ZONE 'Europe/Amsterdam')::date;
    left_ integer := length;
BEGIN
    IF on_calendar NOT IN ('OFFICE', 'SCHOOL', 'CALENDAR') OR length < 1 THEN
        RAISE EXCEPTION 'no such calendar or length' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    WHILE left_ > 0 LOOP
        day := day + 1;
        left_ := left_ - counts(day, on_calendar, school_region)::integer;
    END LOOP;
    RETURN (day + 1)::timestamp AT TIME ZONE 'Europe/Amsterdam';
END
$due$;

-- ---- what takes how long

CREATE TABLE clock (
    process   text NOT NULL,
    step      text NOT NULL,
    length    integer NOT NULL CHECK (length > 0),
    calendar  text NOT NULL CHECK (calendar IN ('OFFICE', 'SCHOOL', 'CALENDAR')),
    escalates integer CHECK (escalates > 0),         -- of the same days, from the reminder to the coordinator; null: nobody is reminded
    source    text NOT NULL,
    PRIMARY KEY (process, step)
);
INSERT INTO clock (process, step, length, calendar, escalates, source) VALUES
    ('UITVAL', 'PICK_UP', 2, 'OFFICE', 2, 'design, process 6, from the report; the days to the coordinator are our choice'),
    ('UITVAL', 'PLAN_INTERVIEW', 10, 'OFFICE', 5, 'design, process 6, from the report; the days to the coordinator are our choice'),
    ('UITVAL', 'HOLD_INTERVIEW', 20, 'OFFICE', 5, 'design, process 6, from the report; the days to the coordinator are our choice'),
    ('UITVAL', 'CONFIRM', 10, 'OFFICE', NULL, 'our choice: what is only presumed is asked of the lead, and reaches nobody else'),
    ('PLACEMENT_END', 'ASK_12_WEEKS', 84, 'CALENDAR', NULL, 'design, process 6: before the end'),
    ('PLACEMENT_END', 'ASK_8_WEEKS', 56, 'CALENDAR', NULL, 'design, process 6: before the end'),
    ('PLACEMENT_END', 'ASK_4_WEEKS', 28, 'CALENDAR', NULL, 'design, process 6: before the end'),
    ('PLACEMENT_END', 'FOLLOWED_WITHIN', 31, 'CALENDAR', NULL, 'our choice: a place that begins so soon after takes the place of it'),
    ('PLACEMENT_END', 'PRESUMED_WITHIN', 56, 'CALENDAR', NULL, 'our choice: as long as the employer may still say how it went'),
    ('MOVE', 'REVIEW', 10, 'OFFICE', NULL, 'our choice: another municipality answers from now on');

-- ---- what is due, and what is late

CREATE TABLE overdue (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    region       text NOT NULL REFERENCES region,    -- of the late party
    late_seer    text NOT NULL,
    process      text NOT NULL,
    step         text NOT NULL,
    due_at       timestamptz NOT NULL,
    escalated_at timestamptz NOT NULL,
    cleared_at   timestamptz
);
CREATE INDEX overdue_region ON overdue (region, escalated_at, id);
CREATE INDEX overdue_late ON overdue (late_seer, escalated_at, id);

CREATE TABLE due (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seer         text NOT NULL,
    student      uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    process      text NOT NULL,
    step         text NOT NULL,
    case_type    text CHECK (case_type IN ('UITVAL', 'PLACEMENT')),
    case_n       integer,
    due_at       timestamptz NOT NULL,
    next_at      timestamptz,                        -- when the clocks look at it again: to remind, then to escalate
    reminded_at  timestamptz,
    escalated_at timestamptz,
    overdue      uuid REFERENCES overdue ON DELETE SET NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    done_at      timestamptz,
    CHECK ((case_type IS NULL) = (case_n IS NULL)),
    CHECK (done_at IS NULL OR next_at IS NULL)
);
CREATE UNIQUE INDEX due_one_open ON due (student, process, coalesce(case_n, 0)) WHERE done_at IS NULL;    -- a case waits for one step
CREATE INDEX due_seer ON due (seer, due_at, id) WHERE done_at IS NULL;
CREATE INDEX due_next ON due (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX due_overdue ON due (overdue) WHERE overdue IS NOT NULL;

-- "Extended, ends, unknown?" about one end of one placement; each moment is asked once.
CREATE TABLE placement_question (
    student     uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    placement_n integer NOT NULL,
    to_on       date NOT NULL,
    days        integer NOT NULL,                    -- before that end
    asked_at    timestamptz NOT NULL,
    answer      text CHECK (answer IN ('EXTENDED', 'ENDS', 'UNKNOWN')),
    answered_by text,
    answered_at timestamptz,
    PRIMARY KEY (student, placement_n, to_on, days),
    FOREIGN KEY (student, placement_n) REFERENCES placement (student, n),
    CHECK ((answer IS NULL) = (answered_by IS NULL) AND (answer IS NULL) = (answered_at IS NULL))
);

-- What the country may know: per region and step, and for all regions (null), already suppressed.
CREATE TABLE figure_overdue (
    region      text REFERENCES region,
    process     text NOT NULL,
    step        text NOT NULL,
    items       text NOT NULL CHECK (items ~ '^(<5|[1-9][0-9]*(-[1-9][0-9]*)?)$'),
    computed_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (region, process, step)
);

CREATE INDEX placement_begins ON placement (from_on) WHERE state = 'PLANNED';
CREATE INDEX placement_ends ON placement (to_on) WHERE state <> 'ENDED';
CREATE INDEX safety_net_until ON safety_net (until_at) WHERE ended_at = 'infinity';

GRANT SELECT, INSERT, UPDATE, DELETE ON holiday, overdue, due, placement_question, figure_overdue TO "@db@_worker";
GRANT SELECT ON clock TO "@db@_worker", "@db@_keeper";
GRANT SELECT ON holiday, school TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE ON overdue, due, placement_question TO "@db@_keeper";
REVOKE ALL ON FUNCTION counts(date, text, text), due_after(timestamptz, integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION counts(date, text, text), due_after(timestamptz, integer, text, text) TO "@db@_worker", "@db@_keeper";
DO $tables$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['overdue', 'due', 'placement_question'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY kept ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_keeper');
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$tables$;

SET LOCAL ROLE "@db@_keeper";

-- ---- due, and done

-- Of a school its own; of a municipality that of most of its schools.
CREATE FUNCTION school_region_of(seer text) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT s.holiday_region FROM school s
    WHERE split_part(seer, '#', 1) IN ('school:' || s.brin, 'municipality:' || s.municipality) AND s.holiday_region IS NOT NULL
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1
$ask$;

-- Due to the lead at an instant; without a lead to nobody. What is due already stays as it is.
CREATE FUNCTION make_due(young uuid, what text, which text, about text, number integer, at timestamptz) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $make$
    INSERT INTO due (seer, student, process, step, case_type, case_n, due_at, next_at)
        SELECT l.seer, young, what, which, about, number, at,
               (SELECT at FROM clock c WHERE c.process = what AND c.step = which AND c.escalates IS NOT NULL)
        FROM lead l WHERE l.student = young AND l.until_at = 'infinity'
        ON CONFLICT (student, process, coalesce(case_n, 0)) WHERE done_at IS NULL DO NOTHING
$make$;

-- The same by the clock of the step.
CREATE FUNCTION start_clock(young uuid, what text, which text, about text, number integer, begins timestamptz) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $start$
    SELECT make_due(young, what, which, about, number, due_after(begins, c.length, c.calendar,
           CASE WHEN c.calendar = 'SCHOOL' THEN school_region_of(l.seer) END))
    FROM clock c JOIN lead l ON l.student = young AND l.until_at = 'infinity' WHERE c.process = what AND c.step = which
$start$;

-- What a case waited for waits no more; who was late with it is late no more.
CREATE FUNCTION end_due(young uuid, what text, number integer) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $end$
    WITH done AS (
        UPDATE due d SET done_at = now(), next_at = NULL
            WHERE d.student = young AND d.process = coalesce(what, d.process) AND d.done_at IS NULL
              AND (what IS NULL OR d.case_n IS NOT DISTINCT FROM number)
            RETURNING d.overdue
    )
    UPDATE overdue o SET cleared_at = now() FROM done d WHERE o.id = d.overdue AND o.cleared_at IS NULL
$end$;

-- The step that an uitval waits for; all are counted from the report.
CREATE FUNCTION start_uitval_clock(case_ uitval) RETURNS void LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $start$
    SELECT start_clock(case_.student, 'UITVAL', w.step, 'UITVAL', case_.n, coalesce(case_.reported_at, case_.signalled_at))
    FROM (VALUES ('SIGNALLED', 'CONFIRM'), ('REPORTED', 'PICK_UP'), ('PICKED_UP', 'PLAN_INTERVIEW'),
                 ('INTERVIEW_PLANNED', 'HOLD_INTERVIEW')) w(state, step)
    WHERE w.state = case_.state
$start$;

-- ---- what follows, whoever did it

-- What is signalled is confirmed in the same breath when somebody told it: its clock is the clocks' to start (clocks_tick).
CREATE FUNCTION uitval_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    PERFORM end_due(NEW.student, 'UITVAL', NEW.n);
    PERFORM start_uitval_clock(NEW);
    RETURN NULL;
END
$due$;

-- A question is about one end of a placement: another end, or none any more, and nobody waits for its answer.
CREATE FUNCTION placement_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    PERFORM end_due(NEW.student, 'PLACEMENT_END', NEW.n);
    RETURN NULL;
END
$due$;

CREATE FUNCTION move_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    PERFORM start_clock(NEW.id, 'MOVE', 'REVIEW', NULL, NULL, now());
    RETURN NULL;
END
$due$;

-- A new lead: what was due to another is due to it, under ids of its own; and what was due to nobody meanwhile.
CREATE FUNCTION lead_due() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
DECLARE
    left_ due[];
BEGIN
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

-- A lead that closed and passed to nobody, asked at the end of the transaction.
CREATE FUNCTION lead_closed() RETURNS trigger LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $due$
BEGIN
    IF NOT EXISTS (SELECT FROM lead l WHERE l.student = NEW.student AND l.until_at = 'infinity') THEN
        PERFORM end_due(NEW.student, NULL, NULL);
    END IF;
    RETURN NULL;
END
$due$;

-- ---- the clocks: each step of one young person, at an instant

-- Who leads and sees whom it leads.
CREATE FUNCTION seeing_lead(young uuid) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce(array_agg(l.seer), '{}') FROM lead l JOIN sight t ON t.student = l.student AND t.seer = l.seer
    WHERE l.student = young AND l.until_at = 'infinity' AND t.until_identified > now()
$ask$;

-- Whether another place that uitval is about runs on the day after, or begins soon.
CREATE FUNCTION goes_on(placed placement) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT EXISTS (
        SELECT FROM placement p, clock c
        WHERE p.student = placed.student AND p.n <> placed.n AND p.state <> 'ENDED' AND NOT is_internship(p.kind)
          AND c.process = 'PLACEMENT_END' AND c.step = 'FOLLOWED_WITHIN'
          AND p.from_on <= placed.to_on + c.length AND (p.to_on IS NULL OR p.to_on > placed.to_on))
$ask$;

-- Its day came and went. Answered ENDS: it was told. Unknown, or silence: it is presumed, and told to the lead alone.
CREATE FUNCTION end_by_date(placed placement, day date) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $end$
DECLARE
    said placement_question;
    number integer;
    lost boolean := NOT is_internship(placed.kind) AND NOT goes_on(placed) AND placed.to_on >= day -
        (SELECT c.length FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step = 'PRESUMED_WITHIN');
BEGIN
    SELECT * INTO said FROM placement_question q WHERE q.student = placed.student AND q.placement_n = placed.n
        AND q.to_on = placed.to_on AND q.answer IS NOT NULL ORDER BY q.answered_at DESC LIMIT 1;
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
    ELSIF lost THEN
        number := presume_uitval(placed.student, placed.n);
        PERFORM start_uitval_clock(u) FROM uitval u WHERE u.student = placed.student AND u.n = number;
        RETURN;
    END IF;
    PERFORM tell('plaatsing-beeindigd', placed.student, 'PLACEMENT', placed.n,
                 followers(placed.student, is_internship(placed.kind)) || employer_of(placed.student, placed.n), '{}');
END
$end$;

-- The moment that was reached last of those at which an end is asked about; null: not yet, or that was asked, or it was answered ENDS.
CREATE FUNCTION moment_to_ask(placed placement, day date) RETURNS integer LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT m.days FROM (
        SELECT min(c.length) AS days FROM clock c
        WHERE c.process = 'PLACEMENT_END' AND c.step LIKE 'ASK%' AND placed.to_on - day <= c.length
    ) m
    WHERE placed.state = 'RUNNING' AND placed.to_on >= day AND NOT is_internship(placed.kind)
      AND NOT EXISTS (SELECT FROM placement_question q WHERE q.student = placed.student AND q.placement_n = placed.n
                      AND q.to_on = placed.to_on AND (q.days <= m.days OR q.answer = 'ENDS'))
$ask$;

CREATE FUNCTION ask_about_end(placed placement, days_before integer, at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $ask$
BEGIN
    INSERT INTO placement_question (student, placement_n, to_on, days, asked_at)
        VALUES (placed.student, placed.n, placed.to_on, days_before, at);
    PERFORM end_due(placed.student, 'PLACEMENT_END', placed.n);
    -- until it is asked again, and the last time until the end
    PERFORM make_due(placed.student, 'PLACEMENT_END', 'ANSWER', 'PLACEMENT', placed.n, day_start(coalesce(
        placed.to_on - (SELECT max(c.length) FROM clock c WHERE c.process = 'PLACEMENT_END' AND c.step LIKE 'ASK%' AND c.length < days_before),
        placed.to_on + 1)));
    PERFORM tell('plaatsing-eindigt-binnenkort', placed.student, 'PLACEMENT', placed.n, r.seers, '{}')
        FROM (SELECT seeing_lead(placed.student) || employer_of(placed.student, placed.n) AS seers) r WHERE cardinality(r.seers) > 0;
END
$ask$;

-- The region whose coordinator hears of a late party: where it is; of one that works for several, where the young person lives.
CREATE FUNCTION region_of_late(late text, young uuid) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    WITH home AS (
        SELECT coalesce(m.region, c.region) AS region FROM student s JOIN school c ON c.brin = s.school
        LEFT JOIN municipality m ON m.code = s.municipality WHERE s.id = young
    )
    SELECT coalesce(
        CASE split_part(late, ':', 1)
            WHEN 'school' THEN (SELECT s.region FROM school s WHERE 'school:' || s.brin = split_part(late, '#', 1))
            WHEN 'municipality' THEN (SELECT m.region FROM municipality m WHERE 'municipality:' || m.code = split_part(late, '#', 1)) END,
        (SELECT coalesce(c.region, m.region, s.region) AS region FROM covers c LEFT JOIN municipality m ON m.code = c.municipality
         LEFT JOIN school s ON s.brin = c.school WHERE c.party = split_part(late, '#', 1) AND c.from_at <= now() AND c.until_at > now()
         ORDER BY coalesce(c.region, m.region, s.region) = (SELECT h.region FROM home h) DESC, 1 LIMIT 1),
        (SELECT h.region FROM home h))
$ask$;

-- The day passed: the late party is reminded. Some days later its coordinator, and it, see that it is late; not about whom.
CREATE FUNCTION pass_due(late due, at timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $pass$
DECLARE
    told uuid;
    place text;
BEGIN
    IF late.reminded_at IS NULL THEN
        UPDATE due d SET reminded_at = at, next_at = (
            SELECT due_after(at, c.escalates, c.calendar,
                CASE WHEN c.calendar = 'SCHOOL' THEN school_region_of(late.seer) END) FROM clock c
            WHERE c.process = late.process AND c.step = late.step) WHERE d.id = late.id;
        PERFORM tell('uitval-termijn-verlopen', late.student, late.case_type, late.case_n, ARRAY[late.seer],
                     jsonb_build_object('step', late.step));
        RETURN;
    END IF;
    place := region_of_late(late.seer, late.student);
    INSERT INTO overdue (region, late_seer, process, step, due_at, escalated_at)
        VALUES (place, late.seer, late.process, late.step, late.due_at, at) RETURNING id INTO told;
    UPDATE due d SET escalated_at = at, next_at = NULL, overdue = told WHERE d.id = late.id;
    INSERT INTO outbox (type, subject_kind, seers, details)
        VALUES ('nl.arbeidstoeleiding.termijn-overschreden.v1', 'NONE', ARRAY['coordinator:' || place || '#coordinator', late.seer],
                jsonb_build_object('overdue', told));
END
$pass$;

-- A lead whose last reason ended by time: as keep_lead has it for reasons that somebody ended.
CREATE FUNCTION lapse_lead(young uuid, at timestamptz) RETURNS integer LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $lead$
DECLARE
    turn timestamptz := clock_timestamp();
BEGIN
    UPDATE lead l SET until_at = turn
        WHERE l.student = young AND l.until_at = 'infinity'
          AND NOT EXISTS (SELECT FROM access a WHERE a.seer = l.seer AND a.student = l.student AND a.ended_at = 'infinity' AND a.ends_at > at);
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    INSERT INTO lead (student, seer, from_at)
        SELECT s.id, t.seer, turn FROM student s JOIN sight t ON t.student = s.id AND t.seer = 'school:' || s.school || '#guidance'
        WHERE s.id = young AND t.until_identified > at;
    PERFORM tell('regie-overgedragen', young, NULL, NULL, ARRAY[l.seer], '{"why": "RETURNED"}')
        FROM lead l WHERE l.student = young AND l.until_at = 'infinity';
    RETURN 1;
END
$lead$;

-- All that the clocks have to do for one young person at an instant; gives how many things were done.
CREATE FUNCTION clocks_tick(young uuid, at timestamptz) RETURNS integer
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
    FOR placed IN SELECT * FROM placement p WHERE p.student = young AND p.state <> 'ENDED' AND p.to_on IS NOT NULL ORDER BY p.to_on, p.n LOOP
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

-- ---- what commands may ask

-- The lead, or the employer: "extended, ends, unknown?" Word: GIVEN, REFUSED, CONFLICT (nobody asks, or the day does not fit).
CREATE FUNCTION answer_placement_end(young uuid, number integer, given text, ends date) RETURNS text
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
    IF placed.state = 'ENDED' OR asked IS NULL THEN
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

-- The lead has seen what only wants to be seen: a move. Gives who it was about, null: not there, not its own, or closed by its step alone.
CREATE FUNCTION close_due(which uuid) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    young uuid;
BEGIN
    SELECT d.student INTO young FROM due d WHERE d.id = which AND d.seer = acting_seer() AND d.process = 'MOVE' AND d.done_at IS NULL;
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    IF young IS NULL OR NOT leads(young) OR NOT EXISTS (SELECT FROM due d WHERE d.id = which AND d.done_at IS NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM end_due(young, 'MOVE', NULL);
    RETURN (SELECT t.alias FROM sight t WHERE t.seer = acting_seer() AND t.student = young);
END
$step$;

RESET ROLE;

CREATE TRIGGER uitval_made AFTER INSERT ON uitval FOR EACH ROW WHEN (NEW.state <> 'SIGNALLED') EXECUTE FUNCTION uitval_due();
CREATE TRIGGER uitval_moved AFTER UPDATE ON uitval FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION uitval_due();
CREATE TRIGGER placement_turned AFTER UPDATE ON placement FOR EACH ROW
    WHEN (OLD.to_on IS DISTINCT FROM NEW.to_on OR (OLD.state <> NEW.state AND NEW.state = 'ENDED')) EXECUTE FUNCTION placement_due();
CREATE TRIGGER student_town AFTER UPDATE ON student FOR EACH ROW WHEN (OLD.municipality <> NEW.municipality) EXECUTE FUNCTION move_due();
CREATE TRIGGER lead_taken AFTER INSERT ON lead FOR EACH ROW WHEN (NEW.until_at = 'infinity') EXECUTE FUNCTION lead_due();
CREATE CONSTRAINT TRIGGER lead_left AFTER UPDATE ON lead DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.until_at = 'infinity' AND NEW.until_at <> 'infinity') EXECUTE FUNCTION lead_closed();

SET LOCAL ROLE "@db@_keeper";
REVOKE ALL ON FUNCTION school_region_of(text), make_due(uuid, text, text, text, integer, timestamptz),
    start_clock(uuid, text, text, text, integer, timestamptz), end_due(uuid, text, integer), start_uitval_clock(uitval), uitval_due(),
    placement_due(), move_due(), lead_due(), lead_closed(), seeing_lead(uuid), goes_on(placement), end_by_date(placement, date),
    moment_to_ask(placement, date), ask_about_end(placement, integer, timestamptz), region_of_late(text, uuid),
    pass_due(due, timestamptz), lapse_lead(uuid, timestamptz), clocks_tick(uuid, timestamptz),
    answer_placement_end(uuid, integer, text, date), close_due(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clocks_tick(uuid, timestamptz), moment_to_ask(placement, date), is_internship(text) TO "@db@_worker";
GRANT EXECUTE ON FUNCTION answer_placement_end(uuid, integer, text, date), close_due(uuid) TO "@db@_command";
RESET ROLE;

-- Who moved is told to the lead as what it is from now on; what no log has yet was never told.
INSERT INTO due (seer, student, process, step, due_at)
    SELECT DISTINCT ON (l.student) l.seer, l.student, 'MOVE', 'REVIEW', due_after(now(), c.length, c.calendar, NULL)
    FROM outbox o JOIN lead l ON l.student = o.student AND l.until_at = 'infinity', clock c
    WHERE o.type = 'nl.arbeidstoeleiding.leerling-verhuisd.v1' AND o.sequenced_at IS NULL AND (c.process, c.step) = ('MOVE', 'REVIEW');
DELETE FROM outbox o WHERE o.type = 'nl.arbeidstoeleiding.leerling-verhuisd.v1' AND o.sequenced_at IS NULL;

-- ---- what the clocks ask as the worker

-- Young people for whom something is to be done at an instant, in key order behind one of them.
CREATE FUNCTION clocks_waiting(at timestamptz, behind uuid, most integer) RETURNS SETOF uuid
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    WITH day AS MATERIALIZED (SELECT (at AT TIME ZONE 'Europe/Amsterdam')::date AS today)
    SELECT w.student FROM (
        SELECT p.student FROM placement p WHERE p.state = 'PLANNED' AND p.from_on <= (SELECT today FROM day)
        UNION
        SELECT p.student FROM placement p WHERE p.state <> 'ENDED' AND p.to_on < (SELECT today FROM day)
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

-- The country's figure: 1 to 4 are "<5". A total over cells of which one is hidden would tell it: such a total is the range that the
-- cells leave, and says nothing that they do not.
CREATE FUNCTION overdue_items() RETURNS TABLE (region text, process text, step text, items text)
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    WITH cell AS (
        SELECT o.region, o.process, o.step, count(*) AS k FROM overdue o WHERE o.cleared_at IS NULL GROUP BY 1, 2, 3
    )
    SELECT c.region, c.process, c.step, CASE WHEN c.k < 5 THEN '<5' ELSE c.k::text END FROM cell c
    UNION ALL
    SELECT NULL, c.process, c.step, CASE WHEN min(c.k) >= 5 THEN sum(c.k)::text
        ELSE sum(CASE WHEN c.k < 5 THEN 1 ELSE c.k END)::text || '-' || sum(greatest(c.k, 4))::text END
    FROM cell c GROUP BY 2, 3
$ask$;

-- Writes what differs; gives how many rows did.
CREATE FUNCTION count_overdue(at timestamptz) RETURNS integer LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $count$
DECLARE
    gone integer;
    written integer;
BEGIN
    DELETE FROM figure_overdue f WHERE NOT EXISTS (SELECT FROM overdue_items() c
        WHERE c.region IS NOT DISTINCT FROM f.region AND (c.process, c.step, c.items) = (f.process, f.step, f.items));
    GET DIAGNOSTICS gone = ROW_COUNT;
    INSERT INTO figure_overdue (region, process, step, items, computed_at)
        SELECT c.region, c.process, c.step, c.items, at FROM overdue_items() c ON CONFLICT (region, process, step) DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN gone + written;
END
$count$;
REVOKE ALL ON FUNCTION clocks_waiting(timestamptz, uuid, integer), overdue_items(), count_overdue(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clocks_waiting(timestamptz, uuid, integer), overdue_items(), count_overdue(timestamptz) TO "@db@_worker";

-- ---- who reads
GRANT SELECT (id, seer, student, process, step, case_type, case_n, due_at, reminded_at, done_at) ON due TO "@db@_school", "@db@_municipality";
CREATE POLICY own ON due FOR SELECT TO "@db@_school", "@db@_municipality"
    USING (seer = current_setting('spil.seer', true)
       AND (SELECT s.until_candidate > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = due.student));
GRANT SELECT ON overdue TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator";
CREATE POLICY own ON overdue FOR SELECT TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer"
    USING (late_seer = current_setting('spil.seer', true));
CREATE POLICY of_region ON overdue FOR SELECT TO "@db@_coordinator" USING (acting_party() = 'coordinator:' || region);
GRANT SELECT ON figure_overdue TO "@db@_national";
