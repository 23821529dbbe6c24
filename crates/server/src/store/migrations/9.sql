-- Format 9: what came beside a record where the site's pages ask for a challenge (`askfirst_core::log::Challenge`): the time
-- that it was given, 0 for none, -1 for a false one. It stands in the envelope that the entry commits to.
ALTER TABLE record ADD COLUMN challenge INTEGER;

DROP TRIGGER record_is_never_changed;

CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
WHEN NOT (
    NEW.seq IS OLD.seq AND NEW.site IS OLD.site AND NEW.record_id IS OLD.record_id
    AND NEW.received_at IS OLD.received_at AND NEW.clock IS OLD.clock
    -- A consent ends once; it can end earlier than it was to.
    AND NEW.ends_at <= OLD.ends_at
    -- Nobody takes a restriction back.
    AND (OLD.restricted_at IS NULL OR NEW.restricted_at IS OLD.restricted_at)
    AND (OLD.log IS NULL OR (NEW.log IS OLD.log AND NEW.idx IS OLD.idx))
    AND (
        (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL AND OLD.held = 0)
        OR (NEW.erased_at IS OLD.erased_at AND NEW.digest IS OLD.digest AND NEW.notice IS OLD.notice
            AND NEW.subject IS OLD.subject AND NEW.holder IS OLD.holder AND NEW.body IS OLD.body
            AND NEW.challenge IS OLD.challenge)
    )
)
BEGIN
    SELECT RAISE(ABORT, 'a record is never changed, it can only be erased');
END;
