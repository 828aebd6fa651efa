-- why    the public directory: regions, municipalities, schools, service points, posts and contact points
-- locks  new tables only
-- undo   DROP TABLE of what is made here, in reverse order
--
-- `@db@` stands for the database's name: roles live in the whole cluster, so their names carry it.
-- An open end is 'infinity' here and null in the graph. Codes are text with a CHECK: a new code is one line.

CREATE TABLE region (
    code        text PRIMARY KEY CHECK (code ~ '^AM[0-9]{2}$'),
    name        text NOT NULL,
    aliases     text[] NOT NULL DEFAULT '{}',
    centre      text NOT NULL,                       -- centre municipality; its key is checked below
    uwv         smallint NOT NULL UNIQUE,            -- number in Besluit SUWI; never the AM number
    lon         double precision NOT NULL CHECK (lon BETWEEN 3 AND 8),
    lat         double precision NOT NULL CHECK (lat BETWEEN 50 AND 54),
    tile_column smallint NOT NULL,
    tile_row    smallint NOT NULL,
    valid_from  smallint NOT NULL,                   -- years of the classification, inclusive
    valid_to    smallint,
    UNIQUE (tile_column, tile_row)
);

CREATE TABLE municipality (
    code       text PRIMARY KEY CHECK (code ~ '^GM[0-9]{4}$'),
    name       text NOT NULL,
    aliases    text[] NOT NULL DEFAULT '{}',
    region     text NOT NULL REFERENCES region,
    lon        double precision NOT NULL CHECK (lon BETWEEN 3 AND 8),
    lat        double precision NOT NULL CHECK (lat BETWEEN 50 AND 54),
    valid_from smallint NOT NULL,
    valid_to   smallint,
    UNIQUE (code, region)                            -- so that a school's region is its municipality's
);
CREATE INDEX municipality_region ON municipality (region, code);
ALTER TABLE region ADD FOREIGN KEY (centre) REFERENCES municipality DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE region_neighbour (
    region    text NOT NULL REFERENCES region,
    neighbour text NOT NULL REFERENCES region,       -- both directions are stored
    PRIMARY KEY (region, neighbour),
    CHECK (region <> neighbour)
);

CREATE TABLE postcode (
    digits       text PRIMARY KEY CHECK (digits ~ '^[1-9][0-9]{3}$'),
    municipality text NOT NULL REFERENCES municipality,
    lon          double precision NOT NULL,
    lat          double precision NOT NULL
);

CREATE TABLE doorstroompunt_region (
    code text PRIMARY KEY CHECK (code ~ '^RMC[0-9]{2}$'),
    name text NOT NULL
);

CREATE TABLE school_board (
    number     text PRIMARY KEY CHECK (number ~ '^[0-9]{5}$'),   -- nummer bevoegd gezag
    name       text,                                 -- the register of locations does not carry it
    fictitious boolean NOT NULL DEFAULT false
);

CREATE TABLE school (
    brin           text PRIMARY KEY CHECK (brin ~ '^[0-9]{2}[A-Z]{2}[0-9]{2}$'),    -- vestigingscode
    name           text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('PRO', 'VSO')),
    board          text REFERENCES school_board,
    municipality   text NOT NULL,
    region         text NOT NULL,
    doorstroompunt text REFERENCES doorstroompunt_region,
    street         text,
    postcode       text,
    place          text,
    phone          text,
    website        text,
    students       text CHECK (students ~ '^(<5|[1-9][0-9]*)$'),     -- as published: "<5" stays "<5"; unknown is null
    fictitious     boolean NOT NULL DEFAULT false,
    source         text NOT NULL,                    -- 'duo' or 'seed'
    digest         text NOT NULL,                    -- of the source row: an import that changes nothing writes nothing
    seen_on        date NOT NULL,
    FOREIGN KEY (municipality, region) REFERENCES municipality (code, region) ON UPDATE CASCADE,
    CHECK (fictitious = (brin ~ '^9[0-9]Z[A-Z]'))
);
CREATE INDEX school_municipality ON school (municipality, brin);
CREATE INDEX school_region ON school (region, brin);
CREATE INDEX school_board_schools ON school (board, brin);

CREATE TABLE service_point (
    code       text PRIMARY KEY CHECK (code ~ '^[A-Z0-9][A-Z0-9-]{1,40}$'),        -- AM27-WERKCENTRUM
    kind       text NOT NULL CHECK (kind IN ('WSP', 'WERKCENTRUM', 'LEERWERKLOKET', 'RMT', 'SBB', 'DOORSTROOMPUNT', 'MBO',
                                             'ONTWIKKELBEDRIJF')),
    name       text NOT NULL,
    region     text NOT NULL REFERENCES region,
    website    text,
    valid_from date NOT NULL,
    valid_to   date
);
CREATE INDEX service_point_region ON service_point (region, code);

