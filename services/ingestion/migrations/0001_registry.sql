-- Who is owed, on which accounts, and by which references money finds them: kept from billing's topics, read-only here.

CREATE TABLE creditor (
    creditor_id  uuid PRIMARY KEY,
    code         text NOT NULL UNIQUE,
    version      bigint NOT NULL,
    calendar     text NOT NULL,
    time_zone    text NOT NULL,
    first_on     date NOT NULL
);

-- number_key: capitals and digits of the number, as statements are compared.
CREATE TABLE bank_account (
    number_key       text PRIMARY KEY,
    number           text NOT NULL,
    creditor_id      uuid NOT NULL,
    currency         text NOT NULL,
    first_on         date NOT NULL,
    banking_calendar text NOT NULL,
    lag_days         integer NOT NULL,
    -- every banking day up to here is covered by statements; moved on at the close
    through_on       date
);

CREATE TABLE merchant (
    provider    text NOT NULL,
    merchant_id text NOT NULL,
    creditor_id uuid NOT NULL,
    currency    text NOT NULL,
    PRIMARY KEY (provider, merchant_id)
);
CREATE INDEX merchant_creditor ON merchant (creditor_id);

CREATE TABLE account (
    account_id  uuid PRIMARY KEY,
    creditor_id uuid NOT NULL,
    version     bigint NOT NULL,
    currency    text NOT NULL,
    closed_on   date
);

CREATE TABLE invoice (
    invoice_id     uuid PRIMARY KEY,
    account_id     uuid NOT NULL,
    creditor_id    uuid NOT NULL,
    version        bigint NOT NULL,
    total_minor    bigint NOT NULL,
    credited_minor bigint NOT NULL DEFAULT 0,
    cancelled      boolean NOT NULL DEFAULT false
);

-- token_hash: of creditor and token; invoice_id is the nil UUID for a reference of the account itself.
CREATE TABLE reference (
    token_hash  bigint NOT NULL,
    account_id  uuid NOT NULL,
    invoice_id  uuid NOT NULL,
    rule        text NOT NULL,
    token       text NOT NULL,
    creditor_id uuid NOT NULL,
    PRIMARY KEY (token_hash, account_id, invoice_id, rule)
);
CREATE INDEX reference_account ON reference (account_id) WHERE invoice_id = '00000000-0000-0000-0000-000000000000';

-- Runs of letters and digits of a creditor's references: texts of other shapes are not looked up.
CREATE TABLE reference_shape (
    creditor_id uuid NOT NULL,
    shape       text NOT NULL,
    PRIMARY KEY (creditor_id, shape)
);

-- Keyed hashes of payers' accounts, learned from payments that an exact reference gave wholly to one account.
CREATE TABLE known_payer (
    creditor_id uuid NOT NULL,
    payer_key   text NOT NULL,
    account_id  uuid NOT NULL,
    PRIMARY KEY (creditor_id, payer_key, account_id)
);
