package mail

// OperationKind tells what a run did.
type OperationKind uint8

// The kinds of [Operation]. Side says on which side it was done; a message that
// was brought to a side was on the other before.
const (
	// OperationArrived: messages came to Side's Mailbox, fetched or appended; from
	// files of the mailbox Other, where it is given, and not from the server. With
	// UIDs and Count alone, unless a rule decided it, whose Reason is then given.
	OperationArrived OperationKind = iota + 1
	// OperationCopied: the server copied a message from Other.
	OperationCopied
	// OperationMoved: a message went from Other to Mailbox on Side, after the other
	// side had done it. UIDs holds its UID in Mailbox, OtherUID the one that it had
	// in Other, Key its file's key in Mailbox, OtherKey the one that it had in Other.
	OperationMoved
	// OperationRemoved: a message was removed from Mailbox on Side. On the server
	// it went to the mailbox Other, as OtherUID there; without Other it was
	// expunged. In the Maildir its file is in the trash directory of the run. Flags
	// are those that it had.
	OperationRemoved
	// OperationFlags: flags were changed from Before to Flags.
	OperationFlags
	// OperationEdited: the content of the file Key took the place of the message
	// OtherUID on the server.
	OperationEdited
	// OperationReplaced: what the server made of a message took the place of its
	// file, which is in the trash.
	OperationReplaced
	// OperationRestored: a file came back to Mailbox from the trash (Other empty),
	// or from the mailbox Other.
	OperationRestored
	// OperationMailbox: a mailbox was created, removed or renamed on Side; Detail
	// says which.
	OperationMailbox
	// OperationLeft: the file of a message that is outside of its mailbox's window
	// went to the trash directory of the run. The server has the message.
	OperationLeft

	// OperationKinds is one more than the last kind.
	OperationKinds
)

// OperationSide says where an operation was carried out.
type OperationSide uint8

// The sides.
const (
	SideServer OperationSide = iota + 1
	SideLocal
)

// Operation is an entry of the journal: something that a run did to one message,
// or the same to several. It is written in the transaction that records the
// result; a removal before it is carried out as well, with Intended set, so that
// nothing can be removed that the journal does not know of.
type Operation struct {
	Run int64 // with Seq the entry's name; putting it again replaces it
	Seq int64
	// Intended: about to be carried out; whether it was, is to be looked up.
	Intended bool
	Kind     OperationKind
	Side     OperationSide
	Mailbox  Mailbox
	Other    Mailbox

	UIDValidity UIDValidity // of Mailbox; zero: not known
	UIDs        UIDSet      // in Mailbox; empty: not on the server
	Count       int         // how many messages
	OtherUID    UID         // in Other; zero: not known
	Key         Key         // empty where Count is not 1
	OtherKey    Key
	Content     Content // known for single messages that were read at some time; Size -1: not known

	Before, Flags Flags
	Reason        string // the rule's, in words; empty where there is nothing to tell
	Detail        string
	// Mark is the number of the next new row at that moment: what has it or a
	// higher one came later. It is filled in by whoever stores the operation.
	Mark int64
	// Undone is the run that took this back; zero: none.
	Undone int64
}

// UID is the message's, where the operation is about one; else zero.
func (o *Operation) UID() UID {
	if o.UIDs.Len() != 1 {
		return 0
	}
	return o.UIDs.Max()
}

// The kinds of [Change] that concern the journal.
type (
	// PutOperation writes an operation, or writes it again.
	PutOperation struct{ Operation Operation }
	// DropOperation takes one back that was intended and not carried out.
	DropOperation struct{ Run, Seq int64 }
	// ForgetOperations drops the operations of all runs that began before a time,
	// but for those of the runs Keep, and these runs with them; the newest run
	// stays.
	ForgetOperations struct {
		Before UnixTime
		Keep   []int64
	}
)

func (PutOperation) change()     {}
func (DropOperation) change()    {}
func (ForgetOperations) change() {}
