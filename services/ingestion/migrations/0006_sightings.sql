-- Provisional money: what reports within the day, notifications and pending entries tell, until the final statement does.
ALTER TABLE pending RENAME COLUMN replaced_by TO booked_as;
ALTER TABLE pending RENAME COLUMN replaced_at TO ended_at;
ALTER TABLE pending
    -- the day it is promised for: booking date, else value date, else the statement's
    ADD COLUMN expected_on    date,
    -- whether that day is the booking date, and not still open
    ADD COLUMN dated          boolean NOT NULL DEFAULT false,
    ADD COLUMN channel        text NOT NULL DEFAULT '',
    ADD COLUMN bank_reference text,
    -- references that tell one payment from another, normalised, as a list
    ADD COLUMN names          text NOT NULL DEFAULT '',
    -- the one account that exact references name
    ADD COLUMN account_id     uuid,
    -- its first sighting holds its texts; the last statement that told it
    ADD COLUMN statement_id   uuid,
    ADD COLUMN entry_no       bigint,
    ADD COLUMN last_statement uuid,
    -- fields in which references may stand, as lists
    ADD COLUMN structured     text NOT NULL DEFAULT '',
    ADD COLUMN free_text      text NOT NULL DEFAULT '',
    -- booked, not-booked, withdrawn
    ADD COLUMN end_reason     text,
    -- the task in which a person decides about it
    ADD COLUMN doubt          uuid,
    -- how often it was told again after it had ended
    ADD COLUMN reopened       integer NOT NULL DEFAULT 0;
UPDATE pending SET end_reason = 'booked' WHERE ended_at IS NOT NULL;
UPDATE pending SET expected_on = (seen_at AT TIME ZONE 'UTC')::date;
ALTER TABLE pending
    ALTER COLUMN expected_on SET NOT NULL,
    ADD CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    ADD CHECK ((booked_as IS NOT NULL) = (end_reason IS NOT DISTINCT FROM 'booked'));
DROP INDEX pending_open;
CREATE INDEX pending_open ON pending (collector, expected_on) WHERE ended_at IS NULL;
CREATE INDEX pending_amount ON pending (collector, amount_minor, expected_on);
CREATE INDEX pending_booked ON pending (booked_as) WHERE booked_as IS NOT NULL;

-- What is expected for an account: FundsExpected, until ExpectationEnded. Settles nothing.
CREATE TABLE expectation (
    expectation_id uuid PRIMARY KEY,
    pending_id     uuid NOT NULL,
    account_id     uuid NOT NULL,
    creditor_id    uuid NOT NULL,
    calendar       text NOT NULL,
    channel        text NOT NULL,
    collector      text NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    expected_on    date NOT NULL,
    invoice_ids    text NOT NULL,
    evidence       text NOT NULL,
    raw_id         uuid NOT NULL,
    expected_at    timestamptz NOT NULL,
    end_reason     text CHECK (end_reason IN ('booked', 'not-booked', 'withdrawn')),
    payment_id     uuid,
    ended_at       timestamptz,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK ((payment_id IS NOT NULL) = (end_reason IS NOT DISTINCT FROM 'booked'))
);
CREATE INDEX expectation_pending ON expectation (pending_id) WHERE ended_at IS NULL;
CREATE INDEX expectation_account ON expectation (account_id, expected_on);

-- References under which a batch and its payments meet: of lumps that were booked as one, of payments that a notification
-- tells one by one.
CREATE TABLE batch_name (
    token_hash bigint NOT NULL,
    -- payment of a lump, pending_id of a told payment
    of_id      uuid NOT NULL,
    lump       boolean NOT NULL,
    -- 0 is the strongest name of it
    strength   smallint NOT NULL,
    PRIMARY KEY (token_hash, lump, of_id)
);
CREATE INDEX batch_name_of ON batch_name (of_id);

-- Batches that were booked payment by payment: another format may tell the sum again.
CREATE TABLE exploded (
    -- what the payment of the whole sum would have been
    batch_id     uuid PRIMARY KEY,
    statement_id uuid NOT NULL,
    booked_on    date,
    amount_minor bigint NOT NULL,
    entry_key    uuid NOT NULL,
    occurrence   integer NOT NULL,
    refs         text NOT NULL,
    -- its names, the strongest first
    hashes       bigint[] NOT NULL
);
CREATE INDEX exploded_statement ON exploded (statement_id);
