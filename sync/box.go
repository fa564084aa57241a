package sync

import (
	"sync/atomic"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// box is one mailbox in a run. There may be a hundred thousand: what few of them
// have is in extra.
type box struct {
	name   mail.Mailbox
	role   mail.Role
	policy conflict.Policy
	parts  Parts
	// window is what the Maildir is to have of the mailbox, keepLast how many messages
	// at most, windowName what base calls that.
	window     mail.Window
	keepLast   int
	windowName string

	server *mail.ServerMailbox // nil: not on the server
	local  *mail.LocalMailbox  // nil: not in the Maildir
	before *mail.Checkpoint    // as base has it, or unknown: nobody writes to it; see box.checkpointed

	observed *mail.Observation // nil: the server was not asked
	listing  *mail.Listing     // nil: not scanned
	items    []plan.Item
	rows     mail.Counts
	room     mail.KeywordRoom // of the Maildir

	aside map[asideID]*aside    // what is set aside; run.mu guards it once messages are transferred
	extra atomic.Pointer[extra] // nil: nothing; see box.has and box.own

	// passing says that new messages outside of the window are not planned for, which
	// nothing else can be; passed, that there were some. entangled: they can be.
	passing, passed, entangled bool
	redate                     bool // rows lack dates that the window asks for
	applying                   bool // base says so of the window
	recorded                   bool // before was read from base
	fresh, reset               bool

	// rescan says that a file differs from its row and nothing is done about it now:
	// the directory must be read again, whether its stamp moves or not.
	rescan bool

	// pendingLocal and pendingServer say that the side has changes which the
	// policy, or a READ-ONLY mailbox, leaves where they are. They must be found
	// again should that change.
	pendingLocal, pendingServer bool

	// blind says that not all of the Maildir's mailbox could be seen: what is
	// missing anywhere may be there.
	blind bool

	// unsettled says that what a run left under way here could not be settled: the
	// mailbox is left alone.
	unsettled bool

	// looked says that something moved and the mailbox was looked into.
	looked bool
	// created says that the run made the mailbox on a side.
	created bool

	lingers atomic.Bool // something is outside of the window, and leaves in another run
	// claimed says that base knows the UIDVALIDITY of its rows.
	claimed atomic.Bool

	// Work on different messages of one mailbox may run side by side.
	wroteLocal, wroteServer, unfinished atomic.Bool
}

// validity is the UIDVALIDITY under which this run acts on the mailbox.
func (b *box) validity() mail.UIDValidity {
	if b.observed != nil {
		return b.observed.UIDValidity
	}
	return b.before.UIDValidity
}

// floor is the lowest UID that a message added from now on can get.
func (b *box) floor() mail.UID {
	if b.observed != nil {
		return b.observed.UIDNext
	}
	return b.before.UIDNext
}
