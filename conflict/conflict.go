// Package conflict holds the pure rules for one message that three trees may
// disagree about: base, what both sides last agreed on; local, the Maildir; and
// server. Given the three and a [Policy] they decide whether the message exists,
// with which flags, and where. Every decision names its [Reason]. There is no
// clock, no randomness and no I/O here: the same question has the same answer.
package conflict

// State is what was observed of one side of a message that base knows.
type State uint8

const (
	Never   State = iota // this side never had it
	Same                 // as base says; nothing was observed to differ
	Here                 // observed to be there; flags may differ from base
	Edited               // there, with other content under the same key (local only)
	Gone                 // proved not to be there
	Unknown              // not observed, or not proved: to be left alone
)

// Mode is the direction in which changes travel.
type Mode uint8

const (
	TwoWay  Mode = iota // both
	Pull                // nothing is changed on the server
	Push                // nothing is changed in the Maildir
	Archive             // Pull, and nothing is removed locally
)

// Pulls and Pushes tell whether changes of the server are carried out in the
// Maildir, and changes of the Maildir on the server.
func (m Mode) Pulls() bool  { return m != Push }
func (m Mode) Pushes() bool { return m == TwoWay || m == Push }

// Sides is a choice of sides on which something is carried out.
type Sides uint8

const (
	Both Sides = iota
	LocalOnly
	ServerOnly
	None
)

// OnLocal and OnServer tell whether the choice has the side.
func (s Sides) OnLocal() bool  { return s == Both || s == LocalOnly }
func (s Sides) OnServer() bool { return s == Both || s == ServerOnly }

// Policy bends the rules. The zero Policy is the default configuration.
type Policy struct {
	Mode           Mode
	Expunge        Sides // where removals of messages are carried out
	Create         Sides // where new mailboxes are created
	Remove         Removal
	ExpungeFlagged bool // remove a message on the server once it has \Deleted on both sides
	// MaxDeletePercent and MaxDeleteCount: a mailbox or account that would lose
	// at least Count messages and more than Percent of its rows holds its
	// removals back. Zero is the default, 25 and 10.
	MaxDeletePercent, MaxDeleteCount int
}

// Removal says on which side a mailbox's removal is repeated.
type Removal uint8

const (
	RemoveNone Removal = iota // kept on the other side, and told
	RemoveBoth
	RemoveLocal
	RemoveServer
)

// OnLocal and OnServer tell on which side removals of mailboxes are carried out.
func (r Removal) OnLocal() bool  { return r == RemoveBoth || r == RemoveLocal }
func (r Removal) OnServer() bool { return r == RemoveBoth || r == RemoveServer }

// Reason names the rule behind a decision; its text is for users.
type Reason uint8
