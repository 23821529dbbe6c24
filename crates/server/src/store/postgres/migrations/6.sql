-- Format 6: notices that were declared faulty (GDPR Art. 4(11), 7): what was agreed to under them does not count. Each log
-- that has such a notice says so in an entry; `reason` is the owner's. No record is touched: how it stands follows from this.
CREATE TABLE IF NOT EXISTS askfirst.invalid_notice (
    notice     BYTEA PRIMARY KEY,
    invalid_at INT8 NOT NULL,
    reason     TEXT
);
