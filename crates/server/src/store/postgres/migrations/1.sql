-- Format 1 of the store on PostgreSQL, and on what speaks its protocol: no sequences, extensions or advisory locks.
-- Times are milliseconds since 1970. Digests, ids and subjects are the bytes of the texts that `body` has.

-- What visitors were shown, once per digest (R3).
CREATE TABLE IF NOT EXISTS askfirst.notice (
    digest     BYTEA PRIMARY KEY,
    lang       TEXT NOT NULL,
    version    TEXT NOT NULL,
    first_seen INT8 NOT NULL,
    text       TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS askfirst.site (
    site   INT8 PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE
);

-- One row per decision as it came, never changed (R5), at a random place: no two servers write to the same end of it.
-- The key takes an id once, whichever server it comes to (R7). `core` and `context` are the commitments for the time at
-- which it came; the entry in the log has those for the time that it was given. Erasing empties what is personal. With a master
-- key body and secret are sealed; `digest` and `holder` are then empty, since the body says them, and `subject` is a keyed
-- tag. A secret that is not sealed has 32 bytes.
CREATE TABLE IF NOT EXISTS askfirst.record (
    record_id   BYTEA NOT NULL,
    site        INT8 NOT NULL,
    received_at INT8 NOT NULL,
    browser_at  INT8 NOT NULL,
    valid_until INT8 NOT NULL,
    core        BYTEA NOT NULL,
    context     BYTEA NOT NULL,
    prev        BYTEA,
    digest      BYTEA,
    notice      BYTEA,
    subject     BYTEA,
    holder      BYTEA,
    secret      BYTEA,
    body        BYTEA,
    PRIMARY KEY (record_id, site),
    CHECK ((notice IS NOT NULL AND subject IS NOT NULL AND secret IS NOT NULL AND body IS NOT NULL
            AND (digest IS NULL) = (holder IS NULL))
        OR (prev IS NULL AND digest IS NULL AND notice IS NULL AND subject IS NULL AND holder IS NULL
            AND secret IS NULL AND body IS NULL))
);

-- What a server has taken in one commit and the sequencer has not given places yet.
CREATE TABLE IF NOT EXISTS askfirst.inbox (
    batch       BYTEA PRIMARY KEY,
    received_at INT8 NOT NULL,
    record_ids  BYTEA[] NOT NULL,
    sites       INT8[] NOT NULL
);

-- The place of a record: `seq` counts from 1 without a gap, `log` and `idx` say where its entry is, `received_at` never
-- goes back. `ends_at` is when the consent ended or will end (S1), `held` keeps the record beyond that.
CREATE TABLE IF NOT EXISTS askfirst.place (
    seq         INT8 PRIMARY KEY,
    record_id   BYTEA NOT NULL,
    site        INT8 NOT NULL,
    log         INT8 NOT NULL,
    idx         INT8 NOT NULL,
    received_at INT8 NOT NULL,
    ends_at     INT8 NOT NULL,
    held        BOOL NOT NULL DEFAULT false,
    erased_at   INT8,
    UNIQUE (record_id, site)
);

-- Refusals without any identifier (R10, P1). The day is the server's.
CREATE TABLE IF NOT EXISTS askfirst.refusal_count (
    site   TEXT NOT NULL,
    day    TEXT NOT NULL,
    notice BYTEA NOT NULL,
    lang   TEXT NOT NULL,
    method TEXT NOT NULL,
    layer  TEXT NOT NULL,
    n      INT8 NOT NULL,
    PRIMARY KEY (site, day, notice, lang, method, layer)
);

-- The logs, as in the store on SQLite.
CREATE TABLE IF NOT EXISTS askfirst.log (
    log       INT8 PRIMARY KEY,
    site      INT8 NOT NULL,
    origin    TEXT NOT NULL UNIQUE,
    size      INT8 NOT NULL,
    root      BYTEA NOT NULL,
    note      TEXT NOT NULL,
    min_index INT8 NOT NULL DEFAULT 0 CHECK (min_index % 256 = 0),
    closed_at INT8
);

CREATE TABLE IF NOT EXISTS askfirst.log_entry (
    log   INT8 NOT NULL,
    idx   INT8 NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (log, idx)
);

CREATE TABLE IF NOT EXISTS askfirst.log_tile (
    log    INT8 NOT NULL,
    level  INT8 NOT NULL,
    tile   INT8 NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (log, level, tile)
);

CREATE TABLE IF NOT EXISTS askfirst.log_notice (
    log    INT8 NOT NULL,
    notice BYTEA NOT NULL,
    idx    INT8 NOT NULL,
    PRIMARY KEY (log, notice)
);

-- Keys that secrets are sealed with, each under the master key that `master` names.
CREATE TABLE IF NOT EXISTS askfirst.sealing_key (
    key        INT8 PRIMARY KEY,
    created_at INT8 NOT NULL,
    master     TEXT NOT NULL,
    wrapped    BYTEA NOT NULL
);

-- The one row that everything which grows a log changes first. `token` is the fencing token of the server that empties
-- the inbox until `expires_at` by the database's clock; `version` counts what has changed the logs.
CREATE TABLE IF NOT EXISTS askfirst.sequencer (
    one           INT8 PRIMARY KEY CHECK (one = 1),
    token         INT8 NOT NULL,
    holder        TEXT NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    version       INT8 NOT NULL,
    last_seq      INT8 NOT NULL,
    last_received INT8 NOT NULL
);

INSERT INTO askfirst.sequencer (one, token, holder, expires_at, version, last_seq, last_received)
    VALUES (1, 0, '', '1970-01-01 00:00:00+00', 0, 0, 0)
    ON CONFLICT (one) DO NOTHING;
