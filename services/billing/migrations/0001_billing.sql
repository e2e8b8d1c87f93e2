-- What the ERP sent, as it is now; every change went out as an event. Ids are derived (UUIDv5), so there are no other keys.
-- `content` is the SHA-256 of the body without its version: the same version with another one is a conflict.

CREATE TABLE creditors (
    creditor_id   uuid PRIMARY KEY,
    code          text NOT NULL UNIQUE,
    version       bigint NOT NULL,
    content       bytea NOT NULL,
    body          jsonb NOT NULL,
    calendar      text NOT NULL,
    first_on      date NOT NULL,
    received_at   timestamptz NOT NULL
);

-- Bank accounts by number and merchants as provider:merchant: money that comes in there is one creditor's.
CREATE TABLE collectors (
    collector   text PRIMARY KEY,
    creditor_id uuid NOT NULL
);
CREATE INDEX collectors_creditor ON collectors (creditor_id);

CREATE TABLE debtors (
    debtor_id   uuid PRIMARY KEY,
    creditor_id uuid NOT NULL,
    external_id text NOT NULL,
    version     bigint NOT NULL,
    content     bytea NOT NULL,
    body        jsonb NOT NULL,
    received_at timestamptz NOT NULL
);

-- The row of an account is locked before anything about the account is written or sent.
CREATE TABLE accounts (
    account_id     uuid PRIMARY KEY,
    creditor_id    uuid NOT NULL,
    external_id    text NOT NULL,
    version        bigint NOT NULL,
    content        bytea NOT NULL,
    body           jsonb NOT NULL,
    debtor_id      uuid NOT NULL,
    currency       text NOT NULL,
    refund_account text,
    received_at    timestamptz NOT NULL
);
CREATE INDEX accounts_creditor ON accounts (creditor_id);
-- Where a debtor's refunds go is told with the debtor.
CREATE INDEX accounts_refunds ON accounts (debtor_id) WHERE refund_account IS NOT NULL;

CREATE TABLE places (
    place_id    uuid PRIMARY KEY,
    creditor_id uuid NOT NULL,
    external_id text NOT NULL,
    version     bigint NOT NULL,
    content     bytea NOT NULL,
    body        jsonb NOT NULL,
    account_id  uuid NOT NULL,
    received_at timestamptz NOT NULL
);

-- Invoices and credit notes share the ERP's external ids.
CREATE TABLE invoices (
    invoice_id       uuid PRIMARY KEY,
    creditor_id      uuid NOT NULL,
    external_id      text NOT NULL,
    version          bigint NOT NULL,
    content          bytea NOT NULL,
    body             jsonb NOT NULL,
    account_id       uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    currency         text NOT NULL,
    total_minor      bigint NOT NULL CHECK (total_minor > 0),
    -- credit notes never take off more than the invoice asks for
    credited_minor   bigint NOT NULL CHECK (credited_minor BETWEEN 0 AND total_minor),
    cancelled_on     date,
    cancelled_reason text,
    replaced_by      uuid,
    received_at      timestamptz NOT NULL,
    CHECK (kind = 'invoice' OR (credited_minor = 0 AND cancelled_on IS NULL))
);

-- A payment reference (letters and digits, capitals) leads to one account of a creditor.
CREATE TABLE payment_references (
    creditor_id uuid NOT NULL,
    reference   text NOT NULL,
    account_id  uuid NOT NULL,
    -- how many things of the account name it: the account itself, its invoices
    holders     integer NOT NULL CHECK (holders > 0),
    PRIMARY KEY (creditor_id, reference)
);

-- Changes of what invoices ask for; append-only, the ground of billing's certificate. Over an invoice they sum to its total
-- less its credit notes, to 0 once it is cancelled.
CREATE TABLE movements (
    movement_id  uuid PRIMARY KEY,
    invoice_id   uuid NOT NULL,
    account_id   uuid NOT NULL,
    creditor_id  uuid NOT NULL,
    calendar     text NOT NULL,
    currency     text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('issued', 'credited')),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0 AND (kind = 'issued' OR amount_minor < 0)),
    -- sequence of the last day that was closed before it
    segment      bigint NOT NULL,
    moved_at     timestamptz NOT NULL
);
CREATE INDEX movements_day ON movements (calendar, segment);

-- The day's clock: which day of each calendar is open.
CREATE TABLE calendars (
    calendar      text PRIMARY KEY,
    first_on      date NOT NULL,
    open_on       date NOT NULL CHECK (open_on >= first_on),
    registered_at timestamptz NOT NULL
);

-- The days that were closed and certified; append-only.
CREATE TABLE days (
    calendar  text NOT NULL,
    closed_on date NOT NULL,
    sequence  bigint NOT NULL UNIQUE,
    previous  bigint NOT NULL CHECK (previous < sequence),
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (calendar, closed_on)
);

-- Which instance runs the clock; only spares the others the work.
CREATE TABLE clock_lease (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    owner      uuid,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO clock_lease DEFAULT VALUES;
