-- Format 4: what running the servers needs to remember beside the records, shared by all of them. The same tables as in the
-- file of operational data (`crates/server/src/operations`), and the same SQL uses both.

-- How far each webhook has read the records, who works off its queue, and until when.
CREATE TABLE IF NOT EXISTS askfirst.webhook_cursor (
    endpoint    TEXT PRIMARY KEY,
    seq         INT8 NOT NULL,
    holder      TEXT NOT NULL DEFAULT '',
    lease_until INT8 NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS askfirst.webhook_entry (
    entry       INT8 PRIMARY KEY,
    endpoint    TEXT NOT NULL,
    message     TEXT NOT NULL,
    body        TEXT,
    created_at  INT8 NOT NULL,
    attempts    INT8 NOT NULL DEFAULT 0,
    next_at     INT8 NOT NULL,
    outcome     TEXT,
    given_up_at INT8,
    UNIQUE (endpoint, message)
);

CREATE INDEX IF NOT EXISTS webhook_due ON askfirst.webhook_entry (endpoint, next_at);

CREATE TABLE IF NOT EXISTS askfirst.leak (
    site     TEXT NOT NULL,
    day      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    category TEXT NOT NULL,
    n        INT8 NOT NULL,
    PRIMARY KEY (site, day, kind, name, category)
);

-- Who may do what. The token itself is not kept.
CREATE TABLE IF NOT EXISTS askfirst.token (
    token      TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    hash       BYTEA NOT NULL,
    created_at INT8 NOT NULL,
    ended_at   INT8
);

-- Every read of personal data (S7): which record, never what it says.
CREATE TABLE IF NOT EXISTS askfirst.access (
    entry     INT8 PRIMARY KEY,
    at        INT8 NOT NULL,
    who       TEXT NOT NULL,
    action    TEXT NOT NULL,
    record_id TEXT,
    reason    TEXT NOT NULL
);

-- Requests of data subjects (S4).
CREATE TABLE IF NOT EXISTS askfirst.request (
    number      INT8 PRIMARY KEY,
    kind        TEXT NOT NULL,
    record_id   TEXT,
    subject     TEXT,
    received_at INT8 NOT NULL,
    extended_at INT8,
    extension   TEXT,
    closed_at   INT8,
    outcome     TEXT,
    reason      TEXT
);
