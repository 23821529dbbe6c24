-- Format 3: a verifiable log for each site (RFC 6962, C2SP tlog-tiles). What is in the tree is never personal; a
-- record's body and the secret that its salts are made of stand outside it and can be erased.

-- One log is open per site. `note` is the newest signed checkpoint and says `size` and `root` too. Entries below
-- `min_index` are gone by policy; their hashes stay. A log is closed when `askfirst recover` has started another one in
-- its place.
CREATE TABLE log (
    log       INTEGER PRIMARY KEY,
    site      INTEGER NOT NULL REFERENCES site (site),
    origin    TEXT NOT NULL UNIQUE,
    size      INTEGER NOT NULL,
    root      BLOB NOT NULL,
    note      TEXT NOT NULL,
    min_index INTEGER NOT NULL DEFAULT 0 CHECK (min_index % 256 = 0),
    closed_at INTEGER
) STRICT;

CREATE UNIQUE INDEX log_open ON log (site) WHERE closed_at IS NULL;

-- The entries as they are in the tree; the first byte is the kind.
CREATE TABLE log_entry (
    log   INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

-- Full tiles. Those that are not full are computed from the entries and the tiles below.
CREATE TABLE log_tile (
    log    INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    tile   INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (log, level, tile)
) STRICT, WITHOUT ROWID;

-- Which notices a log has, and where.
CREATE TABLE log_notice (
    log    INTEGER NOT NULL,
    notice BLOB NOT NULL REFERENCES notice (digest),
    idx    INTEGER NOT NULL,
    PRIMARY KEY (log, notice)
) STRICT, WITHOUT ROWID;

-- 32 random bytes for each record that its two salts are derived from. Without them the entry in the log hides what it
-- stands for.
CREATE TABLE record_secret (
    seq    INTEGER PRIMARY KEY,
    secret BLOB NOT NULL
) STRICT;

-- Records from before there was a log, which the next start enters into it: those up to `seq`.
CREATE TABLE unlogged (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO unlogged (one, seq) SELECT 1, max(seq) FROM record HAVING max(seq) IS NOT NULL;

DROP TRIGGER notice_outlives_its_records;

-- One row per decision, never changed (R5). `body` is the canonical record and `digest` its SHA-256; `site`,
-- `record_id`, `subject`, `holder` and `notice` are copies of what it says, for finding it. `seq` counts from 1 without
-- a gap and is never used twice; `log` and `idx` say where its entry is. `ends_at` is when the consent ended or will
-- end (S1), `held` keeps the record beyond that. A row without a body is the trace of an erasure: it keeps a late retry
-- from bringing the record back.
--
-- `clock` is compared word by word: for `IN (…)` with three of them SQLite builds a table at each insert.
CREATE TABLE record_3 (
    seq         INTEGER PRIMARY KEY,
    site        TEXT NOT NULL,
    record_id   BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    clock       TEXT NOT NULL CHECK (clock = 'ok' OR clock = 'ahead' OR clock = 'behind'),
    log         INTEGER,
    idx         INTEGER,
    ends_at     INTEGER NOT NULL,
    held        INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
    erased_at   INTEGER,
    digest      BLOB,
    notice      BLOB REFERENCES notice (digest),
    subject     BLOB,
    holder      BLOB,
    body        ANY,
    CHECK ((erased_at IS NULL AND digest IS NOT NULL AND notice IS NOT NULL AND subject IS NOT NULL
            AND holder IS NOT NULL AND body IS NOT NULL)
        OR (erased_at IS NOT NULL AND digest IS NULL AND notice IS NULL AND subject IS NULL AND holder IS NULL
            AND body IS NULL))
) STRICT;

INSERT INTO record_3 (seq, site, record_id, received_at, clock, ends_at, erased_at, digest, notice, subject, holder, body)
    SELECT seq, site, record_id, received_at, clock,
        CASE WHEN erased_at IS NULL
            THEN max(received_at, unixepoch(json_extract(body, '$.event.valid_until')) * 1000)
            ELSE received_at END,
        erased_at, iif(erased_at IS NULL, digest, NULL), notice, subject, holder, body
    FROM record ORDER BY seq;
-- A record that others follow ended when the first of them came.
UPDATE record_3 SET ends_at = min(ends_at, later.received_at)
    FROM (SELECT record.site, unhex(replace(json_extract(record.body, '$.prev'), '-', '')) AS prev,
              min(record.received_at) AS received_at
          FROM record WHERE record.body IS NOT NULL AND json_extract(record.body, '$.prev') IS NOT NULL
          GROUP BY 1, 2) AS later
    WHERE later.prev = record_3.record_id AND later.site = record_3.site;
DROP TABLE record;
ALTER TABLE record_3 RENAME TO record;

CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
WHEN NOT (
    NEW.seq IS OLD.seq AND NEW.site IS OLD.site AND NEW.record_id IS OLD.record_id
    AND NEW.received_at IS OLD.received_at AND NEW.clock IS OLD.clock
    -- A consent ends once; it can end earlier than it was to.
    AND NEW.ends_at <= OLD.ends_at
    AND (OLD.log IS NULL OR (NEW.log IS OLD.log AND NEW.idx IS OLD.idx))
    AND (
        (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND OLD.held = 0)
        OR (NEW.erased_at IS OLD.erased_at AND NEW.digest IS OLD.digest AND NEW.notice IS OLD.notice
            AND NEW.subject IS OLD.subject AND NEW.holder IS OLD.holder AND NEW.body IS OLD.body)
    )
)
BEGIN
    SELECT RAISE(ABORT, 'a record is never changed, it can only be erased');
END;

CREATE TRIGGER record_is_never_removed BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'a record is never removed, it can only be erased');
END;

CREATE TRIGGER record_secret_is_never_changed BEFORE UPDATE ON record_secret
BEGIN
    SELECT RAISE(ABORT, 'the secret of a record is never changed');
END;

CREATE TRIGGER record_secret_goes_with_its_record BEFORE DELETE ON record_secret
WHEN (SELECT erased_at FROM record WHERE seq = OLD.seq) IS NULL
BEGIN
    SELECT RAISE(ABORT, 'the secret of a record goes when the record is erased');
END;

-- S3: a notice lives as long as anything that refers to it. The foreign keys say the same, but a shell has them off.
CREATE TRIGGER notice_outlives_its_records BEFORE DELETE ON notice
WHEN EXISTS (SELECT 1 FROM record WHERE notice = OLD.digest)
    OR EXISTS (SELECT 1 FROM refusal_count WHERE notice = OLD.digest)
BEGIN
    SELECT RAISE(ABORT, 'records still refer to this notice');
END;

CREATE TRIGGER log_only_grows BEFORE UPDATE ON log
WHEN NOT (NEW.log IS OLD.log AND NEW.site IS OLD.site AND NEW.origin IS OLD.origin AND NEW.size >= OLD.size
    AND (NEW.size > OLD.size OR NEW.root IS OLD.root) AND NEW.min_index >= OLD.min_index AND OLD.closed_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'a log only grows');
END;

CREATE TRIGGER log_is_never_removed BEFORE DELETE ON log
BEGIN
    SELECT RAISE(ABORT, 'a log only grows');
END;

CREATE TRIGGER log_entry_is_never_changed BEFORE UPDATE ON log_entry
BEGIN
    SELECT RAISE(ABORT, 'an entry of the log is never changed');
END;

CREATE TRIGGER log_entry_is_never_removed BEFORE DELETE ON log_entry
WHEN OLD.idx >= coalesce((SELECT min_index FROM log WHERE log = OLD.log), 0)
BEGIN
    SELECT RAISE(ABORT, 'an entry of the log is never removed before the log says so');
END;

CREATE TRIGGER log_tile_is_never_changed BEFORE UPDATE ON log_tile
BEGIN
    SELECT RAISE(ABORT, 'a tile of the log is never changed');
END;

CREATE TRIGGER log_tile_is_never_removed BEFORE DELETE ON log_tile
BEGIN
    SELECT RAISE(ABORT, 'a tile of the log is never removed');
END;
