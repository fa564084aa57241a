-- The statements that the package runs, each under the name that its ":name"
-- line gives. They are prepared when they are first used.

-- :begin
BEGIN IMMEDIATE;
-- :commit
COMMIT;
-- :rollback
ROLLBACK;

-- A snapshot over several reads.
-- :begin_read
BEGIN DEFERRED;

-- :meta
SELECT value FROM meta WHERE name = ?;
-- :put_meta
INSERT INTO meta (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- :mailbox_id
SELECT id FROM mailbox WHERE name = ?;
-- :new_mailbox
INSERT INTO mailbox (name) VALUES (?);
-- :checkpoints
SELECT name, mailboxid, uidvalidity, uidnext, modseq, messages,
       cur_inode, cur_mtime, cur_ctime, new_inode, new_mtime, new_ctime,
       racy, on_server, on_local, window, letters
  FROM mailbox ORDER BY name;
-- :put_checkpoint
INSERT INTO mailbox (name, mailboxid, uidvalidity, uidnext, modseq, messages,
                     cur_inode, cur_mtime, cur_ctime, new_inode, new_mtime, new_ctime,
                     racy, on_server, on_local, window, letters)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
       mailboxid = excluded.mailboxid, uidvalidity = excluded.uidvalidity,
       uidnext = excluded.uidnext, modseq = excluded.modseq, messages = excluded.messages,
       cur_inode = excluded.cur_inode, cur_mtime = excluded.cur_mtime, cur_ctime = excluded.cur_ctime,
       new_inode = excluded.new_inode, new_mtime = excluded.new_mtime, new_ctime = excluded.new_ctime,
       racy = excluded.racy, on_server = excluded.on_server, on_local = excluded.on_local, window = excluded.window,
       letters = excluded.letters;

-- OR REPLACE is the rule of mail.PutRow: the rows in the way of the identifier,
-- the UID or the key make place.
-- :put_row
INSERT OR REPLACE INTO row (hash, id, mailbox, uid, key, facts, keywords, emailid, date)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);
-- put_row for some at once: each by itself, they cost a fourth more.
-- :put_8_rows
INSERT OR REPLACE INTO row (hash, id, mailbox, uid, key, facts, keywords, emailid, date)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?),
            (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?, ?, ?, ?);
-- put_row for a row of which nothing but the UID changes, to one that no other has:
-- the table's other indexes are left alone.
-- :renumber_row
UPDATE OR IGNORE row SET uid = ?
 WHERE hash IS ? AND id = ? AND mailbox = ? AND key IS ? AND facts = ? AND keywords IS ? AND emailid IS ? AND date IS ?;
-- :drop_uids
UPDATE row SET uid = NULL WHERE mailbox = ? AND uid IS NOT NULL AND key IS NOT NULL;
-- :drop_row
DELETE FROM row WHERE id = ?;

-- :counts
SELECT (SELECT count(*) FROM row WHERE mailbox = ?1 AND uid IS NOT NULL),
       (SELECT count(*) FROM row WHERE mailbox = ?1 AND key IS NOT NULL),
       (SELECT count(*) FROM row WHERE mailbox = ?1 AND substr(facts, 2, 1) IN (x'02', x'03'));
-- :total
SELECT (SELECT count(*) FROM row WHERE uid IS NOT NULL),
       (SELECT count(*) FROM row WHERE key IS NOT NULL),
       (SELECT count(*) FROM row WHERE substr(facts, 2, 1) IN (x'02', x'03'));

-- :rows_by_uid
SELECT id, uid, key, facts, keywords, emailid, date
  FROM row WHERE mailbox = ? AND uid IS NOT NULL ORDER BY uid;
-- :rows_by_key
SELECT id, uid, key, facts, keywords, emailid, date
  FROM row WHERE mailbox = ? AND key IS NOT NULL ORDER BY key;
-- :rows_of_uids
SELECT id, uid, key, facts, keywords, emailid, date
  FROM row WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid;
-- :row_of_key
SELECT id, uid, key, facts, keywords, emailid, date
  FROM row WHERE mailbox = ? AND key = ?;

-- The whole table in the order of its identifiers, on purpose (see the table's
-- comment); CROSS JOIN keeps the planner from starting at the mailboxes. The
-- parameter is a JSON array of the hashes' first 8 octets.
-- :rows_of_hashes
SELECT row.id, row.uid, row.key, row.facts, row.keywords, row.emailid, row.date, mailbox.name
  FROM row CROSS JOIN mailbox ON mailbox.id = row.mailbox
 WHERE row.hash IN (SELECT value FROM json_each(?)) ORDER BY row.id;

