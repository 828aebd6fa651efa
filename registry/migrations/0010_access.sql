-- why    access in motion: who may give a right, and how it ends; the keeper gives and ends, commands only ask it to
-- locks  new tables, triggers on access and consent
-- undo   DROP FUNCTION / TABLE of what is made here, in reverse order
--
-- Laws
-- 1. The role `command` has no right on `access`, `consent` and `lead`: it may call the functions of this file, and each begins with who acts.
-- 2. Tier, length and agreement of a reason come from `access_rule`, never from the caller; no reason outlives its consent.
-- 3. Whoever changes what concerns a young person holds that student's row first (`hold`), and judges after it has it.
-- 4. A withdrawn consent has no open reason that rests on it; a lead without an open reason does not exist. Triggers, so for everybody.

CREATE TABLE access_rule (
    purpose    text PRIMARY KEY,
    by_command boolean NOT NULL,                     -- false: the row is made by another step; the agreement stands here all the same
    lead_too   boolean NOT NULL,                     -- who has the lead may give it, besides the own school
    receiver   text NOT NULL,                        -- the seers who may get it
    routed     boolean NOT NULL,                     -- to who covers the municipality, and to nobody else
    tier       text NOT NULL,
    agreement  text CHECK (agreement IN ('TOESTEMMING', 'INSTEMMING')),
    lasts      interval                              -- null: until its case closes, or the school year ends
);
INSERT INTO access_rule (purpose, by_command, lead_too, receiver, routed, tier, agreement, lasts) VALUES
    ('STAGE_SEARCH', true, false, '^servicepoint:[A-Z0-9-]+#matching$', false, 'CANDIDATE', NULL, NULL),
    ('WORK_SEARCH', true, true, '^servicepoint:[A-Z0-9-]+#matching$', false, 'CANDIDATE', 'TOESTEMMING', '6 months'),
    ('INTRODUCTION', true, false, '^employer:[0-9]{8}#mentor$', false, 'GIVEN_NAME', 'TOESTEMMING', '28 days'),
    ('INVOLVE_MUNICIPALITY', true, false, '^(municipality|service):[A-Za-z0-9-]+#participatie$', true, 'IDENTIFIED', NULL, NULL),
    ('CONTINUE_SUPPORT', false, false, '^(municipality|service):[A-Za-z0-9-]+#participatie$', true, 'IDENTIFIED', 'INSTEMMING', NULL),
    ('SAFETY_NET', false, false, '^(municipality|service):[A-Za-z0-9-]+#participatie$', true, 'IDENTIFIED', 'INSTEMMING', '24 months');

GRANT SELECT ON access_rule TO "@db@_keeper", "@db@_worker";
GRANT INSERT, UPDATE (ended_at) ON access TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE (withdrawn_at, withdrawn_by) ON consent TO "@db@_keeper";
GRANT SELECT, INSERT, UPDATE (until_at) ON lead TO "@db@_keeper";
GRANT UPDATE (source) ON student TO "@db@_keeper";   -- to lock the row; the policy lets nothing be written
GRANT SELECT (student, age_band) ON student_profile TO "@db@_keeper";
GRANT SELECT (key, from_at, until_at) ON party TO "@db@_keeper";
GRANT SELECT ON covers, municipality, region TO "@db@_keeper";
GRANT INSERT ON outbox TO "@db@_keeper";
CREATE POLICY told ON outbox FOR INSERT TO "@db@_keeper" WITH CHECK (true);
CREATE POLICY given ON access FOR INSERT TO "@db@_keeper" WITH CHECK (true);
CREATE POLICY ended ON access FOR UPDATE TO "@db@_keeper" USING (true) WITH CHECK (true);
CREATE POLICY kept ON consent FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);
CREATE POLICY kept ON lead FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);
CREATE POLICY locked ON student FOR UPDATE TO "@db@_keeper" USING (true) WITH CHECK (false);
CREATE POLICY kept ON student_profile FOR SELECT TO "@db@_keeper" USING (true);
CREATE POLICY routed ON covers FOR SELECT TO "@db@_keeper" USING (true);

