-- Schema version 6: messages that are here only in part.
--
-- Their facts have 8 octets more: the size of the whole on the server, RFC822.SIZE,
-- big endian. Hash and size are those of the file. There are few of them, and they
-- are asked for on every run, so that they have an index of their own.
CREATE INDEX row_partial ON row (mailbox, uid) WHERE length(facts) > 66;
