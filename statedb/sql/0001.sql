-- Schema version 1.
--
-- Every database is built by running the numbered files in order, so that a new
-- one and one that was migrated cannot differ. A file, once released, is never
-- changed again.

-- What is known of the database itself, as text under a name. `next_row` is the
-- identifier of the next new row: identifiers are never used twice, because an
-- intent may still name a row that is gone.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('next_row', '1');

-- A mailbox and its checkpoint. A mailbox is known from its first row or its
-- first checkpoint on, until it is dropped; before the first checkpoint all of
-- the columns below `name` are zero.
CREATE TABLE mailbox (
    id          INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,   -- as users see it, "/" between its parts
    mailboxid   TEXT    NOT NULL DEFAULT '', -- RFC 8474
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    uidnext     INTEGER NOT NULL DEFAULT 0,
    modseq      INTEGER NOT NULL DEFAULT 0, -- 63 bits (RFC 7162, 3.1)
    messages    INTEGER NOT NULL DEFAULT 0, -- EXISTS, where modseq was true
    cur_inode   INTEGER NOT NULL DEFAULT 0, -- the stamps of cur/ and new/
    cur_mtime   INTEGER NOT NULL DEFAULT 0, -- ns
    cur_ctime   INTEGER NOT NULL DEFAULT 0,
    new_inode   INTEGER NOT NULL DEFAULT 0,
    new_mtime   INTEGER NOT NULL DEFAULT 0,
    new_ctime   INTEGER NOT NULL DEFAULT 0,
    racy        INTEGER NOT NULL DEFAULT 0,
    on_server   INTEGER NOT NULL DEFAULT 0,
    on_local    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- A message on which both sides agreed. There may be a million of them, so what
-- no query asks for is packed into one column: SQLite takes a tenth of a
-- microsecond to hand over a column, whatever is in it.
--
-- `hash` stands first because looking for content reads the whole table: a row
-- that does not match is then decoded no further. An index on it would make
-- each insert, the cost of a first pull, nearly twice as dear; a scan takes
-- about 15 ms for 100,000 rows and is needed only when new files appear.
CREATE TABLE row (
    hash     INTEGER,          -- the first 8 octets of the content's SHA-256, big endian; NULL: not known
    id       INTEGER PRIMARY KEY,
    mailbox  INTEGER NOT NULL, -- mailbox.id
    uid      INTEGER,          -- NULL: the server has it no more
    key      TEXT,             -- NULL: the Maildir has it no more
    -- 66 octets, numbers big endian:
    --    1  system flags, a bit each in the order D F P R S T, lowest first
    --    1  bit 0: equal header and size do not prove equal content
    --    8  inode number of the file
    --    8  size of the wire form; -1: not known
    --   32  SHA-256 of the wire form; zero: not known
    --   16  first half of the header block's SHA-256; zero: not known
    facts    BLOB    NOT NULL,
    keywords TEXT,             -- sorted, a space between them; NULL: none
    emailid  TEXT              -- RFC 8474, or X-GM-MSGID; NULL: none
) STRICT;

-- A UID, or a file, is one message. Partial, so that counting the messages of a
-- side is counting an index.
CREATE UNIQUE INDEX row_uid ON row (mailbox, uid) WHERE uid IS NOT NULL;
CREATE UNIQUE INDEX row_key ON row (mailbox, key) WHERE key IS NOT NULL;

-- An operation that was about to be carried out. Only those of the batches under
-- way are here, so nothing but the identifier is indexed. Mailboxes stand by
-- name, because the target of an operation may not be known yet.
CREATE TABLE intent (
    id           INTEGER PRIMARY KEY, -- chosen by the writer
    seq          INTEGER NOT NULL,    -- age: ascending
    kind         INTEGER NOT NULL,    -- 1 deliver, 2 upload, 3 transfer, 4 relocate, 5 remove
    mailbox      TEXT    NOT NULL,
    uidvalidity  INTEGER NOT NULL,
    uid          INTEGER,             -- NULL: none
    key          TEXT,                -- NULL: none
    facts        BLOB    NOT NULL,    -- as in row, without an inode number
    keywords     TEXT,
    emailid      TEXT,
    messageid    TEXT,                -- shortlists in recovery
    floor        INTEGER NOT NULL,    -- UIDNEXT of the mailbox before the operation
    from_mailbox TEXT,                -- NULL: none
    from_key     TEXT,                -- NULL: none
    old_row      INTEGER              -- row.id to be replaced; NULL: none
) STRICT;

-- What failed and is to be retried. An empty mailbox is the account, a zero uid
-- or an empty key is none.
CREATE TABLE problem (
    mailbox TEXT    NOT NULL,
    uid     INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    reason  TEXT    NOT NULL, -- the last one
    since   INTEGER NOT NULL, -- s since 1970
    last    INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uid, key)
) STRICT, WITHOUT ROWID;

-- The runs, as far back as they are kept.
CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    started  INTEGER NOT NULL, -- s since 1970
    ended    INTEGER NOT NULL, -- zero: it did not end
    exit     INTEGER NOT NULL,
    summary  TEXT    NOT NULL,
    pulled   INTEGER NOT NULL,
    pushed   INTEGER NOT NULL,
    flagged  INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    relocate INTEGER NOT NULL
) STRICT;