-- ---- the cases: one row each, numbered within the young person; read by who asked and who is addressed
CREATE TABLE support_request (
    student     uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n           integer NOT NULL CHECK (n > 0),
    from_seer   text NOT NULL,
    to_seer     text NOT NULL,
    wanted      text[] NOT NULL,                     -- functional support, from a closed list; never a cause
    state       text NOT NULL DEFAULT 'SENT' CHECK (state IN ('SENT', 'IN_TRIAGE', 'ACCEPTED', 'DECLINED')),
    reason      text CHECK (reason IN ('NOT_OUR_RESIDENT', 'NO_SUPPORT_NEEDED', 'OTHER_ROUTE', 'NO_RIGHT')),
    sent_at     timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    PRIMARY KEY (student, n),
    CHECK ((state = 'DECLINED') = (reason IS NOT NULL))
);
CREATE UNIQUE INDEX support_request_one_open ON support_request (student) WHERE state IN ('SENT', 'IN_TRIAGE');

CREATE TABLE handover (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    student     uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n           integer NOT NULL CHECK (n > 0),
    from_seer   text NOT NULL,
    to_seer     text NOT NULL,
    state       text NOT NULL DEFAULT 'STARTED' CHECK (state IN ('STARTED', 'ACCEPTED', 'CONFIRMED', 'DECLINED')),
    round       integer NOT NULL DEFAULT 1,          -- the code is an HMAC over id and round; it stands nowhere
    minted_at   timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL DEFAULT now() + interval '30 days',
    case_number text,                                -- the municipality's own; never a BSN (resolvers/handover.py)
    reason      text CHECK (reason IN ('NOT_OUR_RESIDENT', 'NOT_THIS_PERSON', 'NO_SUPPORT_NEEDED')),
    started_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (student, n),
    CHECK ((state = 'DECLINED') = (reason IS NOT NULL))
);
CREATE UNIQUE INDEX handover_one_open ON handover (student) WHERE state IN ('STARTED', 'ACCEPTED');
CREATE INDEX handover_to ON handover (to_seer) WHERE state = 'STARTED';

