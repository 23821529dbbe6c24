-- Triggers that refuse what no program of ours does (PROOF test 9). A database without triggers does without them.
-- For CockroachDB, which replaces no function that a trigger has, the triggers go first, and `(NEW)` stands in parentheses.

DROP TRIGGER IF EXISTS record_is_never_changed ON askfirst.record;
DROP TRIGGER IF EXISTS place_is_never_changed ON askfirst.place;
DROP TRIGGER IF EXISTS log_only_grows ON askfirst.log;
DROP TRIGGER IF EXISTS log_entry_is_never_changed ON askfirst.log_entry;
DROP TRIGGER IF EXISTS log_tile_is_never_changed ON askfirst.log_tile;
DROP TRIGGER IF EXISTS log_key_is_taken_out_once ON askfirst.log_key;
DROP TRIGGER IF EXISTS log_notice_is_never_changed ON askfirst.log_notice;
DROP TRIGGER IF EXISTS sealing_key_stays ON askfirst.sealing_key;
DROP TRIGGER IF EXISTS invalid_notice_is_never_changed ON askfirst.invalid_notice;
DROP TRIGGER IF EXISTS notice_is_never_changed ON askfirst.notice;

CREATE OR REPLACE FUNCTION askfirst.record_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW).record_id = (OLD).record_id AND (NEW).site = (OLD).site AND (NEW).received_at = (OLD).received_at
            AND (NEW).browser_at = (OLD).browser_at AND (NEW).valid_until = (OLD).valid_until
            AND (NEW).core = (OLD).core AND (NEW).context = (OLD).context AND (OLD).body IS NOT NULL AND (NEW).body IS NULL
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a record is never changed, it can only be erased';
END
$$;

CREATE OR REPLACE FUNCTION askfirst.place_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- A consent ends once; it can end earlier than it was to.
        IF (NEW).seq = (OLD).seq AND (NEW).record_id = (OLD).record_id AND (NEW).site = (OLD).site AND (NEW).log = (OLD).log
            AND (NEW).idx = (OLD).idx AND (NEW).received_at = (OLD).received_at AND (NEW).ends_at <= (OLD).ends_at
            AND ((OLD).erased_at IS NULL OR (NEW).erased_at = (OLD).erased_at)
            AND ((OLD).held = false OR (NEW).erased_at IS NULL)
            -- Nobody takes a restriction back.
            AND ((OLD).restricted_at IS NULL OR (NEW).restricted_at = (OLD).restricted_at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the place of a record never changes';
END
$$;

CREATE OR REPLACE FUNCTION askfirst.log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW).log = (OLD).log AND (NEW).site = (OLD).site AND (NEW).origin = (OLD).origin AND (NEW).size >= (OLD).size
            AND ((NEW).size > (OLD).size OR (NEW).root = (OLD).root) AND (NEW).min_index >= (OLD).min_index AND (OLD).closed_at IS NULL
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a log only grows';
END
$$;

CREATE OR REPLACE FUNCTION askfirst.log_entry_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF (OLD).idx < (SELECT min_index FROM askfirst.log WHERE log = (OLD).log) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'an entry of the log is never changed, nor removed before the log says so';
END
$$;

CREATE OR REPLACE FUNCTION askfirst.log_key_is_taken_out_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW).log = (OLD).log AND (NEW).key = (OLD).key AND (NEW).since = (OLD).since AND (OLD).until IS NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a key is taken out of a log once';
END
$$;

CREATE OR REPLACE FUNCTION askfirst.never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this is never changed';
END
$$;

CREATE TRIGGER record_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.record
    FOR EACH ROW EXECUTE FUNCTION askfirst.record_is_never_changed();
CREATE TRIGGER place_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.place
    FOR EACH ROW EXECUTE FUNCTION askfirst.place_is_never_changed();
CREATE TRIGGER log_only_grows BEFORE UPDATE OR DELETE ON askfirst.log
    FOR EACH ROW EXECUTE FUNCTION askfirst.log_only_grows();
CREATE TRIGGER log_entry_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.log_entry
    FOR EACH ROW EXECUTE FUNCTION askfirst.log_entry_is_never_changed();
CREATE TRIGGER log_tile_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.log_tile
    FOR EACH ROW EXECUTE FUNCTION askfirst.never();
CREATE TRIGGER log_key_is_taken_out_once BEFORE UPDATE OR DELETE ON askfirst.log_key
    FOR EACH ROW EXECUTE FUNCTION askfirst.log_key_is_taken_out_once();
CREATE TRIGGER log_notice_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.log_notice
    FOR EACH ROW EXECUTE FUNCTION askfirst.never();
CREATE TRIGGER sealing_key_stays BEFORE DELETE ON askfirst.sealing_key
    FOR EACH ROW EXECUTE FUNCTION askfirst.never();
CREATE TRIGGER invalid_notice_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.invalid_notice
    FOR EACH ROW EXECUTE FUNCTION askfirst.never();
CREATE TRIGGER notice_is_never_changed BEFORE UPDATE OR DELETE ON askfirst.notice
    FOR EACH ROW EXECUTE FUNCTION askfirst.never();
