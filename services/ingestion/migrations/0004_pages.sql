-- Pages of one statement: which page of which, what it was proved with, and whether its days are covered by it.
ALTER TABLE statement
    ADD COLUMN page_of      text,
    ADD COLUMN page_no      bigint,
    ADD COLUMN page_last    boolean NOT NULL DEFAULT false,
    ADD COLUMN booked_minor bigint,
    ADD COLUMN pages_with   uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN covers       boolean NOT NULL DEFAULT true;
CREATE INDEX statement_page ON statement (bank_account, page_of) WHERE page_of IS NOT NULL;
