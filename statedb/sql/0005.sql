-- Schema version 5: how many messages a run recognised by their content, which had
-- no record: on a first run over both sides, after a new UIDVALIDITY, or when this
-- database was lost.
ALTER TABLE run ADD COLUMN paired INTEGER NOT NULL DEFAULT 0;
