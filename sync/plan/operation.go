package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// Operation is one step towards both sides being the same. The kinds below are
// all there are; a switch over them is exhaustive. Every operation says why it
// is there.
type Operation interface {
	// In is the mailbox that the operation is about.
	In() mail.Mailbox
	// Why tells the rule that asked for it.
	Why() conflict.Reason
	operation()
}

// Step is what every operation has.
type Step struct {
	Mailbox mail.Mailbox
	Reason  conflict.Reason
}

func (s Step) In() mail.Mailbox     { return s.Mailbox }
func (s Step) Why() conflict.Reason { return s.Reason }
func (Step) operation()             {}

// The operations, in the order in which their phases run.
type (
	// CreateServer creates the mailbox on the server, and subscribes to it.
	CreateServer struct{ Step }
	// CreateLocal creates the mailbox in the Maildir.
	CreateLocal struct{ Step }

	// Renumber comes before any message is touched in a mailbox that is Reset, or
	// made again on the server: the UIDs that base has there are of another life,
	// and are set to zero in one commit, so that none is taken for a UID of the new
	// one, whose row would take the old one's place. Rows without a key keep theirs,
	// having nothing else: each gets another one, or is forgotten. It is no harm when
	// nothing follows: as long as the checkpoint has the old UIDVALIDITY the mailbox is
	// Reset again.
	Renumber struct{ Step }

	// FetchAll fetches every message of a mailbox that is empty in base and
	// Maildir.
	FetchAll struct{ Step }
	// Fetch brings a server message into the Maildir. Row is nil for a message
	// new to base; else the row whose local half is put back (its Key, if any, is
	// used again).
	Fetch struct {
		Step
		Message mail.ServerMessage
		Flags   mail.Flags // merged; what the server has not is stored there too
		Store   mail.FlagDelta
		Row     *mail.Row
		// Twin, when not nil, has the message's content already. Only when it cannot
		// be used after all is the message transferred.
		Twin *Twin
	}
	// Upload appends a file to the server's mailbox with the merged flags. Row is
	// nil for a new file; else the row whose server half is put back (its UID is
	// gone) or, with Replace, whose server message the new content replaces:
	// that one is removed after the new one is confirmed. Found, when not zero,
	// is the new content, already on the server under that UID (an upload that
	// was not recorded): nothing is appended, the rest is done.
	Upload struct {
		Step
		Local   mail.LocalMessage
		Content mail.LocalContent
		Flags   mail.Flags // of the row
		Send    mail.Flags // those of the new server message: what the mailbox can hold
		Mark    mail.FlagDelta
		Row     *mail.Row
		Replace mail.UID
		Found   mail.UID
		Store   mail.FlagDelta // with Found only
	}
	// CopyServer has the server copy a message that it holds elsewhere, for a
	// new file with the same content.
	CopyServer struct {
		Step
		Source  mail.Row // where the server has the content
		Local   mail.LocalMessage
		Content mail.LocalContent
		Flags   mail.Flags
		Store   mail.FlagDelta
		Mark    mail.FlagDelta
	}
	// MoveServer has the server move a message to Mailbox, after its file: Row
	// is the message's row, with the mailbox and UID that the server's message
	// leaves.
	MoveServer struct {
		Step
		Row     mail.Row
		Local   mail.LocalMessage // the file in Mailbox
		Content mail.LocalContent
		Flags   mail.Flags
		Store   mail.FlagDelta
		Mark    mail.FlagDelta
	}
	// MoveLocal renames a file into Mailbox, after its server message: Row is
	// the message's row, with the mailbox and key that the file leaves. The new
	// row has Row's Content and Inode as they are given; an Inode of zero has the
	// next run read the file, whose content is not what base says.
	MoveLocal struct {
		Step
		Row    mail.Row
		Server mail.ServerMessage // the message in Mailbox
		Flags  mail.Flags         // of the row
		File   mail.Flags         // of the file
		Store  mail.FlagDelta
	}

	// StoreServer changes flags on the server, FlagLocal in the Maildir; Row is
	// the row as it shall stand afterwards. When one row needs both, both are
	// given, and the row stands only after both are done.
	StoreServer struct {
		Step
		Row   mail.Row
		Delta mail.FlagDelta
	}
	FlagLocal struct {
		Step
		Row   mail.Row
		Delta mail.FlagDelta
	}

	// Record writes a row for what both sides already agree on: a pair found by
	// content, a renamed file, merged flags, a removal remembered. Nothing but
	// base changes.
	Record struct {
		Step
		Row mail.Row
	}
	// Forget drops a row: both sides lost the message.
	Forget struct {
		Step
		Row mail.Row
	}

	// RemoveServer removes the message from the server: to the mailbox Trash, or
	// for good when that is empty. Then the row is dropped; or, where Then is
	// given, it stands so: the message is removed from both sides, and RemoveLocal
	// follows, or the file stays and base remembers that.
	RemoveServer struct {
		Step
		Row   mail.Row
		Trash mail.Mailbox
		Then  *mail.Row
	}
	// RemoveLocal moves the file to the account's local trash, and drops the row.
	RemoveLocal struct {
		Step
		Row mail.Row
	}

	// PutAway has a file leave whose message is outside of its mailbox's window: base
	// learns first that the server alone has the message, so that the file's absence
	// never is a removal, and then the file goes to the account's local trash. Row is
	// the row as base has it.
	PutAway struct {
		Step
		Row mail.Row
	}

	// RemoveMailbox removes a mailbox, which holds no message by then, from the
	// side that still has it, and from base. It comes last of all.
	RemoveMailbox struct {
		Step
		On Side
	}

	// ForgetMailbox drops a mailbox that neither side has from base, with all
	// its rows.
	ForgetMailbox struct{ Step }
)

// Twin is a file of the Maildir with the content of a message that is new on the
// server, where it will be when messages have been moved and fetched.
type Twin struct {
	Mailbox mail.Mailbox
	// Key is the file. When it is empty, the file is the one that the row of
	// Mailbox and UID has by then.
	Key mail.Key
	UID mail.UID
	// Content is the file's, with its Hash; zero without a Key.
	Content mail.Content
}

// Hold is something that a guard held back, or that cannot be decided: what,
// and what the user can do. It stops nothing else.
type Hold struct {
	Mailbox mail.Mailbox // empty: the account
	Reason  conflict.Reason
	// Guard says that the run must exit with the guard's code.
	Guard bool
	// Incomplete says that messages wait because of it: the run is done in part.
	// Without it, and without Guard, the hold is merely told.
	Incomplete bool
	// Text tells what is held and why, in a sentence for the user.
	Text string
	// Removals are the operations that would have been carried out.
	Removals []Operation
}

// Plan is what Make returns.
type Plan struct {
	// Operations in the order in which they may run: a later phase must not start
	// before the earlier ones have ended.
	Operations []Operation
	Holds      []Hold
	// Unfinished are the mailboxes in which something observed was not settled
	// (held, not proved, not identified), and why. Their checkpoints must not
	// advance, even when all operations succeed: the next run has to see it again.
	Unfinished map[mail.Mailbox]conflict.Reason
	// Rescan are the mailboxes with files that are left as they are and that base
	// does not know: the next run must read the directory, though its stamp stands
	// still. All else there is settled.
	Rescan map[mail.Mailbox]bool
}
