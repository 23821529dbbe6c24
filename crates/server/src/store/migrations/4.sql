-- Format 4: with a master key bodies are sealed (S6; GDPR Art. 17, 32).

-- `record_secret.secret` has 32 bytes in a store without a master key. Sealed it is longer: the same 32 bytes under one of
-- these keys, which are themselves under the master key that `master` names. The body of such a record is a BLOB that its
-- secret opens; `digest` and `holder` are empty, since the body says them, and `subject` is a keyed tag.
CREATE TABLE sealing_key (
    key        INTEGER PRIMARY KEY,
    created_at INTEGER NOT NULL,
    master     TEXT NOT NULL,
    wrapped    BLOB NOT NULL
) STRICT;

-- Another master key may wrap it anew.
CREATE TRIGGER sealing_key_stays BEFORE UPDATE ON sealing_key
WHEN NOT (NEW.key IS OLD.key AND NEW.created_at IS OLD.created_at)
BEGIN
    SELECT RAISE(ABORT, 'a sealing key is only wrapped anew');
END;

CREATE TRIGGER sealing_key_is_never_removed BEFORE DELETE ON sealing_key
BEGIN
    SELECT RAISE(ABORT, 'records are sealed with this key');
END;
