-- How far each webhook has read the records.
CREATE TABLE webhook_cursor (
    endpoint TEXT PRIMARY KEY,
    seq      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is still to be delivered. A delivered message is gone; one that was given up keeps its row without its text.
CREATE TABLE webhook_entry (
    entry       INTEGER PRIMARY KEY,
    endpoint    TEXT NOT NULL,
    message     TEXT NOT NULL,
    body        TEXT,
    created_at  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,
    outcome     TEXT,
    given_up_at INTEGER,
    UNIQUE (endpoint, message)
) STRICT;

CREATE INDEX webhook_due ON webhook_entry (endpoint, next_at) WHERE given_up_at IS NULL;

-- How often pages of a site saw something happen that the choice did not allow. Nothing about a visitor.
CREATE TABLE leak (
    site     TEXT NOT NULL,
    day      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    category TEXT NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (site, day, kind, name, category)
) STRICT, WITHOUT ROWID;

-- Who may do what. The token itself is not kept.
CREATE TABLE token (
    token      TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;

-- Every read of personal data (S7): which record, never what it says.
CREATE TABLE access (
    entry     INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    who       TEXT NOT NULL,
    action    TEXT NOT NULL,
    record_id TEXT,
    reason    TEXT NOT NULL
) STRICT;
