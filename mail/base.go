package mail

// Row is a leaf of the base tree: a message on which both sides agreed. A row
// with only one side is a removal that was remembered instead of carried out
// on the other (a mode or an expunge policy): UID zero when the server has it
// no more, Key empty when the Maildir has not.
type Row struct {
	ID      int64 // zero: not stored yet
	Mailbox Mailbox
	UID     UID
	Key     Key
	Flags   Flags
	// Content as read from the file. Hash and Head are known wherever the file
	// was read or written by us; EmailID where the server has it.
	Content Content
	Inode   uint64 // of the file; another one under the same key is an edit
	// Date is the message's INTERNALDATE on the server. It shortlists what a new
	// message may be a copy of, and decides nothing.
	Date UnixTime
	// Window is Outside for a message that is on the server alone because the
	// mailbox's window does not have it.
	Window Windowed
}

// Likeness is what messages of the same content have in common wherever they
// are on a server: a copy keeps both (RFC 9051, 6.4.7). It shortlists, it never
// decides.
type Likeness struct {
	Size int64    // octets of the wire form
	Date UnixTime // INTERNALDATE
}

// Checkpoint is how far a mailbox was brought: what both sides showed before
// the work that is now in the rows. It is written after that work, so that what
// happened meanwhile is seen next time.
type Checkpoint struct {
	Mailbox     Mailbox
	MailboxID   string
	UIDValidity UIDValidity
	UIDNext     UID
	ModSeq      ModSeq // zero: the mailbox must be looked at on every run
	Messages    uint32 // EXISTS, where ModSeq was true
	Stamp       Stamp
	// OnServer and OnLocal say that the mailbox existed there.
	OnServer, OnLocal bool
	// Window names the window as of which the rows are; empty: there is none. As
	// long as it is the same one, and nothing moved, nothing comes or goes for it.
	Window string
	// Letters is the keyword table of the Maildir's mailbox ([KeywordTable.String]) as
	// it was seen last: what the letters of file names mean, should it be lost.
	Letters string
}

// Counts is how many rows a mailbox has, by side.
type Counts struct {
	Server, Local int
	// Outside is how many of Server are outside of the mailbox's window.
	Outside int
}

// IntentKind tells what was about to be done.
type IntentKind uint8

const (
	// IntentDeliver: the message UID is being put into Mailbox under Key.
	// Recovery: Key found in any mailbox is that UID; not found, fetch again.
	IntentDeliver IntentKind = iota + 1
	// IntentUpload: the file Key is being appended to Mailbox. Recovery: a
	// message at Floor or above with the same content, or the same Message-ID
	// and no other claim, is it; none, append again. OldRow, when not zero, is
	// the row whose message the upload replaces (an edit).
	IntentUpload
	// IntentTransfer: UID of From is being copied or moved on the server to
	// Mailbox, where the file Key waits for it. Recovery as for an upload.
	IntentTransfer
	// IntentRelocate: the file Key of From is being renamed into Mailbox, as
	// UID there. Recovery as for a delivery.
	IntentRelocate
	// IntentRemove: UID must leave the server's Mailbox (the old half of an
	// edit). Recovery: remove it, if it is there.
	IntentRemove
	// IntentRename: what base knows as the mailbox From is being renamed to
	// Mailbox on both sides. Recovery: a side that has Mailbox, and From no more,
	// has been renamed; it is no proof of anything else.
	IntentRename
	// IntentLeave: the file Key of UID is being put away, because the message is
	// outside of Mailbox's window; the row says already that it is. Recovery: the
	// file, where it is still in any mailbox, is the message's again; else it was put
	// away, or removed by the user. Neither is ever repeated on the server.
	IntentLeave
	// IntentTrash: UID of Mailbox is being copied to the trash mailbox From, where
	// UIDs from Floor on are new, and is to be removed then: by a server that has no
	// MOVE. Recovery: a message there with the same content is the copy; what is left
	// to do is the removal, if it is still wanted. None, nothing was done.
	IntentTrash

	// IntentKinds is one more than the last kind.
	IntentKinds
)

