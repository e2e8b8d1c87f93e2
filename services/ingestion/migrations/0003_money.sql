-- Money. All but deposit, deposit_search, unmatched_reversal are append-only, stamped with the open day (calendar, segment)
-- and covered by the day's digest. No foreign keys: hot tables (DESIGN 7).

CREATE TABLE payment (
    payment_id   uuid PRIMARY KEY,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    channel      text NOT NULL,
    collector    text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('payment', 'settlement')),
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    booked_on    date,
    value_on     date NOT NULL,
    received_at  timestamptz NOT NULL,
    refs         text NOT NULL,
    payer_key    text,
    raw_id       uuid NOT NULL,
    raw_sha256   text NOT NULL
);
-- How a reversal finds what it takes back.
CREATE INDEX payment_amount ON payment (creditor_id, amount_minor, value_on);

CREATE TABLE sighting (
    statement_id uuid NOT NULL,
    entry_no     bigint NOT NULL,
    sighting_id  uuid NOT NULL,
    payment_id   uuid NOT NULL,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    channel      text NOT NULL,
    collector    text NOT NULL,
    class        text NOT NULL CHECK (class IN ('payment', 'reversal', 'outgoing', 'shown')),
    status       text NOT NULL,
    first        boolean NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL,
    booked_on    date,
    value_on     date,
    entry_key    uuid NOT NULL,
    occurrence   integer NOT NULL,
    refs         text NOT NULL,
    raw_id       uuid NOT NULL,
    place        text NOT NULL,
    sighted_at   timestamptz NOT NULL,
    -- personal data: not in the digest, so that it can be erased
    payer_name   text,
    payer_iban   text,
    remittance   text,
    PRIMARY KEY (statement_id, entry_no)
);
CREATE INDEX sighting_payment ON sighting (payment_id);

CREATE TABLE funds (
    payment_id     uuid NOT NULL,
    account_id     uuid NOT NULL,
    n              integer NOT NULL,
    funds_id       uuid NOT NULL,
    creditor_id    uuid NOT NULL,
    calendar       text NOT NULL,
    segment        bigint NOT NULL,
    collector      text NOT NULL,
    partition_no   integer NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    invoice_ids    text NOT NULL,
    evidence       text NOT NULL,
    decided_by     text,
    decided_reason text,
    assigned_at    timestamptz NOT NULL,
    PRIMARY KEY (payment_id, account_id, n)
);

CREATE TABLE withdrawal (
    withdrawal_id uuid PRIMARY KEY,
    funds_id      uuid NOT NULL UNIQUE,
    payment_id    uuid NOT NULL,
    account_id    uuid NOT NULL,
    creditor_id   uuid NOT NULL,
    calendar      text NOT NULL,
    segment       bigint NOT NULL,
    collector     text NOT NULL,
    partition_no  integer NOT NULL,
    currency      text NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    reason        text NOT NULL,
    withdrawn_at  timestamptz NOT NULL
);

CREATE TABLE reversal (
    reversal_id  uuid PRIMARY KEY,
    payment_id   uuid NOT NULL UNIQUE,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    collector    text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    value_on     date NOT NULL,
    reason       text,
    raw_id       uuid NOT NULL,
    reversed_at  timestamptz NOT NULL
);

-- Debits that took nothing back; a negative row undoes one that turned out to be a reversal.
CREATE TABLE outgoing (
    outgoing_id  uuid PRIMARY KEY,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    collector    text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    value_on     date NOT NULL,
    raw_id       uuid NOT NULL,
    booked_at    timestamptz NOT NULL
);

-- Reversals whose payment is not known yet (its file is late): tried again before each marker.
CREATE TABLE unmatched_reversal (
    outgoing_id  uuid PRIMARY KEY,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    collector    text NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL,
    value_on     date NOT NULL,
    refs         text NOT NULL,
    payer_key    text,
    reason       text,
    raw_id       uuid NOT NULL,
    raw_sha256   text NOT NULL,
    received_at  timestamptz NOT NULL
);

-- What became of unidentified money; a deposit's remainder is the sum of its rows.
CREATE TABLE deposit_move (
    move_id      uuid PRIMARY KEY,
    payment_id   uuid NOT NULL,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    collector    text NOT NULL,
    currency     text NOT NULL,
    delta_minor  bigint NOT NULL CHECK (delta_minor <> 0),
    cause        text NOT NULL CHECK (cause IN ('received', 'assigned', 'reversed', 'returned')),
    moved_at     timestamptz NOT NULL
);
CREATE INDEX deposit_move_payment ON deposit_move (payment_id);

CREATE TABLE journal_line (
    transaction_id uuid NOT NULL,
    line_no        integer NOT NULL,
    creditor_id    uuid NOT NULL,
    calendar       text NOT NULL,
    segment        bigint NOT NULL,
    scope          text NOT NULL,
    ledger_account text NOT NULL,
    currency       text NOT NULL,
    debit_minor    bigint NOT NULL CHECK (debit_minor >= 0),
    credit_minor   bigint NOT NULL CHECK (credit_minor >= 0),
    CHECK ((debit_minor > 0) <> (credit_minor > 0))
);

-- State: what of a payment is unidentified. Its id is the payment's.
CREATE TABLE deposit (
    payment_id      uuid PRIMARY KEY,
    creditor_id     uuid NOT NULL,
    calendar        text NOT NULL,
    collector       text NOT NULL,
    currency        text NOT NULL,
    kind            text NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    remaining_minor bigint NOT NULL,
    reason          text NOT NULL,
    inferable       boolean NOT NULL,
    payer_key       text,
    value_on        date NOT NULL,
    opened_at       timestamptz NOT NULL,
    CHECK (remaining_minor >= 0 AND remaining_minor <= amount_minor)
) WITH (fillfactor = 80);
CREATE INDEX deposit_open ON deposit (creditor_id, value_on, payment_id) WHERE remaining_minor > 0;

-- Hashes of what may be references in open deposits, and the texts themselves to decide again.
CREATE TABLE deposit_search (
    payment_id  uuid PRIMARY KEY,
    creditor_id uuid NOT NULL,
    tokens      bigint[] NOT NULL,
    structured  text NOT NULL,
    free_text   text NOT NULL
);
CREATE INDEX deposit_search_tokens ON deposit_search USING gin (tokens) WITH (fastupdate = off);

CREATE TABLE decision (
    subject         text NOT NULL,
    idempotency_key text NOT NULL,
    deposit_id      uuid NOT NULL,
    request         text NOT NULL,
    answer          jsonb NOT NULL,
    decided_at      timestamptz NOT NULL,
    PRIMARY KEY (subject, idempotency_key)
);

-- The day's running sums and digest, one set of rows per transaction.
CREATE TABLE day_sum (
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    creditor_id  uuid NOT NULL,
    scope        text NOT NULL,
    partition_no integer NOT NULL,
    currency     text NOT NULL,
    name         text NOT NULL,
    journal      boolean NOT NULL,
    amount_minor bigint NOT NULL,
    credit_minor bigint NOT NULL,
    lines        bigint NOT NULL
);
CREATE INDEX day_sum_day ON day_sum (calendar, segment);

CREATE TABLE day_digest (
    calendar text NOT NULL,
    segment  bigint NOT NULL,
    rows     bigint NOT NULL,
    digest   bytea NOT NULL CHECK (octet_length(digest) = 32)
);
CREATE INDEX day_digest_day ON day_digest (calendar, segment);
