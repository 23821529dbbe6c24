-- Format 5: what witnesses have said about a log (C2SP tlog-witness). A row says that the log names the witness in an
-- entry; `note` is the newest checkpoint that the witness has cosigned, as the log signed it, and `line` the
-- cosignature. Nothing here has to be guarded: a line that does not fit its note is worth nothing to anybody.

CREATE TABLE log_witness (
    log         INTEGER NOT NULL REFERENCES log (log),
    vkey        TEXT NOT NULL,
    size        INTEGER NOT NULL DEFAULT 0,
    note        TEXT NOT NULL DEFAULT '',
    line        TEXT NOT NULL DEFAULT '',
    cosigned_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (log, vkey)
) STRICT, WITHOUT ROWID;
