package sync

import (
	"context"
	"io"
	"iter"

	"godwit/mail"
)

// Server is the IMAP account as the engine needs it. Its methods may be called
// side by side; the implementation spreads them over its connections, prefers
// one that has the mailbox selected, reconnects with backoff where an operation
// can be repeated, and honours the context within two seconds. Methods that
// name a UIDVALIDITY fail with [mail.ErrUIDValidity], having done nothing, when
// the mailbox has another one now. UIDs that vanished since they were observed
// are skipped, never guessed. A mailbox that is not there fails with
// [mail.ErrNoMailbox]; a server that cannot be reached with [mail.ErrOffline].
type Server interface {
	// Mailboxes logs in, if nobody is, and lists the account's mailboxes, each
	// wanted one with its Status, in as few turns as the server allows.
	Mailboxes(ctx context.Context, wanted func(mail.Mailbox, mail.Role) bool) ([]mail.ServerMailbox, error)

	// Observe selects the mailbox and asks what happened since, in one flight
	// where the server can.
	Observe(ctx context.Context, m mail.Mailbox, since mail.Since) (*mail.Observation, error)

	// List returns the UIDs that the mailbox holds now, with its state at SELECT
	// (an Observation with Present and no Messages).
	List(ctx context.Context, m mail.Mailbox) (*mail.Observation, error)

	// ListLarge is List, and tells in the same flight which of the messages are
	// larger than that many octets, by RFC822.SIZE: none, where the server does not say.
	ListLarge(ctx context.Context, m mail.Mailbox, octets int64) (*mail.Observation, mail.UIDSet, error)

	// Fetch streams whole messages. sink is called once a message, from one
	// goroutine at a time, with the flags and date as the FETCH gave them and
	// Content.Size set; it must read body to its end or return an error, which
	// stops the fetch. A body that ends early fails with the connection's error.
	// The result are the UIDs of the bodies that count: complete, not empty
	// unless the size is zero, tagged OK seen, and still listed after the batch.
	// The others were not delivered, whatever sink was given. After a lost
	// connection the rest is asked for again; sink may then see a UID again whose
	// body had failed, never one that was read to its end without error.
	Fetch(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet,
		sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error)

	// FetchFrom is Fetch for messages of which some octets may be here already: from
	// says which are wanted of each, and is asked again after a lost connection. Those
	// of a Span come as one body, or not at all: what the server gives instead of
	// them, and a message that does not end where the Span says that it does, is not
	// delivered. The sink is told what its body is; with a Span, msg.Content.Size is
	// RFC822.SIZE. It may leave a body unread: that message is not delivered. Nor
	// is one given up for breaking the connection whose Span has moved on.
	FetchFrom(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, from func(mail.UID) mail.Span,
		sink func(msg mail.ServerMessage, piece mail.Piece, body io.Reader) error) (mail.UIDSet, error)

	// FetchPart is Fetch for messages that are wanted in part: what the sink is
	// given is a message made of the header, octet for octet, of the text parts as
	// far as limits has them, and of short texts in the place of what is missing.
	// It ends with its mark ([mail.PartialMark]); its length is not announced:
	// Content.Size is that of the message on the server. What cannot be had in part
	// is left out.
	FetchPart(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, limits mail.PartLimits,
		sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error)

	// Identify reads headers, or with whole the entire messages without keeping
	// them, and returns what they are: Head, Size, MessageID, Weak, and Hash when
	// whole. Messages that are gone are left out.
	Identify(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, whole bool) (map[mail.UID]mail.Content, error)

	// Store carries out flag changes, pipelined, one command for each distinct
	// change and chunk. Messages whose MODSEQ passed unchangedSince (zero: do not
	// care) are left alone and returned (MODIFIED, RFC 7162, 3.1.3), and so are
	// those that this session does not find there.
	Store(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, changes []mail.FlagStore, unchangedSince mail.ModSeq) (modified mail.UIDSet, err error)

	// Append uploads messages, in few flights, and returns one result for each, in
	// order. The error is of the whole call: [mail.ErrUncertain] when the
	// connection was lost with uploads unanswered; results without UID and Err
	// are then unknown.
	Append(ctx context.Context, m mail.Mailbox, uploads []mail.Upload) ([]mail.Appended, error)

	// Copy and Move transfer messages to another mailbox. Without MOVE, Move is
	// COPY, STORE and UID EXPUNGE in that order, each after the one before was
	// confirmed. Fails with [mail.ErrUncertain] as Append does.
	Copy(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error)
	Move(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error)

	// Remove marks the messages \Deleted and expunges exactly them. kept are those
	// that stay, marked, because the server cannot expunge single messages and
	// others are marked \Deleted too.
	Remove(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) (kept mail.UIDSet, err error)

	// Create makes a mailbox, with the parents it needs, and subscribes to it.
	Create(ctx context.Context, m mail.Mailbox) error

	// Rename gives a mailbox another name, and with it those below it (RFC 9051,
	// 6.3.6), never one that is another's. What was subscribed to stays so. One
	// that is not there under the old name, and is under the new one, was renamed
	// before: an answer may have been lost.
	Rename(ctx context.Context, from, to mail.Mailbox) error

	// Delete removes a mailbox that holds no message, and what it is subscribed;
	// those below it stay. Fails with [mail.ErrNotEmpty] when it holds any.
	Delete(ctx context.Context, m mail.Mailbox, v mail.UIDValidity) error

	// Close ends all connections, politely where that costs no waiting.
	Close() error
}

