-- why    placements begin, go on and end; the loss of one is told to who must know, and somebody picks it up
-- locks  new tables only
-- undo   DROP TABLE uitval, uitval_move and the functions of this file
--
-- Laws
-- 1. Who is told is computed here, in the transaction of what happened: the lead, the school while its guidance runs, and a municipality
--    only with an open reason, or with a safety net that makes one now. A silence (PRESUMED) is told to the lead alone and opens nothing.
-- 2. A broken-off internship is told to the school, and never to a municipality.
-- 3. What nobody would hear is not taken: REFUSED says NOBODY, and everything stays as it was.
-- 4. No reason of health, behaviour or home has a column here: how it ended is one of nine codes.

CREATE TABLE uitval (
    student      uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n            integer NOT NULL CHECK (n > 0),     -- within the student
    placement_n  integer NOT NULL,
    basis        text NOT NULL CHECK (basis IN ('TOLD', 'PRESUMED')),
    state        text NOT NULL CHECK (state IN ('SIGNALLED', 'REPORTED', 'PICKED_UP', 'INTERVIEW_PLANNED', 'INTERVIEW_HELD', 'NEXT_STEP',
                                                'CLOSED', 'WITHDRAWN')),
    how          text CHECK (how IN ('CONTRACT_ENDED', 'PROBATION', 'ENDED_BY_EMPLOYER', 'ENDED_BY_YOUNG_PERSON', 'BY_AGREEMENT',
                                     'NO_WORK_OR_CLOSED', 'COURSE_STOPPED', 'MOVED', 'UNKNOWN')),
    ended_on     date NOT NULL CHECK (isfinite(ended_on)),
    was_to_on    date,                               -- what the placement's end was before: a withdrawal gives it back
    reported_by  text,                               -- the seer; null as long as nobody told
    reported_at  timestamptz,
    picked_up_at timestamptz,
    interview_on date CHECK (isfinite(interview_on)),
    held_on      date CHECK (isfinite(held_on)),
    next_step    text CHECK (next_step IN ('NEW_PLACEMENT', 'LEERLIJN', 'MBO', 'INDIVIDUEEL_TRAJECT', 'BESCHUT_WERK', 'DAGBESTEDING')),
    closed_at    timestamptz,                        -- or withdrawn
    signalled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (student, n),
    FOREIGN KEY (student, placement_n) REFERENCES placement (student, n),
    CHECK ((basis = 'TOLD') = (reported_by IS NOT NULL)),
    CHECK (basis = 'TOLD' OR state IN ('SIGNALLED', 'WITHDRAWN')),
    CHECK ((state IN ('CLOSED', 'WITHDRAWN')) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX uitval_one_open ON uitval (student, placement_n) WHERE state NOT IN ('CLOSED', 'WITHDRAWN');
CREATE INDEX uitval_reported_by ON uitval (reported_by);

ALTER TABLE uitval ENABLE ROW LEVEL SECURITY;
ALTER TABLE uitval FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON uitval TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE, DELETE ON uitval TO "@db@_worker";
CREATE POLICY kept ON uitval FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);
CREATE POLICY worker ON uitval FOR ALL TO "@db@_worker" USING (true) WITH CHECK (true);
CREATE POLICY owner ON uitval FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE (state, to_on) ON placement TO "@db@_keeper";
CREATE POLICY kept ON placement FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);
GRANT SELECT ON employer, opportunity TO "@db@_keeper";
CREATE POLICY kept ON opportunity FOR SELECT TO "@db@_keeper" USING (true);

-- The moves of the lead. From which states, to which, and what is told of it.
CREATE TABLE uitval_move (
    move  text PRIMARY KEY,
    "from" text[] NOT NULL,
    "to"  text NOT NULL,
    told  text
);
INSERT INTO uitval_move VALUES
    ('ACKNOWLEDGE', '{REPORTED}', 'PICKED_UP', 'uitval-opgepakt'),
    ('PLAN', '{REPORTED,PICKED_UP,INTERVIEW_PLANNED}', 'INTERVIEW_PLANNED', 'loopbaangesprek-gepland'),
    ('HOLD', '{INTERVIEW_PLANNED}', 'INTERVIEW_HELD', NULL),
    ('NEXT_STEP', '{PICKED_UP,INTERVIEW_PLANNED,INTERVIEW_HELD,NEXT_STEP}', 'NEXT_STEP', 'vervolgstap-vastgelegd'),
    ('CLOSE', '{NEXT_STEP}', 'CLOSED', NULL),
    ('WITHDRAW', '{SIGNALLED,REPORTED,PICKED_UP,INTERVIEW_PLANNED,INTERVIEW_HELD,NEXT_STEP}', 'WITHDRAWN', 'uitval-ingetrokken');