-- Date by date; the parameter is a JSON array of them. CROSS JOIN keeps the
-- planner from any other order.
-- :rows_of_dates
SELECT row.id, row.uid, row.key, row.facts, row.keywords, row.emailid, row.date, mailbox.name
  FROM json_each(?) AS wanted CROSS JOIN row ON row.date = wanted.value AND row.key IS NOT NULL
       CROSS JOIN mailbox ON mailbox.id = row.mailbox;

-- :partial_rows
SELECT row.id, row.uid, row.key, row.facts, row.keywords, row.emailid, row.date, mailbox.name
  FROM row CROSS JOIN mailbox ON mailbox.id = row.mailbox
 WHERE length(row.facts) > 66 ORDER BY mailbox.name, row.uid, row.key;

-- What is outside of a mailbox's window; the condition is that of the index.
-- :outside_rows
SELECT id, uid, key, facts, keywords, emailid, date
  FROM row WHERE mailbox = ? AND uid >= ? AND substr(facts, 2, 1) IN (x'02', x'03') ORDER BY uid;
-- :highest_uids
SELECT uid FROM row WHERE mailbox = ? AND uid IS NOT NULL ORDER BY uid DESC LIMIT ?;

-- :next_seq
SELECT coalesce(max(seq), 0) + 1 FROM intent;
-- An intent that is put again keeps its age.
-- :put_intent
INSERT INTO intent (id, seq, kind, mailbox, uidvalidity, uid, key, facts, keywords, emailid,
                    messageid, floor, from_mailbox, from_key, old_row)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
       kind = excluded.kind, mailbox = excluded.mailbox, uidvalidity = excluded.uidvalidity,
       uid = excluded.uid, key = excluded.key, facts = excluded.facts, keywords = excluded.keywords,
       emailid = excluded.emailid, messageid = excluded.messageid, floor = excluded.floor,
       from_mailbox = excluded.from_mailbox, from_key = excluded.from_key, old_row = excluded.old_row;
-- :drop_intent
DELETE FROM intent WHERE id = ?;
-- :intents
SELECT id, kind, mailbox, uidvalidity, uid, key, facts, keywords, emailid,
       messageid, floor, from_mailbox, from_key, old_row
  FROM intent ORDER BY seq;

-- :drop_rows_of_mailbox
DELETE FROM row WHERE mailbox = ?;
-- :drop_intents_of_mailbox
DELETE FROM intent WHERE mailbox = ?;
-- :drop_mailbox
DELETE FROM mailbox WHERE id = ?;

-- :rename_mailbox
UPDATE mailbox SET name = ? WHERE name = ?;
-- :rename_mailbox_of_intents
UPDATE intent SET mailbox = ? WHERE mailbox = ?;
-- :rename_from_of_intents
UPDATE intent SET from_mailbox = ? WHERE from_mailbox = ?;
-- Problems of a mailbox that is no more may be in the way.
-- :rename_mailbox_of_problems
UPDATE OR REPLACE problem SET mailbox = ? WHERE mailbox = ?;
-- :rename_mailbox_of_quarantined
UPDATE OR REPLACE quarantine SET mailbox = ? WHERE mailbox = ?;

-- :put_problem
INSERT INTO problem (mailbox, uid, key, reason, since, last, count)
     VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (mailbox, uid, key) DO UPDATE SET
       reason = excluded.reason, last = excluded.last, count = count + excluded.count;
-- :clear_problems
DELETE FROM problem WHERE mailbox = ?;
-- :problems
SELECT mailbox, uid, key, reason, since, last, count
  FROM problem ORDER BY mailbox, uid, key;

-- :put_quarantined
INSERT OR REPLACE INTO quarantine (mailbox, uid, key, uidvalidity, size, emailid, inode,
                                   tried, reason, first, last, next, tries, known)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
-- :drop_quarantined
DELETE FROM quarantine WHERE mailbox = ? AND uid = ? AND key = ?;
-- :drop_quarantined_of_mailbox
DELETE FROM quarantine WHERE mailbox = ?;
-- :quarantined
SELECT mailbox, uid, key, uidvalidity, size, emailid, inode,
       tried, reason, first, last, next, tries, known
  FROM quarantine ORDER BY mailbox, uid, key;

-- A NULL identifier is the next one: the newest run is always kept, so none
-- comes twice.
-- :put_run
INSERT INTO run (id, started, ended, exit, summary, pulled, pushed, flagged, removed, relocate, command, paired)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
       started = excluded.started, ended = excluded.ended, exit = excluded.exit, summary = excluded.summary,
       pulled = excluded.pulled, pushed = excluded.pushed, flagged = excluded.flagged, command = excluded.command,
       removed = excluded.removed, relocate = excluded.relocate, paired = excluded.paired;
