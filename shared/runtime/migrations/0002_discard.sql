-- Messages that a person found to be truly bad: one proposes to discard the first message of a parked key, another one approves
-- (DESIGN invariant 10). Who, when, why, and the message as it was: rows are never deleted.
CREATE TABLE rt_discard (
    discard_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            uuid NOT NULL,
    message_id     uuid NOT NULL,
    -- why it was rejected, and the message itself
    rule           text NOT NULL,
    detail         text NOT NULL,
    record         jsonb NOT NULL,
    payload        bytea,
    reason         text NOT NULL CHECK (btrim(reason) <> ''),
    proposed_by    text NOT NULL,
    proposed_at    timestamptz NOT NULL,
    -- proposed → approved → discarded; or refused; or expired: the message was handled after all
    state          text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'approved', 'discarded', 'refused', 'expired')),
    decided_by     text,
    decided_reason text,
    decided_at     timestamptz,
    ended_at       timestamptz,
    CONSTRAINT two_people CHECK (decided_by <> proposed_by),
    CONSTRAINT decided_by_somebody CHECK (state IN ('proposed', 'expired') OR (decided_by IS NOT NULL AND decided_at IS NOT NULL))
);
CREATE UNIQUE INDEX rt_discard_open ON rt_discard (message_id) WHERE state IN ('proposed', 'approved');

-- A discarded message is no longer in its key's queue. What it would have moved stays in the day's sum of parked money.
ALTER TABLE rt_parked ADD COLUMN discarded_at timestamptz;
DROP INDEX rt_parked_live;
CREATE INDEX rt_parked_live ON rt_parked (key, id) WHERE freed_segment IS NULL AND discarded_at IS NULL;
