-- Amounts are minor units of the account's currency. Facts, allocations and journal lines are only ever appended; accounts,
-- invoices, items and funds are the current state that they add up to (recompute.rs checks that they do). There are no
-- foreign keys on hot rows (measured: a third of the cost of a payment); every writer holds the account's row locked.

CREATE TABLE creditors (
    creditor_id uuid PRIMARY KEY,
    code        text NOT NULL,
    version     bigint NOT NULL
);

-- One row per contract account; locked by every writer, in key order. `day*` says what belongs to the open day: the rows
-- of facts and allocations with a greater number. `day` is the sequence of the calendar's last closed day then; -1: never.
CREATE TABLE accounts (
    account_id      uuid PRIMARY KEY,
    partition       int NOT NULL,
    creditor_id     uuid NOT NULL,
    number          text NOT NULL,
    version         bigint NOT NULL,
    calendar        text NOT NULL,
    currency        text NOT NULL,
    closed_on       date,
    credit_minor    bigint NOT NULL DEFAULT 0 CHECK (credit_minor >= 0),
    facts           bigint NOT NULL DEFAULT 0,
    allocations     bigint NOT NULL DEFAULT 0,
    day             bigint NOT NULL DEFAULT -1,
    day_facts       bigint NOT NULL DEFAULT 0,
    day_allocations bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
-- The close goes through the accounts that the day touched.
CREATE INDEX accounts_touched ON accounts (partition, day, account_id);

CREATE TABLE impediments (
    account_id uuid NOT NULL,
    service    text NOT NULL,
    reason     text NOT NULL,
    message_id uuid NOT NULL,
    impeded_at timestamptz NOT NULL,
    freed_at   timestamptz,
    PRIMARY KEY (account_id, service)
);

CREATE TABLE invoices (
    invoice_id  uuid PRIMARY KEY,
    account_id  uuid NOT NULL,
    number      text NOT NULL,
    version     bigint NOT NULL,
    cancelled   boolean NOT NULL,
    notes       jsonb NOT NULL,
    instalments int[] NOT NULL
);

CREATE TABLE items (
    item_id        uuid PRIMARY KEY,
    account_id     uuid NOT NULL,
    invoice_id     uuid NOT NULL,
    invoice_number text NOT NULL,
    instalment     int NOT NULL,
    issued_on      date NOT NULL,
    due_on         date NOT NULL,
    charged_minor  bigint NOT NULL CHECK (charged_minor >= 0),
    credited_minor bigint NOT NULL CHECK (credited_minor BETWEEN 0 AND charged_minor),
    settled_minor  bigint NOT NULL CHECK (settled_minor BETWEEN 0 AND charged_minor - credited_minor),
    closed         boolean NOT NULL CHECK (closed = (settled_minor = charged_minor - credited_minor))
) WITH (fillfactor = 80);
CREATE INDEX items_open ON items (account_id) WHERE NOT closed;

CREATE TABLE funds (
    funds_id        uuid PRIMARY KEY,
    payment_id      uuid NOT NULL,
    account_id      uuid NOT NULL,
    value_on        date NOT NULL,
    assigned_minor  bigint NOT NULL CHECK (assigned_minor > 0),
    withdrawn_minor bigint NOT NULL CHECK (withdrawn_minor BETWEEN 0 AND assigned_minor),
    credit_minor    bigint NOT NULL CHECK (credit_minor BETWEEN 0 AND assigned_minor - withdrawn_minor),
    spent           boolean NOT NULL CHECK (spent = (credit_minor = 0))
) WITH (fillfactor = 80);
CREATE INDEX funds_payment ON funds (payment_id);
CREATE INDEX funds_credit ON funds (account_id) WHERE NOT spent;

-- Append-only. `number` counts an account's facts from 1 by arrival; *_minor say what the fact moves, signed.
CREATE TABLE facts (
    account_id     uuid NOT NULL,
    number         bigint NOT NULL,
    partition      int NOT NULL,
    calendar       text NOT NULL,
    segment        bigint NOT NULL,
    creditor_id    uuid NOT NULL,
    currency       text NOT NULL,
    kind           text NOT NULL,
    subject_id     uuid NOT NULL,
    message_id     uuid NOT NULL,
    counts_on      date NOT NULL,
    funds_minor    bigint NOT NULL,
    issued_minor   bigint NOT NULL,
    credited_minor bigint NOT NULL,
    body           json NOT NULL,
    arrived_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, number)
);
CREATE INDEX facts_day ON facts USING brin (segment) WITH (pages_per_range = 32, autosummarize = on);

-- Append-only. Signed: a reversal is a row with a negative amount. `number` counts an account's rows from 1.
CREATE TABLE allocations (
    account_id    uuid NOT NULL,
    number        bigint NOT NULL,
    allocation_id uuid NOT NULL,
    partition     int NOT NULL,
    calendar      text NOT NULL,
    segment       bigint NOT NULL,
    creditor_id   uuid NOT NULL,
    currency      text NOT NULL,
    funds_id      uuid NOT NULL,
    payment_id    uuid NOT NULL,
    item_id       uuid NOT NULL,
    invoice_id    uuid NOT NULL,
    amount_minor  bigint NOT NULL CHECK (amount_minor <> 0),
    value_on      date NOT NULL,
    explanation   json NOT NULL,
    allocated_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, number)
);
CREATE INDEX allocations_day ON allocations USING brin (segment) WITH (pages_per_range = 32, autosummarize = on);

-- Append-only double entry: each line debits one ledger account and credits another, so every transaction balances.
CREATE TABLE journal_lines (
    partition    int NOT NULL,
    calendar     text NOT NULL,
    segment      bigint NOT NULL,
    creditor_id  uuid NOT NULL,
    currency     text NOT NULL,
    account_id   uuid NOT NULL,
    message_id   uuid NOT NULL,
    debit        text NOT NULL,
    credit       text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    CHECK (debit <> credit)
);
CREATE INDEX journal_day ON journal_lines USING brin (segment) WITH (pages_per_range = 32, autosummarize = on);

-- Days that this service has certified, per partition: a row's decision is provisional until its day is here.
CREATE TABLE closed_days (
    partition int NOT NULL,
    calendar  text NOT NULL,
    sequence  bigint NOT NULL,
    previous  bigint NOT NULL,
    day_on    date NOT NULL,
    PRIMARY KEY (partition, calendar, sequence)
);
