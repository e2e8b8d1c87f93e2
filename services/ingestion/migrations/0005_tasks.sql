-- Work for people: what a rule may not decide. The same matter has the same task_id and is raised once.
CREATE TABLE task (
    task_id         uuid PRIMARY KEY,
    kind            text NOT NULL,
    queue           text NOT NULL,
    creditor_id     uuid,
    account_id      uuid,
    -- what it is about, for the code that follows the decision
    matter          jsonb NOT NULL,
    -- what a person needs to know: list of name and value, as in TaskRaised
    evidence        jsonb NOT NULL,
    due_on          date,
    raised_at       timestamptz NOT NULL,
    -- done, withdrawn, superseded
    closed_reason   text,
    closed_at       timestamptz,
    decision        text,
    decided_by      text,
    decided_reason  text,
    CHECK ((closed_at IS NULL) = (closed_reason IS NULL)),
    CHECK ((decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_reason IS NULL))
);
CREATE INDEX task_open ON task (raised_at, task_id) WHERE closed_at IS NULL;
CREATE INDEX task_all ON task (raised_at, task_id);
