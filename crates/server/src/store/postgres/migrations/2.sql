-- Format 2: what witnesses have said about a log, as in the store on SQLite.

CREATE TABLE IF NOT EXISTS askfirst.log_witness (
    log         INT8 NOT NULL,
    vkey        TEXT NOT NULL,
    size        INT8 NOT NULL DEFAULT 0,
    note        TEXT NOT NULL DEFAULT '',
    line        TEXT NOT NULL DEFAULT '',
    cosigned_at INT8 NOT NULL DEFAULT 0,
    PRIMARY KEY (log, vkey)
);
