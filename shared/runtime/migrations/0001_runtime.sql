-- The runtime's own tables, one set in each service's database (DESIGN section 4).

-- Who is alive: partitions are shared evenly among live instances.
CREATE TABLE rt_instance (
    instance   uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- One row per partition of all inputs: owner, fencing epoch, and where each input stands.
CREATE TABLE rt_lease (
    partition        integer PRIMARY KEY,
    owner            uuid,
    epoch            bigint NOT NULL DEFAULT 0,
    expires_at       timestamptz NOT NULL DEFAULT '-infinity',
    inputs           text[] NOT NULL DEFAULT '{}',
    -- topic -> next offset to handle
    positions        jsonb NOT NULL DEFAULT '{}',
    -- topic -> last marker read: {sequence, calendar, closed_on, next_on, held, at}
    marks            jsonb NOT NULL DEFAULT '{}',
    -- topic -> what was new to inbox or parked table since the last marker: {count, checksum}
    received         jsonb NOT NULL DEFAULT '{}',
    closing_sequence bigint,
    closing_page     bigint NOT NULL DEFAULT 0,
    closing_cursor   text,
    -- a difference that stops the partition until a person releases it
    halted           text
) WITH (fillfactor = 50);

CREATE TABLE rt_relay (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner      uuid,
    epoch      bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO rt_relay DEFAULT VALUES;

CREATE TABLE rt_inbox (
    message_id  uuid PRIMARY KEY,
    received_on date NOT NULL DEFAULT CURRENT_DATE
);

CREATE TABLE rt_outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    key         bytea,
    message_id  uuid NOT NULL,
    type        text NOT NULL,
    payload     bytea,
    at          timestamptz NOT NULL,
    headers     jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);

-- What each transaction put on a topic partition; summed into the next marker.
CREATE TABLE rt_emitted (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text NOT NULL,
    partition integer NOT NULL,
    count     bigint NOT NULL,
    checksum  bigint NOT NULL
);

-- Highest acknowledged outbox id and its offset per topic partition: tells a restored database that it is behind Kafka.
CREATE TABLE rt_published (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    outbox_id    bigint NOT NULL,
    kafka_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- Facts whose account is not known yet.
CREATE TABLE rt_waiting (
    id         bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    partition  integer NOT NULL,
    key        uuid NOT NULL,
    message_id uuid NOT NULL UNIQUE,
    record     jsonb NOT NULL,
    payload    bytea
);
CREATE INDEX rt_waiting_key ON rt_waiting (key, id);

-- Keys that a rejected message holds up, and their messages in order.
CREATE TABLE rt_parked_key (
    key        uuid PRIMARY KEY,
    partition  integer NOT NULL,
    rule       text NOT NULL,
    detail     text NOT NULL,
    account    boolean NOT NULL,
    -- the message that was rejected first
    message_id uuid NOT NULL,
    parked_at  timestamptz NOT NULL,
    redrive    boolean NOT NULL DEFAULT false,
    redrive_by text
);
CREATE TABLE rt_parked (
    id            bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    partition     integer NOT NULL,
    key           uuid NOT NULL,
    message_id    uuid NOT NULL UNIQUE,
    record        jsonb NOT NULL,
    payload       bytea,
    rule          text NOT NULL,
    detail        text NOT NULL,
    -- what the message would have moved, where it could be read
    calendar      text,
    currency      text,
    amount_minor  bigint,
    segment       bigint NOT NULL,
    freed_segment bigint,
    freed_at      timestamptz
);
CREATE INDEX rt_parked_live ON rt_parked (key, id) WHERE freed_segment IS NULL;

-- Batches that a crash interrupted: a message that aborts the process is found and parked.
CREATE TABLE rt_attempt (
    partition     integer NOT NULL,
    topic         text NOT NULL,
    at_offset     bigint NOT NULL,
    attempts      integer NOT NULL,
    careful_until bigint NOT NULL,
    careful       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (partition, topic)
);

-- The last closed day of each calendar per scope (-1: the whole service; else a partition).
CREATE TABLE rt_closed (
    scope     integer NOT NULL,
    calendar  text NOT NULL,
    sequence  bigint NOT NULL,
    closed_on date NOT NULL,
    next_on   date NOT NULL,
    PRIMARY KEY (scope, calendar)
);
-- Every day closed, with the offsets reached on every input.
CREATE TABLE rt_day (
    scope     integer NOT NULL,
    sequence  bigint NOT NULL,
    calendar  text NOT NULL,
    closed_on date NOT NULL,
    previous  bigint NOT NULL,
    held      boolean NOT NULL,
    closed_at timestamptz NOT NULL,
    positions jsonb NOT NULL,
    PRIMARY KEY (scope, sequence)
);

CREATE TABLE rt_certificate_part (
    sequence  bigint NOT NULL,
    partition integer NOT NULL,
    part      jsonb NOT NULL,
    PRIMARY KEY (sequence, partition)
);
CREATE TABLE rt_certificate (
    sequence    bigint PRIMARY KEY,
    calendar    text NOT NULL,
    day_on      date NOT NULL,
    holds       boolean NOT NULL,
    certificate jsonb NOT NULL,
    hash        text NOT NULL
);
-- Locked by whoever joins a certificate: one chain per service.
CREATE TABLE rt_chain (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    hash text NOT NULL
);
INSERT INTO rt_chain (hash) VALUES ('');
