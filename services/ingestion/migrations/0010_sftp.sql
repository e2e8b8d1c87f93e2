-- Pulls by SFTP: who pulls, when next, and what was pulled.

CREATE TABLE sftp_pull (
    name            text PRIMARY KEY,
    -- of the settings: others than before are tried at once
    settings_sha256 text NOT NULL,
    -- rises with each lease: whoever holds an older one has lost it
    epoch           bigint NOT NULL DEFAULT 0,
    leased_until    timestamptz,
    -- looks at the directory that came to their end
    look            bigint NOT NULL DEFAULT 0,
    looked_at       timestamptz,
    next_at         timestamptz,
    -- in a row
    failures        integer NOT NULL DEFAULT 0,
    reason          text,
    problem         text
);

-- A file is known by name, size and time.
CREATE TABLE sftp_file (
    pull          text NOT NULL,
    name          text NOT NULL,
    size_bytes    bigint NOT NULL,
    modified_at   bigint NOT NULL,
    state         text NOT NULL CHECK (state IN ('seen', 'stored', 'refused')),
    -- the look that listed it first
    first_look    bigint NOT NULL,
    -- bytes of it that are safe on our disk, while it is fetched
    fetched_bytes bigint NOT NULL DEFAULT 0,
    raw_id        uuid,
    stored_at     timestamptz,
    PRIMARY KEY (pull, name, size_bytes, modified_at)
);
CREATE INDEX sftp_file_seen ON sftp_file (pull) WHERE state = 'seen';
