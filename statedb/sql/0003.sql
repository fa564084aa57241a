-- Schema version 3: messages that were set aside.

-- A message that could not be brought to the other side, for a reason of its own,
-- and when it is tried again. One of uid and key is given: a message of the
-- server has a UID, a file a key. Mailboxes stand by name, as in intent.
CREATE TABLE quarantine (
    mailbox     TEXT    NOT NULL,
    uid         INTEGER NOT NULL, -- zero: a file
    key         TEXT    NOT NULL, -- empty: a message of the server
    uidvalidity INTEGER NOT NULL, -- zero: a file
    size        INTEGER NOT NULL, -- of the wire form; -1: not known
    emailid     TEXT    NOT NULL, -- empty: none
    inode       INTEGER NOT NULL, -- of the file; zero: none
    tried       INTEGER NOT NULL, -- 1 fetch, 2 append, 3 read
    reason      TEXT    NOT NULL, -- the last one, without control characters
    first       INTEGER NOT NULL, -- s since 1970
    last        INTEGER NOT NULL,
    next        INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    known       INTEGER NOT NULL, -- 1: no message that is missing can be this file
    PRIMARY KEY (mailbox, uid, key)
) STRICT, WITHOUT ROWID;