// Local is the Maildir as the engine needs it. Mailboxes are named as on the
// server. Other programs work on the same files all the time: a method that
// names a key looks the file up again, and fails with [mail.ErrGone] when it is
// in no directory of the mailbox. A disk that is full or cannot be written
// fails with [mail.ErrDisk].
type Local interface {
	// Root looks at the Maildir's root and its marker.
	Root(ctx context.Context) (mail.RootState, error)
	// Init makes the root and its marker; both may be there already.
	Init(ctx context.Context) error
	// Mailboxes finds the mailboxes, with the stamps of their directories. It
	// reads no directory of messages.
	Mailboxes(ctx context.Context) ([]mail.LocalMailbox, error)
	// Stamp takes a mailbox's stamp. A mailbox that is not there fails with
	// [mail.ErrNoMailbox].
	Stamp(ctx context.Context, m mail.Mailbox) (mail.Stamp, error)
	// Create makes a mailbox; it may be there already.
	Create(ctx context.Context, m mail.Mailbox) error
	// Anchor makes durable that a mailbox is where it is, whoever made it.
	Anchor(ctx context.Context, m mail.Mailbox) error
	// RenameMailbox gives a mailbox another name, and with it those below it, durably,
	// never one that is another's; that fails with fs.ErrExist.
	RenameMailbox(ctx context.Context, from, to mail.Mailbox) error
	// DeleteMailbox removes a mailbox that holds no message, durably; those below it stay.
	// Where it holds a message, or a file that is none of a Maildir's, nothing is
	// done and it fails with [mail.ErrNotEmpty].
	DeleteMailbox(ctx context.Context, m mail.Mailbox) error
	// Scan lists a mailbox by one readdir of new/ and cur/ each, again a bounded
	// number of times while it is being changed. It is sorted; keys are unique.
	Scan(ctx context.Context, m mail.Mailbox) (*mail.Listing, error)
	// Tally looks at a mailbox as Scan does, and only sums up what it sees.
	Tally(ctx context.Context, m mail.Mailbox) (mail.Tally, error)
	// RestoreLetters gives letters that stand in names of files, and mean nothing
	// since the mailbox's keyword table was lost or cut, the meaning again that they
	// had, durably. What the table says otherwise by now counts.
	RestoreLetters(ctx context.Context, m mail.Mailbox, was mail.KeywordTable) error
	// Room tells which keywords the mailbox can hold by its table.
	Room(ctx context.Context, m mail.Mailbox) (mail.KeywordRoom, error)
	// Flush makes durable the names that the mailbox's messages have now, whoever
	// gave them: a mail reader, or a run of ours that died. Base must not know of
	// any that a power cut would take back: it would look like a removal.
	Flush(ctx context.Context, m mail.Mailbox) error
	// Locate finds keys by their names in any mailbox, at the cost of reading
	// every directory once. Keys that are nowhere are left out.
	Locate(ctx context.Context, keys []mail.Key) (map[mail.Key]mail.Located, error)

	// Read reads a message and tells what it is.
	Read(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.LocalContent, error)
	// Open streams a message in wire form, with its size. The caller closes it.
	Open(ctx context.Context, m mail.Mailbox, k mail.Key) (body mail.Body, size int64, err error)

	// Stage writes a message to tmp/ under a fresh key. A body that fails, or
	// is not as long as the delivery says, leaves nothing behind.
	Stage(ctx context.Context, m mail.Mailbox, d mail.Delivery, body io.Reader) (mail.Staged, error)
	// Link stages messages for a mailbox whose content files of another one, or
	// of the same, have already: as further names of those files, or as copies
	// where there can be none or the date is another. One result a message: nil,
	// and it is staged; [mail.ErrGone] when the file is not there or has other
	// content; or what failed.
	Link(ctx context.Context, from, to mail.Mailbox, links []mail.Link) ([]mail.Staged, []error, error)
	// Settle makes staged messages durable, together.
	Settle(ctx context.Context, staged []mail.Staged) error
	// Place moves staged messages into new/ or cur/, never over another file, and
	// makes that durable.
	Place(ctx context.Context, staged []mail.Staged) error
	// Discard removes staged messages that shall not be placed.
	Discard(ctx context.Context, staged []mail.Staged) error

	// Replace puts a staged message in the place of the file of another key, which
	// it takes over with its flags: at no moment is the key without a file. A
	// file that has another inode than was says is copied to the trash of the run
	// first. It is durable. [mail.ErrGone]: there is no file of that key; the
	// staged message stays in tmp/.
	Replace(ctx context.Context, staged mail.Staged, k mail.Key, was uint64, run int64) error

	// SetFlags changes flags by renaming and makes the renames durable. Keywords
	// that have no letter left are passed over. One result a message: nil,
	// [mail.ErrGone], or what failed.
	SetFlags(ctx context.Context, m mail.Mailbox, changes []mail.KeyFlags) ([]error, error)
	// Relocate moves a file to another mailbox under a given key, with the given flags,
	// durably, never over another file.
	Relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error)
	// Remove moves files to the trash directory of a run, where they keep their
	// names below the mailbox's, durably. One result a message: nil,
	// [mail.ErrGone], or what failed.
	Remove(ctx context.Context, m mail.Mailbox, keys []mail.Key, run int64) ([]error, error)
	// Sweep removes what a run of ours that died left in the tmp directories of
	// a mailbox.
	Sweep(ctx context.Context, m mail.Mailbox) error
	// NewKey makes a key that no file has.
	NewKey() mail.Key
}