-- Wrong codes, per seer: counted also when the command that brought them is refused.
CREATE TABLE handover_try (
    id   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    seer text NOT NULL,
    at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX handover_try_seer ON handover_try (seer, at);

CREATE TABLE safety_net (
    student      uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n            integer NOT NULL CHECK (n > 0),
    choice       text NOT NULL CHECK (choice IN ('INFORM_MUNICIPALITY_AT_ONCE', 'SCHOOL_FIRST', 'NONE')),
    municipality text,                               -- the seer that is told
    consent      uuid REFERENCES consent,
    until_at     timestamptz NOT NULL,
    used_at      timestamptz,
    set_at       timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (student, n),
    CHECK ((choice = 'INFORM_MUNICIPALITY_AT_ONCE') = (consent IS NOT NULL)),
    CHECK ((municipality IS NULL) = (consent IS NULL))
);
CREATE UNIQUE INDEX safety_net_one_open ON safety_net (student) WHERE ended_at = 'infinity';
CREATE INDEX safety_net_consent ON safety_net (consent) WHERE consent IS NOT NULL;

CREATE TABLE lead_offer (
    student    uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n          integer NOT NULL CHECK (n > 0),
    from_seer  text NOT NULL,
    to_seer    text NOT NULL,
    state      text NOT NULL DEFAULT 'OFFERED' CHECK (state IN ('OFFERED', 'ACCEPTED', 'DECLINED', 'LAPSED')),
    offered_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    PRIMARY KEY (student, n)
);
CREATE UNIQUE INDEX lead_offer_one_open ON lead_offer (student) WHERE state = 'OFFERED';

DO $tables$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['support_request', 'handover', 'handover_try', 'safety_net', 'lead_offer'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO %I', name, '@db@_keeper');
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', name, '@db@_worker');
        EXECUTE format('CREATE POLICY kept ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_keeper');
        EXECUTE format('CREATE POLICY worker ON %I FOR ALL TO %I USING (true) WITH CHECK (true)', name, '@db@_worker');
        EXECUTE format('CREATE POLICY owner ON %I FOR ALL TO CURRENT_USER USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$tables$;
GRANT SELECT, INSERT, UPDATE (until_at) ON link TO "@db@_keeper";
CREATE POLICY kept ON link FOR ALL TO "@db@_keeper" USING (true) WITH CHECK (true);

-- ---- who acts: asked by the keeper's functions alone

-- The young person's own school, with its right open.
CREATE FUNCTION guides(young uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce((
        SELECT t.until_identified > now() FROM student s JOIN sight t ON t.student = s.id AND t.seer = acting_seer()
        WHERE s.id = young AND t.seer = 'school:' || s.school || '#guidance'), false)
$ask$;

-- Who has the lead, and sees who it leads.
CREATE FUNCTION leads(young uuid) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT coalesce((
        SELECT t.until_identified > now() FROM lead l JOIN sight t ON t.student = l.student AND t.seer = l.seer
        WHERE l.student = young AND l.seer = acting_seer() AND l.until_at = 'infinity'), false)
$ask$;

-- Who answers for the municipality of residence; without a party of its own, its centre municipality does.
CREATE FUNCTION covering(young uuid) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT c.party || '#' || c.function FROM student s JOIN municipality m ON m.code = s.municipality JOIN region r ON r.code = m.region
    JOIN covers c ON c.municipality IN (m.code, r.centre) AND c.function = 'participatie' AND c.from_at <= now() AND c.until_at > now()
    WHERE s.id = young ORDER BY (c.municipality = m.code) DESC LIMIT 1
$ask$;

-- The 1st of August with which the next school year begins (Europe/Amsterdam).
CREATE FUNCTION school_year_end() RETURNS timestamptz LANGUAGE sql STABLE SET search_path = public, pg_temp AS $ask$
    SELECT (make_date(extract(year FROM today())::int + (extract(month FROM today()) >= 8)::int, 8, 1))::timestamp
        AT TIME ZONE 'Europe/Amsterdam'
$ask$;

-- What happened, in the transaction in which it did; receivers are told again what they may see when it is delivered.
CREATE FUNCTION tell(what text, young uuid, about text, number integer, whom text[], more jsonb) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $tell$
    INSERT INTO outbox (type, subject_kind, student, case_type, case_n, seers, details)
        VALUES ('nl.arbeidstoeleiding.' || what || '.v1',
                CASE WHEN what IN ('toegang-beeindigd', 'toestemming-ingetrokken') THEN 'ENDING' ELSE 'STUDENT' END,
                young, about, number, whom, more)
$tell$;

-- ---- what commands may ask

-- Locks the young person behind a pseudonym of who acts. No row: there is none, or not for you.
CREATE FUNCTION hold(pseudonym uuid) RETURNS TABLE (student uuid, own_school boolean, has_lead boolean, age_band text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $hold$
DECLARE
    young uuid;
BEGIN
    SELECT t.student INTO young FROM sight t WHERE t.seer = acting_seer() AND t.alias = pseudonym AND t.seen_until > now();
    PERFORM FROM student s WHERE s.id = young FOR NO KEY UPDATE;
    RETURN QUERY
        SELECT t.student, guides(young), leads(young), CASE WHEN guides(young) THEN p.age_band END
        FROM sight t LEFT JOIN student_profile p ON p.student = t.student
        WHERE t.seer = acting_seer() AND t.student = young AND t.seen_until > now();
END
$hold$;

-- Makes a reason by its rule, whoever asked; gives GIVEN, or why not. Not for commands: `give` and the cases' steps ask it.
CREATE FUNCTION place_reason(young uuid, receiver text, wanted text, about text, n integer, giver text) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $place$
DECLARE
    rule access_rule;
    agreed consent;
BEGIN
    SELECT * INTO rule FROM access_rule r WHERE r.purpose = wanted;
    IF rule.purpose IS NULL OR receiver IS NULL OR receiver !~ rule.receiver
        OR NOT EXISTS (SELECT FROM party p WHERE p.key = split_part(receiver, '#', 1) AND p.from_at <= now() AND p.until_at > now()) THEN
        RETURN 'REFUSED';
    END IF;
    IF EXISTS (SELECT FROM access a WHERE a.seer = receiver AND a.student = young AND a.purpose = wanted
               AND a.ended_at = 'infinity' AND a.ends_at > now()) THEN
        RETURN 'OPEN_ALREADY';
    END IF;
    IF rule.agreement IS NOT NULL THEN
        SELECT * INTO agreed FROM consent c
        WHERE c.student = young AND c.kind = rule.agreement AND c.purpose = wanted AND c.seer = receiver
          AND c.withdrawn_at IS NULL AND c.until_at > now() ORDER BY c.until_at DESC LIMIT 1;
        IF agreed.id IS NULL THEN
            RETURN 'CONSENT_MISSING';
        END IF;
    END IF;
    INSERT INTO access (seer, student, tier, purpose, case_type, case_n, consent, granted_by, ends_at)
        VALUES (receiver, young, rule.tier, wanted, about, n, agreed.id, giver,
                least(CASE WHEN wanted = 'STAGE_SEARCH' THEN school_year_end() ELSE coalesce(now() + rule.lasts, 'infinity') END,
                      coalesce(agreed.until_at, 'infinity')));
    RETURN 'GIVEN';
END
$place$;

-- The own school, or for some purposes who has the lead, shows a young person to another party.
CREATE FUNCTION give(young uuid, receiver text, wanted text, about text, n integer) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $give$
DECLARE
    rule access_rule;
    word text;
BEGIN
    SELECT * INTO rule FROM access_rule r WHERE r.purpose = wanted AND r.by_command;
    IF rule.purpose IS NULL OR NOT (guides(young) OR (rule.lead_too AND leads(young))) THEN
        RETURN 'REFUSED';
    END IF;
    word := place_reason(young, CASE WHEN rule.routed THEN covering(young) ELSE receiver END, wanted, about, n, acting_seer());
    IF word = 'GIVEN' AND wanted IN ('STAGE_SEARCH', 'WORK_SEARCH') THEN
        PERFORM tell('kandidaat-voorgedragen', young, NULL, NULL, ARRAY[receiver], jsonb_build_object('purpose', wanted));
    END IF;
    RETURN word;
END
$give$;

-- The own school: a search for work begins anew as the old one ends, if its consent stands. Nobody has to forget anybody.
CREATE FUNCTION renew(young uuid, receiver text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $renew$
BEGIN
    UPDATE access a SET ended_at = now()
        WHERE a.student = young AND a.seer = receiver AND a.purpose = 'WORK_SEARCH' AND a.ended_at = 'infinity' AND a.ends_at > now()
          AND guides(young);
    IF NOT FOUND THEN
        RETURN 'REFUSED';
    END IF;
    RETURN place_reason(young, receiver, 'WORK_SEARCH', NULL, NULL, acting_seer());
END
$renew$;

-- Ends open reasons of one seer; gives how many. The own school any but enrolment; every other party its own.
CREATE FUNCTION finish(young uuid, whose text, wanted text) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $finish$
DECLARE
    ended integer;
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
    RETURN ended;
END
$finish$;

-- The own school writes down who agreed to what, for whom. `whose` null: who covers the municipality. Null: refused.
CREATE FUNCTION record_consent(young uuid, wanted text, whose text, by_whom text, text_read text, until_when timestamptz) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $record$
DECLARE
    made uuid;
BEGIN
    INSERT INTO consent (student, kind, purpose, seer, given_by, text_version, until_at)
        SELECT young, r.agreement, r.purpose, t.seer, by_whom, text_read, until_when
        FROM access_rule r CROSS JOIN LATERAL (SELECT CASE WHEN r.routed THEN covering(young) ELSE whose END AS seer) t
        WHERE r.purpose = wanted AND r.agreement IS NOT NULL AND t.seer ~ r.receiver AND until_when > now() AND guides(young)
          AND EXISTS (SELECT FROM party p WHERE p.key = split_part(t.seer, '#', 1) AND p.until_at > now())
        RETURNING id INTO made;
    RETURN made;
END
$record$;

-- Withdraws what was agreed for one seer and purpose; gives how many. The own school; and the seer itself, if a reason of it rests on it.
CREATE FUNCTION withdraw_consent(young uuid, wanted text, whose text, by_whom text) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $withdraw$
DECLARE
    withdrawn integer;
BEGIN
    UPDATE consent c SET withdrawn_at = now(), withdrawn_by = by_whom
        WHERE c.student = young AND c.purpose = wanted AND c.withdrawn_at IS NULL
          AND c.seer = CASE WHEN guides(young) THEN coalesce(whose, covering(young)) ELSE acting_seer() END
          AND (guides(young) OR EXISTS (SELECT FROM access a WHERE a.consent = c.id AND a.ended_at = 'infinity' AND a.ends_at > now()));
    GET DIAGNOSTICS withdrawn = ROW_COUNT;
    RETURN withdrawn;
END
$withdraw$;

-- ---- the steps of the cases. Each gives a word: GIVEN, or why not; what is not there and not yours is REFUSED.

-- School -> who covers the municipality: SENT. The municipality sees the young person from then on, because of it.
CREATE FUNCTION request_support(young uuid, needs text[]) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    number integer;
    told text;
BEGIN
    IF NOT guides(young) THEN
        RETURN 'REFUSED';
    END IF;
    IF EXISTS (SELECT FROM support_request r WHERE r.student = young AND r.state IN ('SENT', 'IN_TRIAGE')) THEN
        RETURN 'OPEN_ALREADY';
    END IF;
    SELECT coalesce(max(r.n), 0) + 1 INTO number FROM support_request r WHERE r.student = young;
    told := give(young, NULL, 'INVOLVE_MUNICIPALITY', 'SUPPORT_REQUEST', number);
    IF told = 'GIVEN' THEN
        PERFORM tell('verzoek-ondersteuning-gedaan', young, 'SUPPORT_REQUEST', number, ARRAY[covering(young)], '{}');
        INSERT INTO support_request (student, n, from_seer, to_seer, wanted) VALUES (young, number, acting_seer(), covering(young), needs);
    END IF;
    RETURN told;
END
$step$;

-- The addressed municipality: SENT -> IN_TRIAGE -> ACCEPTED | DECLINED. Who declines sees no more.
CREATE FUNCTION answer_support(young uuid, answer text, because text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    request support_request;
BEGIN
    SELECT * INTO request FROM support_request r
        WHERE r.student = young AND r.to_seer = acting_seer() AND r.state IN ('SENT', 'IN_TRIAGE');
    IF request.n IS NULL OR request.state = answer THEN
        RETURN 'REFUSED';
    END IF;
    UPDATE support_request r SET state = answer, reason = because, answered_at = now() WHERE r.student = young AND r.n = request.n;
    IF answer = 'DECLINED' THEN
        UPDATE access a SET ended_at = now() WHERE a.student = young AND a.seer = acting_seer() AND a.ended_at = 'infinity'
            AND a.case_type = 'SUPPORT_REQUEST' AND a.case_n = request.n;
    END IF;
    RETURN 'GIVEN';
END
$step$;

-- School: STARTED; the right itself comes with the acceptance, the consent must be there now.
CREATE FUNCTION start_handover(young uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    receiver text := covering(young);
BEGIN
    IF NOT guides(young) OR receiver IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    IF EXISTS (SELECT FROM handover h WHERE h.student = young AND h.state IN ('STARTED', 'ACCEPTED')) THEN
        RETURN 'OPEN_ALREADY';
    END IF;
    IF NOT EXISTS (SELECT FROM consent c WHERE c.student = young AND c.purpose = 'CONTINUE_SUPPORT' AND c.kind = 'INSTEMMING'
                   AND c.seer = receiver AND c.withdrawn_at IS NULL AND c.until_at > now()) THEN
        RETURN 'CONSENT_MISSING';
    END IF;
    INSERT INTO handover (student, n, from_seer, to_seer)
        SELECT young, coalesce(max(h.n), 0) + 1, acting_seer(), receiver FROM handover h WHERE h.student = young;
    PERFORM tell('overdracht-gestart', young, 'HANDOVER', max(h.n), ARRAY[receiver], '{}') FROM handover h WHERE h.student = young;
    RETURN 'GIVEN';
END
$step$;

-- School: a new round of thirty days; the code of the old one is worth nothing.
CREATE FUNCTION renew_handover(young uuid) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    UPDATE handover h SET round = h.round + 1, minted_at = now(), expires_at = now() + interval '30 days'
        WHERE h.student = young AND h.state = 'STARTED' AND guides(young);
    RETURN CASE WHEN FOUND THEN 'GIVEN' ELSE 'REFUSED' END;
END
$step$;

-- Wrong codes of who acts in the last hour. Tries of one seer take turns, so that five are five.
CREATE FUNCTION handover_tries() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('handover ' || acting_seer(), 0));
    RETURN (SELECT count(*) FROM handover_try t WHERE t.seer = acting_seer() AND t.at > now() - interval '1 hour');
END
$step$;
CREATE FUNCTION count_try() RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
    INSERT INTO handover_try (seer) SELECT acting_seer() WHERE acting_seer() IS NOT NULL
$step$;

-- What a code may belong to: the open handovers to who acts, without whose they are.
CREATE FUNCTION open_handovers() RETURNS TABLE (id uuid, round integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
    SELECT h.id, h.round FROM handover h WHERE h.to_seer = acting_seer() AND h.state = 'STARTED' AND h.expires_at > now()
$step$;

-- The addressed, with the right code: ACCEPTED, and it sees the identity; or DECLINED. One code, one use: the state moves with it.
CREATE FUNCTION settle_handover(which uuid, this_round integer, own_number text, because text) RETURNS TABLE (told text, alias uuid)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ handover;
    word text := 'GIVEN';
BEGIN
    PERFORM FROM student s WHERE s.id = (SELECT h.student FROM handover h WHERE h.id = which AND h.to_seer = acting_seer())
        FOR NO KEY UPDATE;
    SELECT * INTO case_ FROM handover h
        WHERE h.id = which AND h.round = this_round AND h.to_seer = acting_seer() AND h.state = 'STARTED' AND h.expires_at > now();
    IF case_.id IS NULL THEN
        RETURN QUERY SELECT 'REFUSED', NULL::uuid;
        RETURN;
    END IF;
    IF because IS NULL THEN
        word := place_reason(case_.student, case_.to_seer, 'CONTINUE_SUPPORT', 'HANDOVER', case_.n, case_.from_seer);
    END IF;
    IF word = 'GIVEN' THEN
        UPDATE handover h SET state = CASE WHEN because IS NULL THEN 'ACCEPTED' ELSE 'DECLINED' END, reason = because,
            case_number = own_number WHERE h.id = which;
        IF because IS NULL THEN
            PERFORM tell('overdracht-aanvaard', case_.student, 'HANDOVER', case_.n, ARRAY[case_.from_seer], '{}');
        END IF;
    END IF;
    RETURN QUERY SELECT word, (SELECT t.alias FROM sight t WHERE t.seer = acting_seer() AND t.student = case_.student AND t.seen_until > now());
END
$step$;

-- The addressed, who sees the identity: it is this person (CONFIRMED: the case number is the key from now on), another number
-- (back to ACCEPTED until confirmed again), or not this person (DECLINED: it sees no more).
CREATE FUNCTION move_handover(young uuid, move text, own_number text, because text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    case_ handover;
BEGIN
    SELECT * INTO case_ FROM handover h WHERE h.student = young AND h.to_seer = acting_seer()
        AND (h.state = 'ACCEPTED' OR (h.state = 'CONFIRMED' AND move = 'RELINK')) ORDER BY h.n DESC LIMIT 1;
    IF case_.id IS NULL OR NOT EXISTS (SELECT FROM access a WHERE a.student = young AND a.seer = acting_seer() AND a.case_type = 'HANDOVER'
                                       AND a.case_n = case_.n AND a.ended_at = 'infinity' AND a.ends_at > now()) THEN
        RETURN 'REFUSED';
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

-- School: what happens when a place is lost. One open net; telling the municipality at once rests on INSTEMMING.
CREATE FUNCTION set_safety_net(young uuid, choice text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    agreed consent;
BEGIN
    IF NOT guides(young) THEN
        RETURN 'REFUSED';
    END IF;
    IF choice = 'INFORM_MUNICIPALITY_AT_ONCE' THEN
        SELECT * INTO agreed FROM consent c WHERE c.student = young AND c.purpose = 'SAFETY_NET' AND c.kind = 'INSTEMMING'
            AND c.seer = covering(young) AND c.withdrawn_at IS NULL AND c.until_at > now() ORDER BY c.until_at DESC LIMIT 1;
        IF agreed.id IS NULL THEN
            RETURN 'CONSENT_MISSING';
        END IF;
    END IF;
    UPDATE safety_net x SET ended_at = now() WHERE x.student = young AND x.ended_at = 'infinity';
    INSERT INTO safety_net (student, n, choice, municipality, consent, until_at)
        SELECT young, coalesce(max(x.n), 0) + 1, $2, agreed.seer, agreed.id, least(now() + interval '24 months', agreed.until_at)
        FROM safety_net x WHERE x.student = young;
    RETURN 'GIVEN';
END
$step$;

-- The lead offers it to who sees the young person as IDENTIFIED already; a newer offer takes the place of an older one.
CREATE FUNCTION offer_lead(young uuid, receiver text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
BEGIN
    IF NOT leads(young) OR receiver = acting_seer() OR NOT EXISTS (
        SELECT FROM sight t WHERE t.seer = receiver AND t.student = young AND t.until_identified > now()) THEN
        RETURN 'REFUSED';
    END IF;
    UPDATE lead_offer o SET state = 'LAPSED', settled_at = now() WHERE o.student = young AND o.state = 'OFFERED';
    INSERT INTO lead_offer (student, n, from_seer, to_seer)
        SELECT young, coalesce(max(o.n), 0) + 1, acting_seer(), receiver FROM lead_offer o WHERE o.student = young;
    RETURN 'GIVEN';
END
$step$;

-- The addressed: declines, or accepts and has the lead from that instant on, at which the other's ends. Of a lead that moved
-- meanwhile the offer is worth nothing.
CREATE FUNCTION settle_lead(young uuid, accepts boolean) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $step$
DECLARE
    offer lead_offer;
    at timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO offer FROM lead_offer o WHERE o.student = young AND o.state = 'OFFERED' AND o.to_seer = acting_seer();
    IF offer.n IS NULL THEN
        RETURN 'REFUSED';
    END IF;
    IF accepts THEN
        UPDATE lead l SET until_at = at WHERE l.student = young AND l.seer = offer.from_seer AND l.until_at = 'infinity'
            AND EXISTS (SELECT FROM sight t WHERE t.seer = offer.to_seer AND t.student = young AND t.until_identified > now());
        IF NOT FOUND THEN
            RETURN 'REFUSED';
        END IF;
        INSERT INTO lead (student, seer, from_at) VALUES (young, offer.to_seer, at);
        PERFORM tell('regie-overgedragen', young, NULL, NULL, ARRAY[offer.from_seer, offer.to_seer], '{"why": "ACCEPTED"}');
    END IF;
    UPDATE lead_offer o SET state = CASE WHEN accepts THEN 'ACCEPTED' ELSE 'DECLINED' END, settled_at = now()
        WHERE o.student = young AND o.n = offer.n;
    RETURN 'GIVEN';
END
$step$;

-- ---- what follows, whoever did it

CREATE FUNCTION end_with_consent() RETURNS trigger
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
    RETURN NULL;
END
$end$;
CREATE TRIGGER consent_withdrawn AFTER UPDATE ON consent REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION end_with_consent();

-- At the end of the transaction: a reason may end and another begin in it. Without gap or overlap: both ends are one instant.
CREATE FUNCTION keep_lead() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $lead$
DECLARE
    at timestamptz;
BEGIN
    PERFORM FROM student s WHERE s.id = NEW.student FOR NO KEY UPDATE;
    at := clock_timestamp();
    UPDATE lead l SET until_at = at
        WHERE l.student = NEW.student AND l.seer = NEW.seer AND l.until_at = 'infinity'
          AND NOT EXISTS (SELECT FROM access a WHERE a.seer = l.seer AND a.student = l.student
                          AND a.ended_at = 'infinity' AND a.ends_at > now());
    IF FOUND THEN
        INSERT INTO lead (student, seer, from_at)
            SELECT s.id, t.seer, at FROM student s JOIN sight t ON t.student = s.id AND t.seer = 'school:' || s.school || '#guidance'
            WHERE s.id = NEW.student AND t.until_identified > now();
        PERFORM tell('regie-overgedragen', l.student, NULL, NULL, ARRAY[l.seer], '{"why": "RETURNED"}')
            FROM lead l WHERE l.student = NEW.student AND l.until_at = 'infinity';
    END IF;
    RETURN NULL;
END
$lead$;
CREATE CONSTRAINT TRIGGER access_lead AFTER UPDATE ON access DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.ended_at = 'infinity' AND NEW.ended_at <> 'infinity') EXECUTE FUNCTION keep_lead();

DO $own$
DECLARE
    name regprocedure;
BEGIN
    FOREACH name IN ARRAY ARRAY['guides(uuid)', 'leads(uuid)', 'covering(uuid)', 'tell(text, uuid, text, integer, text[], jsonb)', 'place_reason(uuid, text, text, text, integer, text)',
                                'hold(uuid)', 'give(uuid, text, text, text, integer)', 'renew(uuid, text)', 'finish(uuid, text, text)',
                                'record_consent(uuid, text, text, text, text, timestamptz)', 'withdraw_consent(uuid, text, text, text)',
                                'request_support(uuid, text[])', 'answer_support(uuid, text, text)', 'start_handover(uuid)',
                                'renew_handover(uuid)', 'handover_tries()', 'count_try()', 'open_handovers()',
                                'settle_handover(uuid, integer, text, text)', 'move_handover(uuid, text, text, text)',
                                'set_safety_net(uuid, text)', 'offer_lead(uuid, text)', 'settle_lead(uuid, boolean)',
                                'end_with_consent()', 'keep_lead()']::regprocedure[] LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
        IF (SELECT p.prosecdef AND p.prorettype <> 'trigger'::regtype FROM pg_proc p WHERE p.oid = name) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', name, '@db@_command');
        END IF;
        EXECUTE format('ALTER FUNCTION %s OWNER TO %I', name, '@db@_keeper');
    END LOOP;
END
$own$;

-- ---- the own school sees who sees its young people, and why
GRANT SELECT (id, tier, purpose, started_at) ON access TO "@db@_school";
CREATE POLICY of_own_student ON access FOR SELECT TO "@db@_school"
    USING (ended_at = 'infinity' AND ends_at > now()
       AND (SELECT s.until_identified > now() AND 'school:' || s.school || '#guidance' = s.seer FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = access.student));

-- ---- who asked and who is addressed read the case, as long as they see the young person
GRANT SELECT (student, n, from_seer, to_seer, wanted, state, reason, sent_at, answered_at) ON support_request
    TO "@db@_school", "@db@_municipality";
GRANT SELECT (id, student, n, from_seer, to_seer, state, round, minted_at, expires_at, reason, started_at) ON handover TO "@db@_school";
CREATE POLICY own_case ON support_request FOR SELECT TO "@db@_school", "@db@_municipality"
    USING (acting_seer() IN (from_seer, to_seer)
       AND (SELECT s.until_identified > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = support_request.student));
CREATE POLICY own_case ON handover FOR SELECT TO "@db@_school"
    USING (from_seer = acting_seer()
       AND (SELECT s.until_identified > now() FROM sight s
            WHERE s.seer = current_setting('spil.seer', true) AND s.student = handover.student));
