-- Format 1. `PRAGMA user_version` names the format, `application_id` the program (ASKF).

-- Digests, ids and subjects are the bytes of the texts that `body` has; `hex()` shows them in a shell.

-- What visitors were shown, once per digest (R3).
CREATE TABLE notice (
    digest     BLOB PRIMARY KEY NOT NULL,
    lang       TEXT NOT NULL,
    version    TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    text       TEXT NOT NULL
) STRICT;

-- One row per decision, never changed (R5). `body` is the canonical record and `digest` its SHA-256; `site`,
-- `record_id`, `subject`, `holder` and `notice` are copies of what it says, for finding it. `seq` counts from 1 without
-- a gap and is never used twice. A row without a body is the trace of an erasure: it keeps a late retry from bringing
-- the record back.
CREATE TABLE record (
    seq         INTEGER PRIMARY KEY,
    site        TEXT NOT NULL,
    record_id   BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    clock       TEXT NOT NULL CHECK (clock IN ('ok', 'ahead', 'behind')),
    digest      BLOB NOT NULL,
    erased_at   INTEGER,
    notice      BLOB REFERENCES notice (digest),
    subject     BLOB,
    holder      BLOB,
    body        TEXT,
    CHECK ((erased_at IS NULL AND notice IS NOT NULL AND subject IS NOT NULL AND holder IS NOT NULL AND body IS NOT NULL)
        OR (erased_at IS NOT NULL AND notice IS NULL AND subject IS NULL AND holder IS NULL AND body IS NULL))
) STRICT;

CREATE UNIQUE INDEX record_once ON record (record_id, site);

-- Refusals without any identifier (R10, P1). The day is the server's.
CREATE TABLE refusal_count (
    site   TEXT NOT NULL,
    day    TEXT NOT NULL,
    notice BLOB NOT NULL REFERENCES notice (digest),
    lang   TEXT NOT NULL,
    method TEXT NOT NULL,
    layer  TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (site, day, notice, lang, method, layer)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
WHEN NOT (
    OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
    AND NEW.seq IS OLD.seq AND NEW.site IS OLD.site AND NEW.record_id IS OLD.record_id
    AND NEW.received_at IS OLD.received_at AND NEW.clock IS OLD.clock AND NEW.digest IS OLD.digest
)
BEGIN
    SELECT RAISE(ABORT, 'a record is never changed, it can only be erased');
END;

CREATE TRIGGER record_is_never_removed BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'a record is never removed, it can only be erased');
END;

CREATE TRIGGER notice_is_never_changed BEFORE UPDATE ON notice
BEGIN
    SELECT RAISE(ABORT, 'a notice is never changed');
END;

-- S3: a notice lives as long as anything that refers to it. The foreign keys say the same, but a shell has them off.
CREATE TRIGGER notice_outlives_its_records BEFORE DELETE ON notice
WHEN EXISTS (SELECT 1 FROM record WHERE notice = OLD.digest)
    OR EXISTS (SELECT 1 FROM refusal_count WHERE notice = OLD.digest)
BEGIN
    SELECT RAISE(ABORT, 'records still refer to this notice');
END;