// Incoming keeps what has come of large messages until all of it has.
type Incoming interface {
	// List tells of which messages octets are kept.
	List(ctx context.Context) ([]mail.Incomplete, error)
	// Open opens what is kept of a message, or will be: it has no octets then. The
	// octets are those that were kept, by their hash.
	Open(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, u mail.UID) (mail.Kept, error)
	// Drop throws away what is kept of a message that is not open.
	Drop(ctx context.Context, of mail.Incomplete) error
}

// Base is the record of what both sides agreed on. Reading sees what was
// committed. Methods may be called side by side; Commit is one queue.
type Base interface {
	// Checkpoints returns every mailbox that base knows, ordered by name.
	Checkpoints(ctx context.Context) ([]mail.Checkpoint, error)
	// Counts returns how many rows a mailbox has.
	Counts(ctx context.Context, m mail.Mailbox) (mail.Counts, error)
	// Total returns how many rows the account has.
	Total(ctx context.Context) (mail.Counts, error)
	// RowsByUID yields a mailbox's rows that have a UID, ascending.
	RowsByUID(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error]
	// RowsByKey yields a mailbox's rows that have a key, ascending by key (bytes).
	RowsByKey(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error]
	// FindUIDs returns the rows with these UIDs, ascending.
	FindUIDs(ctx context.Context, m mail.Mailbox, uids mail.UIDSet) ([]mail.Row, error)
	// FindKeys returns the rows with these keys, in any order.
	FindKeys(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.Row, error)
	// FindContent returns the rows of the account that have one of these hashes.
	FindContent(ctx context.Context, hashes []mail.Hash) ([]mail.Row, error)
	// FindLike returns the rows of the account that have a key and one of these
	// likenesses, at the cost of those that have the dates.
	FindLike(ctx context.Context, likes []mail.Likeness) ([]mail.Row, error)
	// PartialRows returns the rows of the account whose files hold their messages
	// only in part, by mailbox and UID.
	PartialRows(ctx context.Context) ([]mail.Row, error)
	// OutsideRows yields a mailbox's rows that are outside of its window and have this
	// UID or a higher one, ascending by UID.
	OutsideRows(ctx context.Context, m mail.Mailbox, from mail.UID) iter.Seq2[mail.Row, error]
	// HighestUIDs returns the highest UIDs of a mailbox's rows, at most n.
	HighestUIDs(ctx context.Context, m mail.Mailbox, n int) (mail.UIDSet, error)
	// Intents returns what was under way when the last run ended, oldest first.
	Intents(ctx context.Context) ([]mail.Intent, error)
	// Problems returns what failed and is to be retried.
	Problems(ctx context.Context) ([]mail.Problem, error)
	// Quarantine returns the messages that are set aside, ordered by mailbox, UID
	// and key.
	Quarantine(ctx context.Context) ([]mail.Quarantined, error)
	// LastRuns returns the newest runs, newest first, at most n.
	LastRuns(ctx context.Context, n int) ([]mail.RunRecord, error)
	// Commit carries out the changes in one transaction, all or none, and returns
	// when they are durable. Commits that wait together may share a transaction.
	Commit(ctx context.Context, changes ...mail.Change) error
}
