-- why    who may speak: parties, what they cover, issuers, clients and agreements
-- locks  new tables only
-- undo   DROP TABLE of what is made here, in reverse order

CREATE TABLE party (
    key      text PRIMARY KEY CHECK (key ~ '^[a-z]+(:[A-Za-z0-9-]{1,60})?$'),
    kind     text NOT NULL CHECK (kind IN ('school', 'mbo', 'board', 'servicepoint', 'sbb', 'municipality', 'service', 'doorstroompunt',
                                           'uwv', 'employer', 'coordinator', 'national')),
    name     text NOT NULL,
    from_at  timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL DEFAULT 'infinity',
    CHECK (kind = split_part(key, ':', 1))
);

CREATE TABLE covers (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party        text NOT NULL REFERENCES party,
    function     text NOT NULL,
    municipality text REFERENCES municipality,
    region       text REFERENCES region,
    school       text REFERENCES school,
    from_at      timestamptz NOT NULL DEFAULT now(),
    until_at     timestamptz NOT NULL DEFAULT 'infinity',
    CHECK (num_nonnulls(municipality, region, school) = 1)
);
CREATE UNIQUE INDEX covers_one_open ON covers (municipality, function) WHERE until_at = 'infinity';
CREATE INDEX covers_party ON covers (party) WHERE until_at = 'infinity';

CREATE TABLE issuer (
    issuer      text PRIMARY KEY CHECK (issuer ~ '^https?://'),
    audience    text NOT NULL,
    algorithms  text[] NOT NULL,
    claim_names jsonb NOT NULL DEFAULT '{}',         -- our claim -> the issuer's name for it
    machine     boolean NOT NULL DEFAULT false,      -- machine tokens may live 6 hours, others 1
    from_at     timestamptz NOT NULL DEFAULT now(),
    until_at    timestamptz NOT NULL DEFAULT 'infinity'
);

CREATE TABLE issuer_party (
    issuer        text NOT NULL REFERENCES issuer,
    party_pattern text NOT NULL,                     -- a party key, or a prefix that ends in '*'
    from_at       timestamptz NOT NULL DEFAULT now(),
    until_at      timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (issuer, party_pattern, from_at)
);

CREATE TABLE client_party (
    client   text NOT NULL,                          -- the portal: `azp`
    party    text NOT NULL REFERENCES party,
    function text NOT NULL,
    purposes text[] NOT NULL DEFAULT '{}',
    from_at  timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (client, party, function, from_at)
);

CREATE TABLE party_agreement (
    party     text NOT NULL REFERENCES party,
    kind      text NOT NULL CHECK (kind IN ('COVENANT', 'TERMS')),
    version   text NOT NULL,
    signed_at timestamptz NOT NULL,
    until_at  timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (party, kind, version, signed_at)
);
