package conflict

// Situation is what one side shows of a message that base knows, said in the
// words in which the rules are written. Situations are single bits, so that a
// rule can name several.
type Situation uint16

const (
	// Still: there, as base says.
	Still Situation = 1 << iota
	// Slight: there; only flags changed that do not ask to keep it ([Touch]).
	Slight
	// Kept: there, with flags that ask to keep it; or put there again.
	Kept
	// Changed: there, under the same key, with other content. Local only.
	Changed
	// Elsewhere: in another mailbox now.
	Elsewhere
	// Joined: in another mailbox now, the same one on both sides.
	Joined
	// Removed: proved not to be there any more.
	Removed
	// Lost: not there, but nobody removed it: the mailbox or the whole Maildir is
	// another one, or its UIDs are.
	Lost
	// Absent: given up long ago; base has only the other side.
	Absent
	// Outside: the mailbox's window does not have it, and the Maildir does without it
	// for as long. Local only.
	Outside
	// Returning: the Maildir did without it because it was outside of the window, and
	// it is inside now. Local only.
	Returning
	// Leaving: there on both sides, with the same flags, and outside of the window.
	Leaving
	// Undecided: not observed, or not proved.
	Undecided

	situations = iota

	// There is any way of having the message where base has it, unedited.
	There = Still | Slight | Kept
)

// Permit is what the policy allows.
type Permit uint8

const (
	ToLocal       Permit = 1 << iota // changes of the server are carried out in the Maildir
	ToServer                         // changes of the Maildir are carried out on the server
	LocalRemoval                     // removals from the server are repeated in the Maildir
	ServerRemoval                    // removals from the Maildir are repeated on the server
	Departure                        // what is outside of the window leaves the Maildir

	BothWays = ToLocal | ToServer
)

// Permits returns what the policy allows in a mailbox that both sides have.
func (p Policy) Permits() Permit {
	var may Permit
	if p.Mode.Pulls() {
		may |= ToLocal
		if p.Mode != Archive {
			may |= Departure
		}
		if p.Expunge.OnLocal() && p.Mode != Archive {
			may |= LocalRemoval
		}
	}
	if p.Mode.Pushes() {
		may |= ToServer
		if p.Expunge.OnServer() {
			may |= ServerRemoval
		}
	}
	return may
}

// Action is what a rule has done about a message.
type Action uint8

const (
	Leave        Action = iota // nothing
	Wait                       // nothing in this run
	Merge                      // merge the flags
	Note                       // record the flags of the side that has it
	Restore                    // fetch it into the Maildir, where the server has it
	Append                     // append it on the server, where the Maildir has it
	Replace                    // append the new content, then remove the old from the server
	FollowServer               // move the file after the server's message
	FollowLocal                // move the server's message after the file
	DropLocal                  // move the file to the local trash
	DropServer                 // remove it from the server
	GiveUpLocal                // record that the server has it, and the Maildir not
	GiveUpServer               // record that the Maildir has it, and the server not
	Forget                     // drop the row
	PutAway                    // record that the server alone has it, then move the file to the local trash
)

// Rule is one line of the table: where the sides are in these situations, and
// all that it needs is permitted, it says what is done. The first rule that fits
// decides.
type Rule struct {
	Local, Server Situation // any of these
	Needs         Permit    // all of these
	Do            Action
	Reason        Reason
}

