package mail

// A transfer that is cut shall not begin again: of a large message, the octets
// that came are kept, as the server sent them, until all of them have come. A
// message does not change under its UID (RFC 9051, 2.3.1.1), so that the octets
// of two transfers are those of one message; servers are not believed on that
// alone, see [Incomplete.Continues].

// Incomplete says of which message octets are kept.
type Incomplete struct {
	Mailbox     Mailbox
	UIDValidity UIDValidity
	UID         UID
	Size        int64    // RFC822.SIZE, as the server gave it with the first octets
	Date        UnixTime // INTERNALDATE
	EmailID     string   // empty where the server has none
	// Total is how many octets the whole has: as the literal said, where the whole
	// was asked for at first, else Size.
	Total int64
	// Octets is how many are kept, from the first.
	Octets int64
}

// Is tells whether the octets are of the message with that UID.
func (i Incomplete) Is(m Mailbox, v UIDValidity, u UID) bool {
	return i.Mailbox == m && i.UIDValidity == v && i.UID == u
}

// Continues tells whether what the server says of a message with that UID now
// agrees with what it said when the octets came: its RFC822.SIZE is given apart, as
// m may have the size of a literal.
func (i Incomplete) Continues(m ServerMessage, size int64) bool {
	return i.Size == size && i.Date == m.Date && (i.EmailID == "" || m.Content.EmailID == "" || i.EmailID == m.Content.EmailID)
}

// Span is a run of octets of a message. The zero Span asks for all of them.
type Span struct {
	// Offset is the first octet, from 0; Length how many there are.
	Offset, Length int64
	// Rest says that the message ends with them. Where it does not, nothing of the
	// answer counts.
	Rest bool
}

// Piece is what a body is of a message.
type Piece struct {
	Span
	Size int64 // RFC822.SIZE of the message
}

// Kept are the octets of one message in the Maildir's state.
type Kept interface {
	// About says which message they are of, and how many there are.
	About() Incomplete
	// Begin throws away what there is, and begins with the first octet of a
	// message. It fails with [ErrDisk] where there is no room for it.
	Begin(of Incomplete) error
	// Write adds octets. They are durable now and then, and after Close.
	Write(p []byte) (int, error)
	// ReadAt reads what was written.
	ReadAt(p []byte, offset int64) (int, error)
	// Close keeps what there is.
	Close() error
	// Drop throws it away.
	Drop() error
}
