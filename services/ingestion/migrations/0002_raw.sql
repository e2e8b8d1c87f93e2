-- What came in, before it was acknowledged. Bodies above 64 KiB lie in the blob store under their SHA-256.

CREATE TABLE raw (
    raw_id       uuid PRIMARY KEY,
    source       text NOT NULL,
    origin       text NOT NULL,
    sha256       text NOT NULL,
    size_bytes   bigint NOT NULL,
    body         bytea CHECK (octet_length(body) <= 65536),
    -- codes of the creditors for whom the sender may act; '*' is all
    acts_for     text[] NOT NULL,
    received_at  timestamptz NOT NULL,
    state        text NOT NULL CHECK (state IN ('received', 'proved', 'done', 'refused', 'quarantined')),
    reason       text,
    problems     jsonb NOT NULL DEFAULT '[]',
    times_seen   integer NOT NULL DEFAULT 1,
    attempts     integer NOT NULL DEFAULT 0,
    -- a part of it is booked and a part not: no day closes over it
    half_booked  boolean NOT NULL DEFAULT false,
    leased_until timestamptz,
    finished_at  timestamptz
);
CREATE INDEX raw_open ON raw (received_at, raw_id) WHERE state IN ('received', 'proved');
CREATE INDEX raw_quarantined ON raw (raw_id) WHERE state = 'quarantined';

CREATE TABLE statement (
    statement_id    uuid PRIMARY KEY,
    raw_id          uuid NOT NULL,
    number          integer NOT NULL,
    bank_account    text NOT NULL,
    statement_key   text NOT NULL,
    content_sha256  text NOT NULL,
    currency        text,
    sequence        bigint,
    from_at         text,
    to_at           text,
    opening_minor   bigint,
    closing_minor   bigint,
    from_on         date,
    closing_on      date,
    first_booked_on date,
    last_booked_on  date,
    proof           text NOT NULL,
    entries         bigint NOT NULL,
    state           text NOT NULL CHECK (state IN ('proved', 'booked', 'quarantined')),
    reason          text,
    problems        jsonb NOT NULL DEFAULT '[]',
    -- an earlier statement with the same key, and whether it says the same
    repeats         uuid,
    repeats_exactly boolean,
    next_entry      bigint NOT NULL DEFAULT 0,
    payments        bigint NOT NULL DEFAULT 0,
    seen_again      bigint NOT NULL DEFAULT 0,
    reversals       bigint NOT NULL DEFAULT 0,
    outgoing        bigint NOT NULL DEFAULT 0,
    shown           bigint NOT NULL DEFAULT 0,
    proved_at       timestamptz NOT NULL,
    booked_at       timestamptz,
    UNIQUE (raw_id, number)
);
CREATE INDEX statement_account ON statement (bank_account, closing_on);
CREATE INDEX statement_quarantined ON statement (statement_id) WHERE state = 'quarantined';

-- Days of a bank account that booked statements cover.
CREATE TABLE bank_day (
    bank_account text NOT NULL,
    day_on       date NOT NULL,
    PRIMARY KEY (bank_account, day_on)
);

-- Entries that are not on the books, until the booked one replaces them.
CREATE TABLE pending (
    pending_id   uuid PRIMARY KEY,
    pending_key  uuid NOT NULL,
    creditor_id  uuid NOT NULL,
    collector    text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL,
    status       text NOT NULL,
    seen_at      timestamptz NOT NULL,
    replaced_by  uuid,
    replaced_at  timestamptz
);
CREATE INDEX pending_open ON pending (pending_key) WHERE replaced_by IS NULL;

CREATE TABLE payu_transaction (
    merchant_id    text NOT NULL,
    transaction_id text NOT NULL,
    order_id       text NOT NULL,
    creditor_id    uuid NOT NULL,
    state          text NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL,
    payment_id     uuid NOT NULL,
    -- the bank entry that brought the same money; at most one
    bank_entry_id  uuid,
    raw_id         uuid NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, transaction_id)
);

-- Texts of bank payments that may name a provider's order or transaction, for creditors with merchants.
CREATE TABLE provider_mention (
    token_hash bigint NOT NULL,
    payment_id uuid NOT NULL,
    PRIMARY KEY (token_hash, payment_id)
);
-- Orders and transactions of approved PayU payments, by the same hash.
CREATE TABLE provider_order (
    token_hash bigint NOT NULL,
    payment_id uuid NOT NULL,
    PRIMARY KEY (token_hash, payment_id)
);
CREATE UNIQUE INDEX payu_bank_entry ON payu_transaction (bank_entry_id) WHERE bank_entry_id IS NOT NULL;
CREATE INDEX payu_payment ON payu_transaction (payment_id);