// Rules is the whole table, in order. It is complete: [Decide] finds a rule for
// every question.
var Rules = [...]Rule{
	// What is not proved is left alone, whatever the other side shows.
	{Undecided, anything, 0, Wait, NotProved},
	{anything, Undecided, 0, Wait, NotProved},

	// Both sides have it where base has it, or together in another mailbox.
	{There, There, 0, Merge, FlagsChanged},
	{Joined, Joined, 0, Merge, MovedTogether},
	{Leaving, Leaving, Departure, PutAway, OutsideWindow},
	{Leaving, Leaving, 0, Merge, FlagsChanged},

	// The file was edited.
	{Changed, There, ToServer, Replace, EditedInMaildir},
	{Changed, There, 0, GiveUpLocal, EditStays},
	{Changed, missing, ToServer, Append, EditedAndRemoved},
	{Changed, missing, 0, Forget, EditStays},
	{Changed, Elsewhere, ToLocal, FollowServer, EditedAndMoved},
	{Changed, Elsewhere, ToServer, Append, EditedAndMoved},
	{Changed, Elsewhere, 0, Leave, MoveStays},

	// Neither side has it.
	{missing, missing, 0, Forget, RemovedFromBoth},

	// The Maildir has it no more.
	{Removed, Still | Slight, ServerRemoval, DropServer, RemovedFromMaildir},
	{Removed, Kept, BothWays, Restore, WantedOnServer},
	{Removed, There, 0, GiveUpLocal, MaildirGaveUp},
	{Removed, Elsewhere, BothWays, Restore, MovedOnServerRemovedFromMaildir},
	{Removed, Elsewhere, 0, GiveUpLocal, MaildirGaveUp},
	{Lost, There | Elsewhere, ToLocal, Restore, MaildirLost},
	{Lost, There | Elsewhere, 0, GiveUpLocal, MaildirGaveUp},

	// The server has it no more.
	{Still | Slight, Removed, LocalRemoval, DropLocal, RemovedFromServer},
	{Kept, Removed, BothWays, Append, WantedInMaildir},
	{There, Removed, 0, GiveUpServer, ServerGaveUp},
	{Elsewhere, Removed, BothWays, Append, MovedInMaildirRemovedFromServer},
	{Elsewhere, Removed, 0, GiveUpServer, ServerGaveUp},
	{There | Elsewhere, Lost, ToServer, Append, ServerLost},
	{There | Elsewhere, Lost, 0, GiveUpServer, ServerGaveUp},

	// It was moved.
	{Elsewhere, There, ToServer, FollowLocal, MovedInMaildir},
	{Elsewhere, There, 0, GiveUpLocal, MoveStays},
	{There, Elsewhere, ToLocal, FollowServer, MovedOnServer},
	{There, Elsewhere, 0, GiveUpServer, MoveStays},
	{Elsewhere, Elsewhere, ToLocal, FollowServer, MovedApart},
	{Elsewhere, Elsewhere, ToServer, FollowLocal, MovedApart},
	{Elsewhere, Elsewhere, 0, Forget, MoveStays},

	// The window has not, or not any more, or has it again. That the Maildir lacks it
	// is no removal here, whatever else is so.
	{Outside, Still, 0, Leave, Unchanged},
	{Outside, Slight | Kept, 0, Note, FlagsChanged},
	{Outside, Elsewhere, 0, GiveUpLocal, MovedOnServer},
	{Returning, There | Elsewhere, ToLocal, Restore, InsideWindow},
	{Returning, Still, 0, Leave, Unchanged},
	{Returning, Slight | Kept, 0, Note, FlagsChanged},
	{Returning, Elsewhere, 0, GiveUpLocal, MovedOnServer},

	// One side gave it up long ago.
	{Absent, Still, 0, Leave, Unchanged},
	{Absent, Slight | Kept, 0, Note, FlagsChanged},
	{Absent, Elsewhere, 0, GiveUpLocal, MovedOnServer},
	{Still, Absent, 0, Leave, Unchanged},
	{Slight | Kept, Absent, 0, Note, FlagsChanged},
	{Elsewhere, Absent, 0, GiveUpServer, MovedInMaildir},
}

const (
	missing  = Removed | Lost | Absent | Outside | Returning
	anything = 1<<situations - 1
)

// Decide returns the rule for one message, given what each side shows (one
// situation each) and what is permitted. Joined and Leaving are said of both sides
// or of none; only the local side can be Changed, Outside or Returning.
func Decide(local, server Situation, may Permit) Rule {
	for i := range Rules {
		r := &Rules[i]
		if r.Local&local != 0 && r.Server&server != 0 && r.Needs&^may == 0 {
			return *r
		}
	}
	// Only situations that exclude each other get here; nothing is touched.
	return Rule{Local: local, Server: server, Do: Wait, Reason: NotProved}
}
