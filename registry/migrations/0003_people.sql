-- why    young people as keys, profiles and cases; the reasons why a party sees them, and what follows from those
-- locks  new tables only
-- undo   DROP TABLE of what is made here, in reverse order
--
-- Law 1: no name, birth date, address, phone, mail or BSN of a young person has a column here, and no free text about one.

CREATE TABLE employer (
    kvk          text PRIMARY KEY CHECK (kvk ~ '^[0-9]{8}$'),
    name         text NOT NULL,
    sbi          text CHECK (sbi ~ '^[0-9]{2,5}$'),
    municipality text REFERENCES municipality,
    recognised_until date,                           -- erkend leerbedrijf; SBB checks every four years
    fictitious   boolean NOT NULL DEFAULT false
);

CREATE TABLE employer_location (
    employer     text NOT NULL REFERENCES employer,
    municipality text NOT NULL REFERENCES municipality,
    PRIMARY KEY (employer, municipality)
);

CREATE TABLE opportunity (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind            text NOT NULL CHECK (kind IN ('STAGE', 'BBL', 'WERK', 'WERKERVARINGSPLAATS', 'BESCHUT_WERK',
                                                  'ARBEIDSMATIGE_DAGBESTEDING', 'MBO')),
    conditions      text[] NOT NULL DEFAULT '{}',
    title           text NOT NULL,
    description     text,
    employer        text REFERENCES employer,
    municipality    text NOT NULL,
    region          text NOT NULL,
    service_point   text REFERENCES party,           -- the party that entered it; null: harvested from elsewhere
    sector          text CHECK (sector IN ('ZORG', 'HORECA', 'PRODUCTIE', 'LOGISTIEK', 'INSTALLATIETECHNIEK', 'METAAL', 'GROEN',
                                           'FACILITAIR')),
    hours_min       smallint CHECK (hours_min BETWEEN 0 AND 48),
    hours_max       smallint CHECK (hours_max BETWEEN 0 AND 48),
    support_offered text[] NOT NULL DEFAULT '{}',
    open_to_pro_vso boolean NOT NULL DEFAULT false,
    public          boolean NOT NULL DEFAULT true,
    places          smallint NOT NULL DEFAULT 1 CHECK (places >= 0),
    closes_on       date,
    source          text NOT NULL,
    seen_on         date NOT NULL,
    FOREIGN KEY (municipality, region) REFERENCES municipality (code, region) ON UPDATE CASCADE
);
CREATE INDEX opportunity_region ON opportunity (region, id);
CREATE INDEX opportunity_employer ON opportunity (employer, id);
CREATE INDEX opportunity_service_point ON opportunity (service_point, id);

CREATE TABLE student (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    school       text NOT NULL REFERENCES school,
    municipality text REFERENCES municipality,       -- of residence; null: without a known one
    source       text NOT NULL
);
CREATE INDEX student_school ON student (school);

CREATE TABLE student_profile (
    student         uuid PRIMARY KEY REFERENCES student ON DELETE CASCADE,
    destination_aim text NOT NULL DEFAULT 'ONBEKEND' CHECK (destination_aim IN ('ARBEID', 'ARBEID_EN_LEREN', 'VERVOLGONDERWIJS',
                                                            'DAGBESTEDING', 'BESCHUT_WERK', 'ONBEKEND')),
    school_year     smallint,                        -- leerjaar, 1-6
    leaves_on       date,
    left_on         date,
    age_band        text CHECK (age_band IN ('12_15', '16_17', '18_PLUS')),    -- as the school gives it; never derived
    sectors         text[] NOT NULL DEFAULT '{}',
    hours           smallint CHECK (hours BETWEEN 1 AND 40),
    travel_limit    smallint CHECK (travel_limit BETWEEN 0 AND 200),           -- km
    support_wanted  text[] NOT NULL DEFAULT '{}',    -- functional support, from a closed list; never a cause
    work_processes  text[] NOT NULL DEFAULT '{}',    -- '<crebo>:<B1-K1-W1>'
    harvested_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (isfinite(leaves_on) AND isfinite(left_on))
);

CREATE TABLE placement (
    student     uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n           integer NOT NULL CHECK (n > 0),      -- within the student
    kind        text NOT NULL CHECK (kind IN ('STAGE', 'BBL', 'WERK', 'WERKERVARINGSPLAATS', 'BESCHUT_WERK',
                                              'ARBEIDSMATIGE_DAGBESTEDING', 'MBO')),
    employer    text NOT NULL REFERENCES employer,
    opportunity uuid REFERENCES opportunity,
    hours       smallint CHECK (hours BETWEEN 1 AND 48),
    from_on     date NOT NULL CHECK (isfinite(from_on)),
    to_on       date CHECK (isfinite(to_on)),
    leads_to    text CHECK (leads_to IN ('CONTRACT', 'STAGE', 'DIPLOMA', 'NONE')),
    state       text NOT NULL CHECK (state IN ('PLANNED', 'RUNNING', 'ENDED')),
    PRIMARY KEY (student, n)
);
CREATE INDEX placement_employer ON placement (employer, student, n);
CREATE INDEX placement_opportunity ON placement (opportunity) WHERE opportunity IS NOT NULL;

