-- Who works off the queue of an endpoint, and until when: several servers may share it.
ALTER TABLE webhook_cursor ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE webhook_cursor ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;

-- Requests of data subjects; the first one made the table in the format before.
CREATE TABLE IF NOT EXISTS request (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL,
    -- What it is about, as the person has shown it; the subject goes when the records are erased.
    record_id   TEXT,
    subject     TEXT,
    received_at INTEGER NOT NULL,
    extended_at INTEGER,
    extension   TEXT,
    closed_at   INTEGER,
    outcome     TEXT,
    reason      TEXT
) STRICT;
