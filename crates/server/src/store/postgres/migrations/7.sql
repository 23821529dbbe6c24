-- Format 7: what came beside a record where the site's pages ask for a challenge (`askfirst_core::log::Challenge`): the time
-- that it was given, 0 for none, -1 for a false one. It stands in the envelope that the entry commits to.
ALTER TABLE askfirst.record ADD COLUMN IF NOT EXISTS challenge INT8;