CREATE TABLE contact_point (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_kind   text NOT NULL CHECK (owner_kind IN ('SCHOOL', 'SCHOOL_BOARD', 'MUNICIPALITY', 'REGION', 'SERVICE_POINT',
                                                     'DOORSTROOMPUNT', 'NATIONAL')),
    owner        text NOT NULL,
    topic        text NOT NULL CHECK (topic IN ('PUPILS_TO_WORK', 'INTERNSHIPS', 'SCHOOL_BOARD_AS_EMPLOYER', 'CAREER_GUIDANCE',
                                                'LEARNING_TRACKS', 'BASIC_CONDITIONS')),
    name         text,                               -- of a professional, never of a young person
    desk         text NOT NULL,
    phone        text,
    mail         text,
    hours        text,
    absent_until date,
    deputy       uuid REFERENCES contact_point,
    partner_only boolean NOT NULL DEFAULT false,
    verified     date,                               -- last day on which somebody confirmed it; null: never
    UNIQUE (owner_kind, owner, topic)
);

CREATE TABLE contact_point_history (
    contact  uuid NOT NULL REFERENCES contact_point,
    n        integer NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    seer     text NOT NULL,
    command  text NOT NULL,
    before   jsonb,                                  -- the row as it was; null when the command made it
    PRIMARY KEY (contact, n)
);

CREATE TABLE coordinator_post (
    region              text PRIMARY KEY REFERENCES region,
    state               text NOT NULL DEFAULT 'NONE' CHECK (state IN ('NONE', 'IN_TALKS', 'RECRUITING', 'APPOINTED')),
    filled              boolean NOT NULL GENERATED ALWAYS AS (state = 'APPOINTED') STORED,   -- all that the public sees of the state
    holder              uuid REFERENCES contact_point,
    organisation        text,
    hours               smallint CHECK (hours BETWEEN 1 AND 40),
    mandate             text,
    schools_represented integer CHECK (schools_represented >= 0),
    since               date NOT NULL,
    CHECK ((state = 'APPOINTED') = (holder IS NOT NULL))
);

CREATE TABLE coordinator_post_history (
    region              text NOT NULL REFERENCES coordinator_post,
    n                   integer NOT NULL,
    state               text NOT NULL,
    holder              uuid,
    organisation        text,
    hours               smallint,
    mandate             text,
    schools_represented integer,
    since               date NOT NULL,
    until               date NOT NULL,
    seer                text NOT NULL,
    command             text NOT NULL,
    at                  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (region, n)
);

-- Routing as data: which owners are asked for a topic, in order. Source: the design's section on `contact`.
CREATE TABLE contact_step (
    topic text NOT NULL,
    n     smallint NOT NULL,
    kind  text NOT NULL CHECK (kind IN ('COORDINATOR', 'SCHOOL_DESK', 'SERVICE_POINT', 'CENTRE_MUNICIPALITY', 'MUNICIPALITY',
                                        'REGION_DESK', 'DOORSTROOMPUNT', 'NATIONAL_DESK')),
    PRIMARY KEY (topic, n)
);
INSERT INTO contact_step (topic, n, kind) VALUES
    ('PUPILS_TO_WORK', 1, 'COORDINATOR'), ('PUPILS_TO_WORK', 2, 'SERVICE_POINT'), ('PUPILS_TO_WORK', 3, 'CENTRE_MUNICIPALITY'),
    ('PUPILS_TO_WORK', 4, 'NATIONAL_DESK'),
    ('INTERNSHIPS', 1, 'SCHOOL_DESK'), ('INTERNSHIPS', 2, 'SERVICE_POINT'), ('INTERNSHIPS', 3, 'NATIONAL_DESK'),
    ('SCHOOL_BOARD_AS_EMPLOYER', 1, 'REGION_DESK'), ('SCHOOL_BOARD_AS_EMPLOYER', 2, 'NATIONAL_DESK'),
    ('CAREER_GUIDANCE', 1, 'MUNICIPALITY'), ('CAREER_GUIDANCE', 2, 'DOORSTROOMPUNT'), ('CAREER_GUIDANCE', 3, 'NATIONAL_DESK'),
    ('LEARNING_TRACKS', 1, 'SERVICE_POINT'), ('LEARNING_TRACKS', 2, 'NATIONAL_DESK'),
    ('BASIC_CONDITIONS', 1, 'MUNICIPALITY'), ('BASIC_CONDITIONS', 2, 'NATIONAL_DESK');
