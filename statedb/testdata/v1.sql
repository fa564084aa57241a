-- A database of schema version 1, as that version wrote it. Never to be changed:
-- it is what later versions have to be able to open.
PRAGMA application_id = 1734637428;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "intent" VALUES(3,2,4,'INBOX',1700000000,13,'a',X'00000000000000000000FFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',NULL,'M2',NULL,0,'Wörk/2024','b',NULL);
INSERT INTO "intent" VALUES(7,1,2,'INBOX',1700000000,NULL,'1700000000.M1P2Q3.host',X'100000000000000000000000000000000009010000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000','work',NULL,'<1@x>',12,NULL,NULL,2);
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
INSERT INTO "mailbox" VALUES(1,'INBOX','F1',1700000000,12,345,2,10,1700000000123456789,1700000000123456790,11,1700000001123456789,1700000001123456790,1,1,1);
INSERT INTO "mailbox" VALUES(2,'Wörk/2024','',0,0,0,0,0,0,0,0,0,0,0,0,0);
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('next_row','5');
INSERT INTO "meta" VALUES('user.generation','1');
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
INSERT INTO "problem" VALUES('INBOX',12,'','malformed answer',1700000000,1700000300,2);
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
INSERT INTO "row" VALUES(-72057594037927936,1,1,4294967295,'1700000000.M1P2Q1.host',X'1200FFFFFFFFFFFFFFFF00000000000004D2FF0000000000000000000000000000000000000000000000000000000000000102000000000000000000000000000003','$Label1 work','M1');
INSERT INTO "row" VALUES(NULL,2,1,11,NULL,X'00010000000000000000FFFFFFFFFFFFFFFF000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',NULL,NULL);
INSERT INTO "row" VALUES(NULL,3,2,NULL,'1700000000.M1P2Q2.host,S=5',X'000000000000000000000000000000000005000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',NULL,NULL);
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
INSERT INTO "run" VALUES(1,1700000000,1700000005,1,'1 message failed',1,2,3,4,5);
CREATE UNIQUE INDEX row_uid ON row (mailbox, uid) WHERE uid IS NOT NULL;
CREATE UNIQUE INDEX row_key ON row (mailbox, key) WHERE key IS NOT NULL;
COMMIT;
