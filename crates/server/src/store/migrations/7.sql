-- Format 7: the keys of a log (PROOF test 16). `key` is the public key; heads with more than `since` entries have its
-- signature, up to `until`. A log that began before this format has no row until its key is replaced: its first entry names
-- the one it has. The entries of the log say the same; `askfirst audit` compares the two.
CREATE TABLE log_key (
    log   INTEGER NOT NULL REFERENCES log (log),
    key   BLOB NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (log, key)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER log_key_is_taken_out_once BEFORE UPDATE ON log_key
WHEN NOT (NEW.log IS OLD.log AND NEW.key IS OLD.key AND NEW.since IS OLD.since AND OLD.until IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'a key is taken out of a log once');
END;

CREATE TRIGGER log_key_is_never_removed BEFORE DELETE ON log_key
BEGIN
    SELECT RAISE(ABORT, 'what a key has signed is judged by when it was taken out');
END;