-- Runs that did something are kept as long as the journal is.
-- :forget_runs
DELETE FROM run WHERE id <= (SELECT max(id) FROM run) - ? AND id NOT IN (SELECT run FROM operation);
-- :last_runs
SELECT id, started, ended, exit, summary, pulled, pushed, flagged, removed, relocate, command, paired
  FROM run ORDER BY id DESC LIMIT ?;

-- :put_operation
INSERT OR REPLACE INTO operation (run, seq, kind, side, intended, mailbox, other, uidvalidity, uids, count, other_uid,
                       key, other_key, facts, emailid, messageid, keywords, before, before_keywords,
                       reason, detail, mark, undone)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
-- :drop_operation
DELETE FROM operation WHERE run = ? AND seq = ?;
-- :operations
SELECT run, seq, kind, side, intended, mailbox, other, uidvalidity, uids, count, other_uid,
       key, other_key, facts, emailid, messageid, keywords, before, before_keywords,
       reason, detail, mark, undone
  FROM operation WHERE run = ? ORDER BY seq;
-- :oldest_operation
SELECT min(started) FROM run WHERE EXISTS (SELECT 1 FROM operation WHERE operation.run = run.id);
-- :journal_size
SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM operation);
-- The parameters: a time, and a JSON array of runs to be kept.
-- :forget_operations
DELETE FROM operation WHERE run IN (SELECT id FROM run WHERE started < ?1)
   AND run NOT IN (SELECT value FROM json_each(?2));
-- :forget_old_runs
DELETE FROM run WHERE started < ?1 AND id < (SELECT max(id) FROM run)
   AND id NOT IN (SELECT value FROM json_each(?2)) AND id NOT IN (SELECT run FROM operation);

-- :integrity
PRAGMA integrity_check(20);
-- The rules that no constraint enforces; each yields what breaks it, in words.
-- :inconsistencies
SELECT 'row ' || id || ' is in no mailbox' FROM row
 WHERE mailbox NOT IN (SELECT id FROM mailbox)
UNION ALL
SELECT 'row ' || id || ' has neither UID nor key' FROM row
 WHERE uid IS NULL AND key IS NULL
UNION ALL
SELECT 'row ' || id || ' has the impossible UID ' || uid FROM row
 WHERE uid NOT BETWEEN 1 AND 4294967295
UNION ALL
SELECT 'row ' || id || ' has an empty key' FROM row WHERE key = ''
UNION ALL
SELECT 'row ' || id || ' has malformed facts' FROM row
 WHERE length(facts) NOT IN (66, 74) OR substr(facts, 1, 1) > x'3F' OR substr(facts, 2, 1) > x'05'
UNION ALL
SELECT 'row ' || id || ' is outside of its window, and not on the server alone' FROM row
 WHERE substr(facts, 2, 1) IN (x'02', x'03') AND (uid IS NULL OR key IS NOT NULL)
UNION ALL
SELECT 'row ' || id || ' has a hash that is not that of its facts' FROM row
 WHERE (hash IS NULL) <> (substr(facts, 19, 32) = zeroblob(32))
UNION ALL
SELECT 'row ' || id || ' was never handed out' FROM row
 WHERE id >= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'next_row') OR id < 1
UNION ALL
SELECT 'intent ' || id || ' is of no known kind' FROM intent WHERE kind NOT BETWEEN 1 AND 8
UNION ALL
SELECT 'intent ' || id || ' has malformed facts' FROM intent WHERE length(facts) NOT IN (66, 74)
UNION ALL
SELECT 'operation ' || run || '.' || seq || ' is of no known kind' FROM operation WHERE kind NOT BETWEEN 1 AND 10 OR side NOT BETWEEN 1 AND 2
UNION ALL
SELECT 'operation ' || run || '.' || seq || ' has malformed facts' FROM operation WHERE length(facts) NOT IN (66, 74)
UNION ALL
SELECT 'operation ' || run || '.' || seq || ' is of no known run' FROM operation WHERE run NOT IN (SELECT id FROM run)
UNION ALL
SELECT 'mailbox ' || id || ' has no name' FROM mailbox WHERE name = ''
UNION ALL
SELECT 'a message of ' || mailbox || ' that was set aside has not one of UID and key' FROM quarantine
 WHERE (uid = 0) = (key = '')
LIMIT 20;
