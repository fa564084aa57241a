-- Schema version 2: the journal of what runs did, for `log` and `undo`.

-- What was asked for; empty: sync.
ALTER TABLE run ADD COLUMN command TEXT NOT NULL DEFAULT '';

-- An operation that a run carried out: on one message, or the same on several.
-- Messages that merely arrived are one entry for a run, mailbox and side, with
-- their UIDs as ranges. Mailboxes stand by name, for they may be gone.
CREATE TABLE operation (
    run         INTEGER NOT NULL, -- run.id
    seq         INTEGER NOT NULL, -- ascending in a run, in the order of the operations
    kind        INTEGER NOT NULL, -- 1 arrived, 2 copied, 3 moved, 4 removed, 5 flags, 6 edited, 7 replaced, 8 restored, 9 mailbox
    side        INTEGER NOT NULL, -- 1 server, 2 Maildir
    intended    INTEGER NOT NULL, -- 1: about to be done; whether it was, is to be looked up
    mailbox     TEXT    NOT NULL,
    other       TEXT,             -- where a message came from or went to; NULL: none
    uidvalidity INTEGER NOT NULL, -- of mailbox; zero: not known
    uids        TEXT,             -- in mailbox, as a sequence-set (RFC 9051); NULL: none
    count       INTEGER NOT NULL, -- messages
    other_uid   INTEGER,          -- in other; NULL: not known
    key         TEXT,             -- NULL: none, or several messages
    other_key   TEXT,
    facts       BLOB,             -- as in row, without an inode number; NULL: nothing is known
    emailid     TEXT,
    messageid   TEXT,
    keywords    TEXT,             -- beside facts: the flags
    before      INTEGER,          -- system flags before; NULL: the same
    before_keywords TEXT,
    reason      TEXT,             -- in words
    detail      TEXT,
    mark        INTEGER NOT NULL, -- the next new row's identifier at that moment
    undone      INTEGER,          -- the run that took it back; NULL: none
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
