package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// Input is everything that a plan is made from: an account's mailboxes, as far
// as anything moved in them, and what the user wants. It is values only; the
// same input gives the same plan.
type Input struct {
	Mailboxes []Mailbox
	// Copies are rows, anywhere in the account, whose content hash equals that of
	// a new local message: the server can copy them instead of receiving them.
	Copies []mail.Row
	// Alike are rows, anywhere in the account, that have a file and the size and
	// date of a new server message: that message may be a copy of theirs.
	Alike []mail.Row
	// Total counts the account's rows, for the guard on mass removal.
	Total mail.Counts
	// AllowDeletes lifts the guards on removals for this run.
	AllowDeletes bool
	// NewRoot accepts the Maildir as it stands: what is missing there is fetched
	// again, nothing is removed in this run.
	NewRoot bool
	// KeepAll carries out no removal on either side: what one side lacks is brought
	// back from the other, and an edit waits, for it would take the place of what
	// the server has.
	KeepAll bool
	// Restored says that base is of another time than the sides: what is missing on
	// one of them is brought back from the other, and nothing is removed in this run.
	Restored bool
	// Recreate creates mailboxes again on the side that lost them.
	Recreate bool
	// NoMailboxes: the server's LIST had no mailbox at all. Where base has some,
	// nothing is done. (A listing without a known INBOX is judged the same way.)
	NoMailboxes bool
}

// Existence tells whether a mailbox is on one side.
type Existence uint8

const (
	Missing  Existence = iota // not there
	There                     // there
	NoSelect                  // a name without messages, parent of others
	Held                      // there, but must not be touched in this run (it could not be read)
)

// Mailbox is one mailbox in the three trees.
type Mailbox struct {
	Name mail.Mailbox
	Role mail.Role
	// Server and Local tell whether the mailbox exists on each side now;
	// BaseServer and BaseLocal whether it did when base was written.
	Server, Local         Existence
	BaseServer, BaseLocal bool
	// ReadOnly: the server opened it READ-ONLY; nothing can be changed there.
	ReadOnly bool
	// Fresh: base and Maildir have nothing in it, and the server was not asked
	// for its messages: all of them are to be fetched. Items is empty.
	Fresh bool
	// Reset: UIDVALIDITY changed or the mailbox was never recorded with the
	// server it is on. Rows carry UIDs of another life, which name nothing; the
	// Items hold all rows (Server nil) and all server messages (Base nil), and
	// the planner pairs them by content.
	Reset bool
	// Policy is what the configuration says for this mailbox.
	Policy conflict.Policy
	// Window is what of the mailbox the Maildir is to have; the zero Window has all.
	Window mail.Window
	// Trash is the mailbox to which removals on the server go; empty, or this one:
	// expunge.
	Trash mail.Mailbox
	// Table is the keyword table of the Maildir mailbox.
	Table mail.KeywordTable
	// LocalRoom and ServerRoom tell which keywords each side can hold. The zero
	// room holds none: both must be known wherever there are Items. On the server
	// $Forwarded is a keyword; ServerRoom knows it by that name.
	LocalRoom, ServerRoom mail.KeywordRoom
	// Rows counts the mailbox's base rows, for the guard on mass removal.
	Rows mail.Counts
	// Items are the messages in which a side differs from base. Messages on
	// which nothing was observed to differ need not be listed, except
	//   - all rows, when the mailbox is Reset, and when one side has lost it or
	//     gets it back;
	//   - rows without UID, when the server has new messages: they may be those;
	//   - rows without Key, when the Maildir has new files: they may be those;
	//   - rows marked \Deleted, when the policy expunges them (a removal that
	//     was held or cut off is seen by nothing else);
	//   - rows with both sides that are outside of the window, and rows that were
	//     outside and are inside: a window moves without anybody doing anything;
	//   - rows outside of the window with the content of a new file: it may be theirs.
	Items []Item
}

// Item is one message as base and both sides have it. At least one of Base,
// Local and Server is given; Local and Server without Base stand alone: pairing
// a new file with a new server message is the planner's work.
type Item struct {
	Base *mail.Row
	// LocalState and ServerState say what was observed of a message that base
	// knows. Without Base they are conflict.Here for the side that has it and
	// conflict.Never for the other.
	LocalState, ServerState conflict.State
	// Whole: the file holds its message in part, and this run fetches the whole.
	Whole bool
	// Untaken: the server has not given the message's UID to any yet. It said that it had
	// taken the message, and did not; nobody removed it.
	Untaken bool
	// Asked: the message was asked for, and is to be brought here, in the window or
	// not.
	Asked bool
	// Leaving: a run died when it was about to put the file away, which is not where it
	// was: a new file with its content may be this one, taken elsewhere since.
	Leaving bool
	// Local is the file, where LocalState is Here or Edited.
	Local *mail.LocalMessage
	// LocalContent is what reading the file told: known for every new or edited
	// file, zero otherwise.
	LocalContent mail.LocalContent
	// Server is the message on the server, where ServerState is Here.
	Server *mail.ServerMessage
	// SetAside says that bringing the message to the other side failed and is not
	// to be tried in this run. It is a message like any other for all that needs no
	// transfer.
	SetAside bool
}