GRANT SELECT ON uitval_move TO "@db@_keeper", "@db@_worker";

SET LOCAL ROLE "@db@_keeper";

-- ---- who acts, and who is told

CREATE FUNCTION is_internship(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp
    AS $ask$ SELECT kind IN ('STAGE', 'WERKERVARINGSPLAATS') $ask$;

CREATE FUNCTION day_start(day date) RETURNS timestamptz LANGUAGE sql STABLE SET search_path = public, pg_temp
    AS $ask$ SELECT day::timestamp AT TIME ZONE 'Europe/Amsterdam' $ask$;

-- The own school, a municipality that sees who it is, and the employer whose place it is.
CREATE FUNCTION places(young uuid, kvk text) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce((
        SELECT CASE split_part(t.seer, ':', 1)
            WHEN 'school' THEN t.until_identified > now() AND t.seer = 'school:' || t.school || '#guidance'
            WHEN 'employer' THEN t.until_given_name > now() AND t.seer = 'employer:' || kvk || '#mentor'
            ELSE t.until_identified > now() AND t.seer ~ '^(municipality|service):.*#participatie$' END
        FROM sight t WHERE t.student = young AND t.seer = acting_seer()), false)
$ask$;

-- Who follows a young person now: the lead, the school while its guidance runs, a municipality with an open reason of its own.
CREATE FUNCTION followers(young uuid, of_internship boolean) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce(array_agg(f.seer ORDER BY f.seer), '{}') FROM (
        SELECT t.seer FROM student s JOIN sight t ON t.student = s.id AND t.seer = 'school:' || s.school || '#guidance'
            WHERE s.id = young AND t.until_identified > now()
        UNION
        SELECT l.seer FROM lead l JOIN sight t ON t.student = l.student AND t.seer = l.seer
            WHERE l.student = young AND l.until_at = 'infinity' AND t.until_identified > now() AND NOT of_internship
        UNION
        SELECT a.seer FROM access a WHERE a.student = young AND NOT of_internship AND a.ended_at = 'infinity' AND a.ends_at > now()
            AND a.purpose IN ('CONTINUE_SUPPORT', 'INVOLVE_MUNICIPALITY', 'SAFETY_NET')
    ) f
$ask$;

-- The employer of a placement, as long as it sees who is placed.
CREATE FUNCTION employer_of(young uuid, number integer) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce(array_agg(t.seer), '{}') FROM placement p JOIN sight t ON t.student = p.student AND t.seer = 'employer:' || p.employer || '#mentor'
    WHERE p.student = young AND p.n = number AND t.until_given_name > now()
$ask$;

-- Locks the young person whose case it is, behind a pseudonym of who acts and the twelve digits of the case (tables.md, Ids).
CREATE FUNCTION hold_case(pseudonym uuid, what text, part text) RETURNS TABLE (student uuid, n integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $hold$
DECLARE
    young uuid;
    salt text;
BEGIN
    SELECT t.student, t.id_salt::text INTO young, salt FROM sight t
        WHERE t.seer = acting_seer() AND t.alias = pseudonym AND t.seen_until > now();
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    RETURN QUERY
        SELECT p.student, p.n FROM placement p WHERE p.student = young AND what = 'Placement'
            AND left(md5(salt || 'Placement' || p.n::text), 12) = part
        UNION ALL
        SELECT u.student, u.n FROM uitval u WHERE u.student = young AND what = 'Uitval'
            AND left(md5(salt || 'Uitval' || u.n::text), 12) = part;
END
$hold$;

-- ---- placements

-- Why the employer and the service point see somebody because of a placement: until it ends, the employer eight weeks longer. What there
-- was of it ends here, so that a new end is a new reason and no reason is ever changed.
CREATE FUNCTION keep_placement_reasons(young uuid, number integer) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $keep$
DECLARE
    placed placement;
    until timestamptz;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    until := coalesce(day_start(placed.to_on + 1), 'infinity');
    UPDATE access a SET ended_at = now() WHERE a.student = young AND a.case_type = 'PLACEMENT' AND a.case_n = number
        AND a.ended_at = 'infinity' AND a.purpose IN ('STAGE', 'EMPLOYMENT', 'PLACED_FROM');
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
END
$keep$;

-- Gives the number of the new placement, or null: not yours to make, no such employer or offer, or there is one like it.
CREATE FUNCTION start_placement(young uuid, what text, kvk text, offer uuid, a_week integer, begins date, ends date, leads text)
    RETURNS integer LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $start$
DECLARE
    number integer;
BEGIN
    IF NOT places(young, kvk) OR NOT EXISTS (SELECT FROM employer e WHERE e.kvk = $3)
        OR (offer IS NOT NULL AND NOT EXISTS (SELECT FROM opportunity o WHERE o.id = offer AND o.employer = $3))
        OR EXISTS (SELECT FROM placement p WHERE p.student = young AND (p.kind, p.employer) = (what, $3) AND p.state <> 'ENDED') THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(max(p.n), 0) + 1 INTO number FROM placement p WHERE p.student = young;
    INSERT INTO placement (student, n, kind, employer, opportunity, hours, from_on, to_on, leads_to, state)
        VALUES (young, number, what, kvk, offer, a_week, begins, ends, leads, CASE WHEN begins > today() THEN 'PLANNED' ELSE 'RUNNING' END);
    PERFORM keep_placement_reasons(young, number);
    IF is_internship(what) THEN                      -- a place was found: who looked for one looks no more
        WITH gone AS (
            UPDATE access a SET ended_at = now() WHERE a.student = young AND a.purpose = 'STAGE_SEARCH' AND a.ended_at = 'infinity'
                AND a.ends_at > now() RETURNING a.seer
        )
        INSERT INTO outbox (type, subject_kind, student, seers, details)
            SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', young, ARRAY[g.seer], '{"purpose": "STAGE_SEARCH"}' FROM gone g;
    END IF;
    PERFORM tell('plaatsing-gestart', young, 'PLACEMENT', number,
                 followers(young, is_internship(what)) || employer_of(young, number), '{}');
    RETURN number;
END
$start$;

CREATE FUNCTION extend_placement(young uuid, number integer, ends date) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    placed placement;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = number;
    IF NOT places(young, placed.employer) THEN
        RETURN 'REFUSED';
    END IF;
    IF placed.state = 'ENDED' OR placed.to_on IS NULL OR ends <= placed.to_on THEN
        RETURN 'CONFLICT';
    END IF;
    UPDATE placement p SET to_on = ends WHERE p.student = young AND p.n = number;
    PERFORM keep_placement_reasons(young, number);
    PERFORM tell('plaatsing-verlengd', young, 'PLACEMENT', number,
                 followers(young, is_internship(placed.kind)) || employer_of(young, number), '{}');
    RETURN 'GIVEN';
END
$step$;

-- It is over as of a day; the service point that offered it learns that a place is free, not whose.
CREATE FUNCTION close_placement(young uuid, number integer, last_day date) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $close$
BEGIN
    UPDATE placement p SET state = 'ENDED', to_on = last_day WHERE p.student = young AND p.n = number;
    PERFORM keep_placement_reasons(young, number);
    INSERT INTO outbox (type, subject_kind, seers, details)
        SELECT 'nl.arbeidstoeleiding.plaats-vrijgekomen.v1', 'NONE', ARRAY[o.service_point || '#matching'],
               jsonb_build_object('opportunity', o.id, 'month', to_char(last_day, 'YYYY-MM'))
        FROM placement p JOIN opportunity o ON o.id = p.opportunity
        WHERE p.student = young AND p.n = number AND o.service_point IS NOT NULL;
END
$close$;

-- As was agreed: nothing was lost.
CREATE FUNCTION end_placement(young uuid, number integer, last_day date) RETURNS text
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
    PERFORM close_placement(young, number, last_day);
    PERFORM tell('plaatsing-beeindigd', young, 'PLACEMENT', number,
                 followers(young, is_internship(placed.kind)) || employer_of(young, number), '{}');
    RETURN 'GIVEN';
END
$step$;

-- ---- uitval

-- Somebody told: REPORTED. The net is used where it says so, and then everybody who follows hears it. Gives GIVEN or NOBODY.
CREATE FUNCTION uitval_told(young uuid, number integer, how_it_ended text, teller text) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $told$
DECLARE
    net safety_net;
    told text[];
BEGIN
    UPDATE uitval u SET basis = 'TOLD', state = 'REPORTED', how = how_it_ended, reported_by = teller, reported_at = now()
        WHERE u.student = young AND u.n = number AND u.state = 'SIGNALLED';
    SELECT * INTO net FROM safety_net x WHERE x.student = young AND x.choice = 'INFORM_MUNICIPALITY_AT_ONCE'
        AND x.ended_at = 'infinity' AND x.until_at > now();
    IF net.n IS NOT NULL AND net.municipality <> ALL (followers(young, false))
        AND place_reason(young, net.municipality, 'SAFETY_NET', 'UITVAL', number,
                         (SELECT 'school:' || s.school || '#guidance' FROM student s WHERE s.id = young)) = 'GIVEN' THEN
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

-- A place was lost before its young person was ready to leave it. Word: GIVEN, REFUSED, CONFLICT, OPEN_ALREADY, NOBODY; of an internship
-- there is no uitval, and `number` is null.
CREATE FUNCTION report_uitval(young uuid, placement_number integer, how_it_ended text, last_day date)
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
    IF last_day IS NOT NULL AND (placed.state <> 'ENDED' OR placed.to_on <> last_day) THEN
        PERFORM close_placement(young, placement_number, last_day);
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

-- The date passed and nobody said anything: told to the lead alone. Asked by the clocks, who hold the young person.
CREATE FUNCTION presume_uitval(young uuid, placement_number integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $presume$
DECLARE
    placed placement;
    number integer;
BEGIN
    SELECT * INTO placed FROM placement p WHERE p.student = young AND p.n = placement_number;
    IF placed.to_on IS NULL OR is_internship(placed.kind)
        OR EXISTS (SELECT FROM uitval u WHERE u.student = young AND u.placement_n = placement_number AND u.state <> 'WITHDRAWN') THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(max(u.n), 0) + 1 INTO number FROM uitval u WHERE u.student = young;
    INSERT INTO uitval (student, n, placement_n, basis, state, ended_on, was_to_on)
        VALUES (young, number, placement_number, 'PRESUMED', 'SIGNALLED', placed.to_on, placed.to_on);
    PERFORM tell('uitval-gemeld', young, 'UITVAL', number, ARRAY[l.seer], '{"basis": "PRESUMED"}')
        FROM lead l JOIN sight t ON t.student = l.student AND t.seer = l.seer
        WHERE l.student = young AND l.until_at = 'infinity' AND t.until_identified > now();
    RETURN number;
END
$presume$;

-- The lead: what was presumed is so.
CREATE FUNCTION confirm_uitval(young uuid, number integer, how_it_ended text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    IF NOT leads(young) THEN
        RETURN 'REFUSED';
    END IF;
    IF NOT EXISTS (SELECT FROM uitval u WHERE u.student = young AND u.n = number AND u.state = 'SIGNALLED') THEN
        RETURN 'CONFLICT';
    END IF;
    RETURN uitval_told(young, number, how_it_ended, acting_seer());
END
$step$;

-- An uitval is over: who was let in because of it is let out.
CREATE FUNCTION end_uitval_reasons(young uuid, number integer) RETURNS void LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $end$
    WITH gone AS (
        UPDATE access a SET ended_at = now() WHERE a.student = young AND a.case_type = 'UITVAL' AND a.case_n = number
            AND a.ended_at = 'infinity' AND a.ends_at > now() RETURNING a.seer, a.purpose
    )
    INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
        SELECT 'nl.arbeidstoeleiding.toegang-beeindigd.v1', 'ENDING', young, 'UITVAL', number, ARRAY[g.seer],
               jsonb_build_object('purpose', g.purpose) FROM gone g ORDER BY g.seer
$end$;

CREATE FUNCTION move_uitval(young uuid, number integer, wanted text, day date, step text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ uitval;
    way uitval_move;
    told text[];
BEGIN
    SELECT * INTO case_ FROM uitval u WHERE u.student = young AND u.n = number;
    SELECT * INTO way FROM uitval_move m WHERE m.move = wanted;
    IF NOT leads(young) OR case_.n IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    IF case_.state <> ALL (way."from") THEN
        RETURN 'CONFLICT';
    END IF;
    told := CASE WHEN case_.basis = 'TOLD' THEN followers(young, false) ELSE ARRAY[acting_seer()] END
        || CASE WHEN wanted = 'ACKNOWLEDGE' AND case_.reported_by LIKE 'employer:%' THEN ARRAY[case_.reported_by] ELSE '{}' END;
    UPDATE uitval u SET state = way."to",
        picked_up_at = CASE WHEN wanted IN ('ACKNOWLEDGE', 'PLAN') THEN coalesce(u.picked_up_at, now()) ELSE u.picked_up_at END,
        interview_on = CASE WHEN wanted = 'PLAN' THEN day ELSE u.interview_on END,
        held_on = CASE WHEN wanted = 'HOLD' THEN day ELSE u.held_on END,
        next_step = coalesce(step, u.next_step),
        closed_at = CASE WHEN wanted IN ('CLOSE', 'WITHDRAW') THEN now() ELSE u.closed_at END
        WHERE u.student = young AND u.n = number;
    IF way.told IS NOT NULL THEN
        PERFORM tell(way.told, young, 'UITVAL', number, told, '{}');
    END IF;
    IF wanted = 'WITHDRAW' THEN                      -- the place is not lost: it is as it was
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

REVOKE ALL ON FUNCTION is_internship(text), day_start(date), places(uuid, text), followers(uuid, boolean), employer_of(uuid, integer),
    hold_case(uuid, text, text), keep_placement_reasons(uuid, integer), close_placement(uuid, integer, date),
    start_placement(uuid, text, text, uuid, integer, date, date, text), extend_placement(uuid, integer, date),
    end_placement(uuid, integer, date), uitval_told(uuid, integer, text, text), report_uitval(uuid, integer, text, date),
    presume_uitval(uuid, integer), confirm_uitval(uuid, integer, text), end_uitval_reasons(uuid, integer),
    move_uitval(uuid, integer, text, date, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_case(uuid, text, text), start_placement(uuid, text, text, uuid, integer, date, date, text),
    extend_placement(uuid, integer, date), end_placement(uuid, integer, date), report_uitval(uuid, integer, text, date),
    confirm_uitval(uuid, integer, text), move_uitval(uuid, integer, text, date, text) TO "@db@_command";

-- A cursor of the log, asked once per page: too old, or of an epoch that is over, is an error and never a silent hole.
RESET ROLE;
CREATE FUNCTION cursor_lives(given_epoch integer, given_pos bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $lives$
DECLARE
    head stream_head;
BEGIN
    SELECT * INTO head FROM stream_head h WHERE h.seer = acting_seer();
    IF head.epoch <> given_epoch THEN
        RAISE EXCEPTION 'the epoch of this cursor is over' USING ERRCODE = 'SP001';
    ELSIF given_pos < head.kept_after THEN
        RAISE EXCEPTION 'what follows this cursor is not kept any more' USING ERRCODE = 'SP002';
    END IF;
    RETURN true;
END
$lives$;
REVOKE ALL ON FUNCTION cursor_lives(integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cursor_lives(integer, bigint)
    TO "@db@_school", "@db@_service_point", "@db@_municipality", "@db@_employer", "@db@_coordinator", "@db@_national";

-- ---- who reads: who sees the young person; what is only presumed the lead alone; an employer what it told
GRANT SELECT ON uitval TO "@db@_school", "@db@_municipality";
GRANT SELECT (student, n, placement_n, how, ended_on, reported_by, reported_at, picked_up_at) ON uitval TO "@db@_employer";
CREATE POLICY seen ON uitval FOR SELECT TO "@db@_school", "@db@_municipality"
    USING (((SELECT s.until_candidate > now() FROM sight s
             WHERE s.seer = current_setting('spil.seer', true) AND s.student = uitval.student)
         OR (SELECT true FROM access a
             WHERE a.seer = current_setting('spil.seer', true) AND a.student = uitval.student AND a.case_type = 'UITVAL'
               AND a.case_n = uitval.n AND a.ended_at = 'infinity' AND a.ends_at > now() LIMIT 1))
       AND (basis = 'TOLD' OR (SELECT l.seer = current_setting('spil.seer', true) FROM lead l
                               WHERE l.student = uitval.student AND l.until_at = 'infinity')));
CREATE POLICY reported ON uitval FOR SELECT TO "@db@_employer"
    USING (reported_by = current_setting('spil.seer', true)
       AND (SELECT s.until_given_name > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = uitval.student));

-- A plan names whose reading it is; to these two it is nobody's.
GRANT SELECT (student) ON outbox TO "@db@_coordinator", "@db@_national";
