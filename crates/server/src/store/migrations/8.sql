-- Format 8: notices that were declared faulty (GDPR Art. 4(11), 7): what was agreed to under them does not count. Each log
-- that has such a notice says so in an entry; `reason` is the owner's. No record is touched: how it stands follows from this.
CREATE TABLE invalid_notice (
    notice     BLOB PRIMARY KEY REFERENCES notice (digest),
    invalid_at INTEGER NOT NULL,
    reason     TEXT
) STRICT, WITHOUT ROWID;

CREATE TRIGGER invalid_notice_is_never_changed BEFORE UPDATE ON invalid_notice
BEGIN
    SELECT RAISE(ABORT, 'what was declared faulty stays so');
END;

CREATE TRIGGER invalid_notice_is_never_removed BEFORE DELETE ON invalid_notice
BEGIN
    SELECT RAISE(ABORT, 'what was declared faulty stays so');
END;
