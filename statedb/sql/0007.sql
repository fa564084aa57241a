-- Schema version 7: windows, which have the Maildir do without some of the server's
-- messages.
--
-- The second octet of a row's facts says more: bits 1 and 2 are 1 where the message
-- is outside of its mailbox's window, so that no file is expected, and 2 where it
-- stays here whatever the window says. The index is of those outside alone, so that
-- it costs the others nothing; they are counted, and looked through when the window
-- becomes another one.
CREATE INDEX row_outside ON row (mailbox, uid) WHERE substr(facts, 2, 1) IN (x'02', x'03');

-- The window as of which a mailbox's rows are; empty: there is none.
ALTER TABLE mailbox ADD COLUMN window TEXT NOT NULL DEFAULT '';

-- intent.kind may be 7: a file that leaves, because its message is outside.
-- operation.kind may be 10: it has left.
