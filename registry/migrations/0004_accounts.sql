-- why    what the hub answers for: commands once, every read of a young person
-- locks  new tables only
-- undo   DROP TABLE command, read

CREATE TABLE command (
    seer      text NOT NULL,
    key       uuid NOT NULL,
    name      text NOT NULL,
    digest    text NOT NULL,                         -- of name and input: other content under the same key is KEY_REUSED
    reference text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (seer, key)
);

-- Append-only, one row per operation. No index beyond its key: it is written at the pace of the reads.
CREATE TABLE read (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at             timestamptz NOT NULL,
    seer           text NOT NULL,
    subject        text,                             -- who at the party, as the token names them
    client         text,
    purpose        text,
    operation_hash text NOT NULL,
    request_id     text NOT NULL,
    layers         text[] NOT NULL DEFAULT '{}',
    students       uuid[] NOT NULL
);
