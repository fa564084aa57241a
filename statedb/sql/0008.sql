-- Schema version 8: what the letters of file names mean.
--
-- The keyword table of the Maildir's mailbox as it was seen last, a line a letter from
-- "a" on. Should the file be lost, the letters that stand in names get their meaning
-- back from here; no other keyword may have them.
ALTER TABLE mailbox ADD COLUMN letters TEXT NOT NULL DEFAULT '';
