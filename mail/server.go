package mail

// ServerMailbox is a line of the server's LIST, with its STATUS when it was
// asked for.
type ServerMailbox struct {
	Name       Mailbox
	Role       Role
	NoSelect   bool // \Noselect or \NonExistent: only a parent of others
	Subscribed bool
	Status     *Status // nil when not selectable, not asked for, or refused
	// EmailIDs says that the server names contents across mailboxes (EMAILID of
	// RFC 8474, or X-GM-MSGID), and tells the names with the metadata.
	EmailIDs bool
	// Moves says that the server has MOVE (RFC 6851): nothing can come between a
	// message's copy and its removal.
	Moves bool
}

// Status is a mailbox as STATUS tells it (RFC 9051, 6.3.11; RFC 7162, 3.1.6).
type Status struct {
	UIDValidity UIDValidity
	UIDNext     UID    // zero when the server did not say
	Messages    uint32 // how many messages it holds
	ModSeq      ModSeq // HIGHESTMODSEQ; zero when the server has none
	MailboxID   string // RFC 8474; empty where it has none
}

// Since is what base knows of a mailbox, so that the server is asked only for
// what happened since. The zero Since asks for everything.
type Since struct {
	UIDValidity UIDValidity
	UIDNext     UID    // messages below were seen
	ModSeq      ModSeq // zero: no modification sequence that can be trusted
	Messages    uint32 // how many messages below UIDNext base has on the server
}

// Observation is what the server said about one mailbox, in answer to a
// [Since].
type Observation struct {
	UIDValidity UIDValidity
	UIDNext     UID // at SELECT; the floor of whatever is added later
	// Untaken is UIDNEXT as the server itself gave it: no message has had that UID yet,
	// nor a higher one (RFC 9051, 2.3.1.1). Zero: it did not say.
	Untaken  UID
	ModSeq   ModSeq // at SELECT; zero when it gave none: nothing is trusted
	Exists   uint32 // messages at SELECT
	ReadOnly bool   // it opened READ-ONLY: nothing can be changed there
	Keywords KeywordRoom

	// Messages are those that are new or have changed flags, in ascending order
	// of UID; all of them when Complete. Those at Since.UIDNext and above are new
	// and carry Date and Content.Size; those below may carry only UID and Flags.
	Messages []ServerMessage
	// Unread are messages that are there, and of which the server tells nothing
	// that can be understood: what is new or has changed about them is not known.
	Unread UIDSet
	// Complete says that Messages is a full listing, whose count agreed with
	// EXISTS: what base has and Messages has not was removed.
	Complete bool
	// Gone are UIDs the server proved removed (VANISHED). Meaningless with
	// Complete or Present.
	Gone UIDSet
	// Present, when not nil, is the full set of UIDs: what base has and Present
	// has not was removed.
	Present *UIDSet
	// Hidden: messages with lower UIDs may be there although the server shows none of
	// them; Present has all of those. Zero: what is there is shown.
	Hidden UID
}

// Next is what to ask for in order to hear what happened after o.
func (o *Observation) Next() Since {
	return Since{UIDValidity: o.UIDValidity, UIDNext: o.UIDNext, ModSeq: o.ModSeq, Messages: o.Exists}
}

// Removed tells whether the observation proves that the server no longer has a
// UID that base knows.
func (o *Observation) Removed(u UID) bool {
	switch {
	case o.Present != nil:
		return !o.Present.Contains(u)
	case o.Complete:
		_, listed := o.Find(u)
		return !listed
	}
	return o.Gone.Contains(u)
}

// NeverHad tells that the server says, by its UIDNEXT, that no message ever had a UID
// which it does not list.
func (o *Observation) NeverHad(u UID) bool {
	_, listed := o.Find(u)
	return !listed && o.Untaken != 0 && u >= o.Untaken && (o.Present == nil || !o.Present.Contains(u))
}

// Find returns the message with that UID among Messages.
func (o *Observation) Find(u UID) (ServerMessage, bool) {
	low, high := 0, len(o.Messages)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if o.Messages[mid].UID < u {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(o.Messages) && o.Messages[low].UID == u {
		return o.Messages[low], true
	}
	return ServerMessage{}, false
}

// ServerMessage is a message of the server tree.
type ServerMessage struct {
	UID     UID
	Flags   Flags
	ModSeq  ModSeq   // zero when the server did not say
	Date    UnixTime // INTERNALDATE
	Content Content  // Size -1, the rest zero, as long as nothing was read
}

// PartLimits say what is fetched of a message that is not fetched whole.
type PartLimits struct {
	// Text is how many octets are fetched of each text part at most; a longer one
	// is cut.
	Text int64
	// HeadersOnly: header and structure, and nothing else.
	HeadersOnly bool
}

// FlagStore is one change of flags, the same for a set of messages.
type FlagStore struct {
	UIDs  UIDSet
	Delta FlagDelta
}

// Appended is what became of one uploaded message.
type Appended struct {
	UID         UID         // zero: accepted, but the server did not say under which UID
	UIDValidity UIDValidity // as APPENDUID gave it; zero when it did not
	Err         error       // the server refused this message; UID is zero
}

// Copied pairs a message with its copy in the target mailbox.
type Copied struct {
	From, To UID // To is zero when the server did not say
}