// Intent is an operation that was about to be carried out. It is made durable
// before the operation and dropped in the transaction that records its result.
type Intent struct {
	ID          int64 // chosen by the writer, unique
	Kind        IntentKind
	Mailbox     Mailbox
	UIDValidity UIDValidity // of Mailbox
	UID         UID
	Key         Key
	Flags       Flags
	Content     Content
	Floor       UID // UIDNEXT of Mailbox before the operation; for an IntentTrash that of From
	From        Mailbox
	// FromKey is the file's key in From for an IntentRelocate; for an
	// IntentDeliver the key of the file that the new one takes the place of.
	FromKey Key
	OldRow  int64 // the row to be replaced; zero for none
}

// Problem is something that failed and will be retried, for `status`.
type Problem struct {
	Mailbox Mailbox // empty: the account
	UID     UID     // zero: the mailbox, or a local message
	Key     Key     // empty: the mailbox, or a server message
	Reason  string
	Since   UnixTime // when it first failed
	Last    UnixTime // when it last failed
	Count   int      // how often
}

// RunRecord is one run, for `status` and `log`.
type RunRecord struct {
	ID       int64 // zero: the next one
	Started  UnixTime
	Ended    UnixTime // zero: it did not end
	Exit     int
	Summary  string
	Command  string // what was asked for; empty: sync
	Pulled   int
	Pushed   int
	Flagged  int
	Removed  int
	Relocate int // moves and copies
	Paired   int // messages on both sides of which base knew nothing, or no UID
}

// Change is one change of the base. Changes given together to one commit are
// carried out together or not at all.
type Change interface{ change() }

// The kinds of [Change].
type (
	// PutRow stores a row: a new one when its ID is zero, else that one, whole.
	// A new row takes the place of any row that has its mailbox and UID, or its
	// mailbox and key.
	PutRow struct{ Row Row }
	// DropUIDs takes the UIDs from all rows of a mailbox that have a key: they are of
	// another life of the mailbox and name nothing any more. Rows without a key keep
	// theirs, which is all they have.
	DropUIDs struct{ Mailbox Mailbox }
	// DropRow removes a row.
	DropRow struct{ ID int64 }
	// PutIntent stores an intent.
	PutIntent struct{ Intent Intent }
	// DropIntent removes an intent.
	DropIntent struct{ ID int64 }
	// PutCheckpoint stores a mailbox's checkpoint, creating the mailbox.
	PutCheckpoint struct{ Checkpoint Checkpoint }
	// DropMailbox removes a mailbox with its rows, intents, problems and messages
	// that were set aside.
	DropMailbox struct{ Mailbox Mailbox }
	// RenameMailboxes gives mailboxes other names, all at the same moment, so that
	// names may be exchanged. Rows keep their IDs; the checkpoint, the intents and
	// the problems go along. A mailbox that base does not know is passed over; a
	// name that another mailbox has and keeps is an error.
	RenameMailboxes struct{ Names []NewName }
	// PutProblem adds a problem, or counts one that is there already.
	PutProblem struct{ Problem Problem }
	// ClearProblems removes all problems of a mailbox.
	ClearProblems struct{ Mailbox Mailbox }
	// PutQuarantined stores a message that is set aside, in place of what is known
	// of the same UID or key of its mailbox.
	PutQuarantined struct{ Quarantined Quarantined }
	// DropQuarantined forgets that a message was set aside.
	DropQuarantined struct {
		Mailbox Mailbox
		UID     UID
		Key     Key
	}
	// PutRun stores a run.
	PutRun struct{ Run RunRecord }
)

func (PutRow) change()          {}
func (DropUIDs) change()        {}
func (DropRow) change()         {}
func (PutIntent) change()       {}
func (DropIntent) change()      {}
func (PutCheckpoint) change()   {}
func (DropMailbox) change()     {}
func (RenameMailboxes) change() {}
func (PutProblem) change()      {}
func (ClearProblems) change()   {}
func (PutQuarantined) change()  {}
func (DropQuarantined) change() {}
func (PutRun) change()          {}

// NewName is the renaming of one mailbox.
type NewName struct{ From, To Mailbox }
