package sync

import (
	"time"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// Options say what to run over, and how. Server, Local and Base are required.
type Options struct {
	Account string // as the configuration names it; the Maildir's marker holds it
	Server  Server
	Local   Local
	Base    Base

	// Policy gives each mailbox its rules; nil: the zero Policy for all.
	Policy func(mail.Mailbox, mail.Role) conflict.Policy
	// Wanted tells which mailboxes are part of the account; nil: all.
	Wanted func(mail.Mailbox, mail.Role) bool
	// SubscribedOnly leaves mailboxes of the server out that the user is not
	// subscribed to, but for INBOX.
	SubscribedOnly bool
	// Only narrows this run down to some mailboxes; nil: all wanted ones. A
	// message that moved between one inside and one outside is left to a run over
	// both.
	Only func(mail.Mailbox) bool
	// Trash is where removals on the server go: "auto" or "" for the mailbox with
	// the role \Trash, "none" to expunge, or a mailbox's name.
	Trash string

	// Parts says which messages of a mailbox are fetched only in part; nil: none.
	Parts func(mail.Mailbox, mail.Role) Parts
	// Complete, when not nil, is asked for each message that is here in part
	// whether this run shall fetch the whole.
	Complete func(mail.Row) bool

	// Limit bounds what is transferred; nil: nothing does. Wire tells how many octets
	// crossed the server's connections; nil: those of the bodies are counted.
	Limit *Limit
	Wire  func() int64

	// Incoming, when not nil, keeps what came of large messages whose transfer was
	// cut, so that the next connection, or the next run, goes on from there.
	Incoming Incoming
	// Large is the size above which a message is large: it is fetched after all others
	// of the account. Zero: 1 MiB.
	Large int64

	// Window says which messages of a mailbox the Maildir is to have; nil: all.
	Window func(mail.Mailbox, mail.Role) Window
	// Bring are messages that this run brings to the Maildir whole, wherever they are
	// outside of a window, here in part, or not known yet. What was outside stays from
	// then on. What cannot be named any more fails ([mail.ErrUIDValidity]).
	Bring map[mail.Mailbox]mail.Wanted

	DryRun       bool // observe and plan, change nothing
	Full         bool // distrust every stamp and modification sequence
	AllowDeletes bool // lift the guards on removals
	NewRoot      bool // accept a Maildir whose marker is gone
	// Restored says that base and the Maildir are not of the same time: what a side
	// lacks was removed by nobody.
	Restored bool
	Recreate bool // create mailboxes again where one side lost them
	KeepAll  bool // remove nothing, and bring back what one side lacks
	ByHash   bool // take equal headers and sizes for no proof that a new file is a message of the server
	Retry    bool // try what is set aside, whether its time has come or not

	// Begun, when not nil, is the run that this one is the rest of.
	Begun *Begun
	// After: the run gets a higher number than this one, whatever base says. The
	// trash may have files of runs that base has lost.
	After int64

	// Workers is how many mailboxes are worked on side by side; zero: 4.
	Workers int
	// Now is the clock of the run's record, and of when what is set aside is tried
	// again; nil: time.Now. It never decides about a message's existence.
	Now func() time.Time
	// Patience are the pauses after which a message is looked for again that the
	// server may have taken before the connection was lost; nil: about four
	// seconds in all. What is not found then is looked for by the next run.
	Patience []time.Duration
	// Events, when not nil, is told what happens, from one goroutine at a time.
	Events func(Event)
	// Step, when not nil, is called at the named points at which a crash would
	// leave different things behind. An error from it ends the run there, as a
	// crash would: nothing is tidied up.
	Step func(name string) error
}

// Begun is a run that was begun before the engine was called: its record, with
// its number, and how many entries its journal has.
type Begun struct {
	Run     mail.RunRecord
	Entries int64
}

// Steps are the points that [Options.Step] is called at, in the order in which
// one message passes them. It is also called, with "mailbox" and a name, when a
// worker takes a mailbox up.
var Steps = []string{
	"rename.intended",   // intents committed
	"rename.server",     // the server renamed a mailbox
	"rename.local",      // … or its directory has the new name
	"rename.recorded",   // base has all the new names
	"deliver.staged",    // bodies in tmp/, not durable
	"deliver.settled",   // … durable
	"deliver.intended",  // intents committed
	"deliver.placed",    // files in place
	"deliver.recorded",  // rows committed
	"upload.intended",   // intents committed
	"upload.sent",       // the server answered
	"upload.recorded",   // rows committed
	"transfer.intended", // intents committed
	"transfer.sent",     // the server copied or moved
	"transfer.recorded", // rows committed
	"relocate.intended", // intents committed
	"relocate.moved",    // the file is in its new mailbox
	"relocate.recorded", // row committed
	"flags.server",      // STORE answered
	"flags.local",       // files renamed
	"flags.recorded",    // rows committed
	"remove.intended",   // the journal says what is to be removed
	"remove.server",     // the server expunged
	"remove.local",      // files in the trash
	"remove.recorded",   // rows dropped
	"delete.server",     // a mailbox is deleted on the server
	"delete.local",      // … or its directory is gone
	"delete.recorded",   // base knows nothing of it
	"checkpoint",        // checkpoints committed
}

// PartSteps are the points of a run that brings the whole of messages which are
// here in part.
var PartSteps = []string{
	"complete.staged",   // whole messages in tmp/
	"complete.replaced", // one has taken the part's place
	"complete.recorded", // row committed
}

// Result is what a run did. It is filled as far as the run came.
type Result struct {
	Plan     plan.Plan // what was planned; all there is after a dry run
	Pulled   int       // messages brought into the Maildir
	Pushed   int       // messages uploaded
	Moved    int       // messages moved, copied or linked without a transfer
	Paired   int       // messages found to be on both sides by their content
	Renamed  int       // renames of mailboxes, on either side
	Deleted  int       // removals of mailboxes, on either side
	Flagged  int       // messages whose flags were changed, on either side
	Removed  int       // messages removed, on either side
	Bytes    int64     // octets of message bodies that were transferred, both ways
	Left     int       // files that left the Maildir, being outside of a window
	Held     int       // removals that a guard held back
	Failures []Failure
	// SetAside are the messages that are left alone since their time to be tried
	// again has not come. Those that failed in this run are among Failures.
	SetAside  []mail.Quarantined
	Remaining Remaining // what the limit did not allow for
	Looked    int       // mailboxes that were looked into, because something moved
	Total     int       // mailboxes of the account
}

// Changed tells that the run changed anything on either side.
func (r *Result) Changed() bool {
	return r.Pulled+r.Pushed+r.Moved+r.Renamed+r.Deleted+r.Flagged+r.Removed+r.Left > 0
}

// Guarded tells that a guard held something back.
func (r *Result) Guarded() bool {
	for _, h := range r.Plan.Holds {
		if h.Guard {
			return true
		}
	}
	return false
}

// Incomplete tells that something is left for the next run, without a guard.
func (r *Result) Incomplete() bool {
	if len(r.Failures)+len(r.SetAside) > 0 {
		return true
	}
	for _, h := range r.Plan.Holds {
		if !h.Guard && h.Incomplete {
			return true
		}
	}
	return false
}

// Failure is something that could not be done, and will be tried again.
type Failure struct {
	Mailbox mail.Mailbox
	UID     mail.UID // zero: the mailbox, or a local message
	Key     mail.Key // empty: the mailbox, or a server message
	Err     error
	// Next is when a message that was set aside is tried again at the earliest;
	// zero: it is not set aside, the next run tries it.
	Next mail.UnixTime
}

// Event is something that happened in a run, for people and programs watching.
type Event interface{ event() }

// Side says where an event's change took place.
type Side string

// The sides of a change.
const (
	OnServer Side = "server"
	OnLocal  Side = "local"
)

// The events.
type (
	// Listed: both sides were listed; Moved of Total mailboxes need a look.
	Listed struct{ Total, Moved int }
	// Looking: a mailbox is being looked into.
	Looking struct{ Mailbox mail.Mailbox }
	// Planned: the plan is made; Messages and Bytes are to be transferred, as
	// far as they are known yet.
	Planned struct {
		Operations int
		Messages   int
		Bytes      int64
	}
	// Expected: more messages to be fetched became known.
	Expected struct {
		Mailbox  mail.Mailbox
		Messages int
		Bytes    int64
	}
	// Transferred: a message was brought to Side.
	Transferred struct {
		Mailbox mail.Mailbox
		Side    Side
		UID     mail.UID
		Key     mail.Key
		Bytes   int64
	}
	// Received: of a large message, Bytes of Total octets are here by now.
	Received struct {
		Mailbox      mail.Mailbox
		UID          mail.UID
		Bytes, Total int64
	}
	// Changed: something else was done on Side: "flags", "remove", "move",
	// "copy", "create", "rename" (Detail is the old name), "delete", "leave" (the
	// file is outside of the mailbox's window).
	Changed struct {
		Mailbox mail.Mailbox
		Side    Side
		What    string
		UID     mail.UID
		Key     mail.Key
		Detail  string
		Reason  conflict.Reason
	}
	// HeldBack: a guard or a doubt held something back.
	HeldBack struct{ Hold plan.Hold }
	// Failed: something could not be done.
	Failed struct{ Failure Failure }
	// Finished: a mailbox is done, its checkpoint written.
	Finished struct{ Mailbox mail.Mailbox }
)

func (Listed) event()      {}
func (Looking) event()     {}
func (Planned) event()     {}
func (Expected) event()    {}
func (Transferred) event() {}
func (Received) event()    {}
func (Changed) event()     {}
func (HeldBack) event()    {}
func (Failed) event()      {}
func (Finished) event()    {}
