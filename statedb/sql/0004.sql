-- Schema version 4: when messages came to the server, to find those that a new
-- message there may be a copy of.

-- INTERNALDATE, s since 1970; NULL: not known. Rows of an older version have none:
-- what is a copy of theirs is fetched.
ALTER TABLE row ADD COLUMN date INTEGER;

-- Most messages are stored in about the order of their dates, so that keeping
-- the index costs little beside the row.
CREATE INDEX row_date ON row (date) WHERE date IS NOT NULL;