CREATE TABLE credential (
    student        uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    n              integer NOT NULL CHECK (n > 0),
    kind           text NOT NULL CHECK (kind IN ('PRAKTIJKVERKLARING', 'BRANCHECERTIFICAAT', 'MBO_CERTIFICAAT', 'SCHOOLDIPLOMA', 'DIPLOMA')),
    level          smallint CHECK (level BETWEEN 0 AND 4),
    title          text NOT NULL,                    -- of the qualification, from a code list
    work_processes text[] NOT NULL DEFAULT '{}',
    issued_on      date NOT NULL CHECK (isfinite(issued_on)),
    PRIMARY KEY (student, n)
);

CREATE TABLE link (
    student uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    source  text NOT NULL,                           -- 'school:<brin>' or the source's key
    key     text NOT NULL,                           -- the only key that is sent to that partner
    from_at timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (source, student, from_at)
);
CREATE UNIQUE INDEX link_open ON link (source, key) WHERE until_at = 'infinity';
CREATE INDEX link_student ON link (student, source) WHERE until_at = 'infinity';

CREATE TABLE consent (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    student      uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind IN ('TOESTEMMING', 'INSTEMMING')),
    purpose      text NOT NULL,
    seer         text NOT NULL,
    given_by     text NOT NULL CHECK (given_by IN ('SELF', 'PARENT', 'REPRESENTATIVE')),
    text_version text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now() CHECK (at <= clock_timestamp()),   -- as in access, below
    until_at     timestamptz NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_by text CHECK (withdrawn_by IN ('SELF', 'PARENT', 'REPRESENTATIVE')),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);

CREATE TABLE access (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Only the kinds and functions of the purposes' table: a board, sbb or an information desk can hold no row at all.
    seer       text NOT NULL CHECK (seer ~ ('^(school:[A-Za-z0-9-]+#guidance|servicepoint:[A-Za-z0-9-]+#matching'
                                            '|employer:[A-Za-z0-9-]+#mentor|doorstroompunt:[A-Za-z0-9-]+#doorstroompunt|uwv#uwv'
                                            '|(municipality|service):[A-Za-z0-9-]+#(participatie|doorstroompunt|wmo))$')),
    student    uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    tier       text NOT NULL CHECK (tier IN ('TRACE', 'CANDIDATE', 'GIVEN_NAME', 'IDENTIFIED')),
    purpose    text NOT NULL CHECK (purpose IN ('ENROLMENT', 'CAREER_GUIDANCE', 'STAGE_SEARCH', 'WORK_SEARCH', 'INTRODUCTION', 'STAGE',
                                                'EMPLOYMENT', 'INVOLVE_MUNICIPALITY', 'CONTINUE_SUPPORT', 'SAFETY_NET', 'CONSULTATION',
                                                'CARE_ROUTE', 'EVIDENCE', 'PLACED_FROM')),
    case_type  text CHECK (case_type IN ('PLACEMENT', 'UITVAL', 'CREDENTIAL', 'SUPPORT_REQUEST', 'HANDOVER', 'CONSULTATION')),
    case_n     integer,
    consent    uuid REFERENCES consent,
    granted_by text,
    -- clock_timestamp(): a CHECK is asked at an UPDATE too, and now() of who ends a reason may lie before that of who made it
    started_at timestamptz NOT NULL DEFAULT now() CHECK (started_at <= clock_timestamp()),
    ends_at    timestamptz NOT NULL,
    ended_at   timestamptz NOT NULL DEFAULT 'infinity',
    CHECK ((case_type IS NULL) = (case_n IS NULL))
);
CREATE INDEX access_pair ON access (seer, student, case_type, case_n);
CREATE INDEX access_student ON access (student);
CREATE INDEX access_consent ON access (consent) WHERE consent IS NOT NULL;

CREATE TABLE sight (
    seer             text NOT NULL,
    student          uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    alias            uuid NOT NULL DEFAULT gen_random_uuid(),
    id_salt          uuid NOT NULL DEFAULT gen_random_uuid(),
    school           text NOT NULL,
    municipality     text,
    seen_until       timestamptz NOT NULL DEFAULT '-infinity',
    until_candidate  timestamptz NOT NULL DEFAULT '-infinity',
    until_given_name timestamptz NOT NULL DEFAULT '-infinity',
    until_identified timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (seer, student) INCLUDE (until_candidate, seen_until)        -- what every policy probes, without the row itself
);
CREATE UNIQUE INDEX sight_alias ON sight (seer, alias);
CREATE INDEX sight_school ON sight (seer, school, alias);
CREATE INDEX sight_municipality ON sight (seer, municipality, alias);
CREATE INDEX sight_student ON sight (student);

CREATE TABLE lead (
    student  uuid NOT NULL REFERENCES student ON DELETE CASCADE,
    seer     text NOT NULL,
    from_at  timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (student, from_at)
);
CREATE UNIQUE INDEX lead_one_open ON lead (student) WHERE until_at = 'infinity';
