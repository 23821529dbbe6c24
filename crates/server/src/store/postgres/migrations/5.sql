-- Format 5: the keys of a log (PROOF test 16). `key` is the public key; heads with more than `since` entries have its
-- signature, up to `until`. A log that began before this format has no row until its key is replaced: its first entry names
-- the one it has. The entries of the log say the same; `askfirst audit` compares the two.
CREATE TABLE IF NOT EXISTS askfirst.log_key (
    log   INT8 NOT NULL,
    key   BYTEA NOT NULL,
    since INT8 NOT NULL,
    until INT8,
    PRIMARY KEY (log, key)
);
