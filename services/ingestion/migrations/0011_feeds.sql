-- Late feeds: what the last marker asked of each bank account, and the days that people released.

ALTER TABLE bank_account
    -- the last day that was closed with this account, and the day through which it had to be covered then; none before its first
    ADD COLUMN closed_on date,
    ADD COLUMN due_on    date;

-- Append-only. A release travels with the marker of its day; one that was made after that marker, with the next.
CREATE TABLE feed_release (
    release_id  uuid PRIMARY KEY,
    number_key  text NOT NULL,
    calendar    text NOT NULL,
    segment     bigint NOT NULL,
    day_on      date NOT NULL,
    reason      text NOT NULL CHECK (reason <> ''),
    released_by text NOT NULL,
    released_at timestamptz NOT NULL
);
CREATE INDEX feed_release_day ON feed_release (calendar, day_on);
CREATE INDEX feed_release_account ON feed_release (number_key, released_at);
