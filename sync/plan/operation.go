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
		Row     *mail.Row
	}
	// Upload appends a file to the server's mailbox with the merged flags. Row is
	// nil for a new file; else the row whose server half is put back (its UID is
	// gone) or, with Replace, whose server message the new content replaces:
	// that one is removed after the new one is confirmed.
	Upload struct {
		Step
		Local   mail.LocalMessage
		Content mail.LocalContent
		Flags   mail.Flags
		Row     *mail.Row
		Replace mail.UID
	}
	// CopyServer has the server copy a message that it holds elsewhere, for a
	// new file with the same content.
	CopyServer struct {
		Step
		Source  mail.Row // where the server has the content
		Local   mail.LocalMessage
		Content mail.LocalContent
		Flags   mail.Flags
	}
	// MoveServer has the server move a message to Mailbox, after its file: Row
	// is the message's row in the mailbox it leaves.
	MoveServer struct {
		Step
		Row     mail.Row
		Local   mail.LocalMessage // the file in Mailbox
		Content mail.LocalContent
		Flags   mail.Flags
	}
	// MoveLocal renames a file into Mailbox, after its server message: Row is
	// the message's row in the mailbox it leaves.
	MoveLocal struct {
		Step
		Row    mail.Row
		Server mail.ServerMessage // the message in Mailbox
		Flags  mail.Flags
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
	// for good when that is empty.
	RemoveServer struct {
		Step
		Row   mail.Row
		Trash mail.Mailbox
	}
	// RemoveLocal moves the file to the account's local trash.
	RemoveLocal struct {
		Step
		Row mail.Row
	}
)

// Hold is something that a guard held back, or that cannot be decided: what,
// and what the user can do. It stops nothing else.
type Hold struct {
	Mailbox mail.Mailbox // empty: the account
	Reason  conflict.Reason
	// Guard says that the run must exit with the guard's code; without it the
	// run is merely incomplete.
	Guard bool
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
}
