-- Format 2: which record ids are taken stands in a table of its own, which the server fills in order and in bulk. An
-- index is written at a random place for each record, which was two thirds of what a record cost the disk.

CREATE TABLE site (
    site   INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE
) STRICT;

-- Where the record of an id is. It has every record up to `keyed.seq`; later ones may be missing: the server has those
-- in memory and reads them from `record` when it starts.
CREATE TABLE record_key (
    record_id BLOB NOT NULL,
    site      INTEGER NOT NULL REFERENCES site (site),
    seq       INTEGER NOT NULL,
    PRIMARY KEY (record_id, site)
) STRICT, WITHOUT ROWID;

CREATE TABLE keyed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO site (origin) SELECT DISTINCT site FROM record ORDER BY site;
INSERT INTO record_key (record_id, site, seq)
    SELECT record.record_id, site.site, record.seq FROM record JOIN site ON site.origin = record.site ORDER BY 1, 2;
INSERT INTO keyed (one, seq) VALUES (1, (SELECT coalesce(max(seq), 0) FROM record));
DROP INDEX record_once;

-- The way back from an id to its place is never bent.
CREATE TRIGGER record_key_is_never_changed BEFORE UPDATE ON record_key
BEGIN
    SELECT RAISE(ABORT, 'the place of a record never changes');
END;

CREATE TRIGGER record_key_is_never_removed BEFORE DELETE ON record_key
BEGIN
    SELECT RAISE(ABORT, 'the place of a record never changes');
END;
