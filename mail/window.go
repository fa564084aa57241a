package mail

// Windowed says what a mailbox's window has to do with a row. A window says which
// of the server's messages the Maildir is to have: those outside are on the server
// alone, and base remembers them so that nobody takes them for removed.
type Windowed uint8

const (
	// InWindow, the zero value: nothing. Without a key such a row is a removal that
	// was remembered.
	InWindow Windowed = iota
	// Outside: no file is expected; Key is empty. What is missing of it in the
	// Maildir is no removal, whenever and however it is looked at.
	Outside
	// Brought: it was asked for, or put back by the user. It stays where it is, in
	// the window or not.
	Brought
)

// Window says which messages of a mailbox the Maildir is to have. The zero Window
// has all of them.
type Window struct {
	// Since: messages whose INTERNALDATE is earlier are outside; zero: none is. A
	// message whose date is not known is not.
	Since UnixTime
	// From: messages with lower UIDs are outside; zero: none is.
	From UID
	// Unread and Flagged keep messages inside that are not \Seen, or \Flagged.
	Unread, Flagged bool
}

// Any tells that messages can be outside.
func (w Window) Any() bool { return w.Since != 0 || w.From != 0 }

// Has tells whether a message on the server is inside.
func (w Window) Has(u UID, date UnixTime, f Flags) bool {
	if w.Flagged && f.System&Flagged != 0 || w.Unread && f.System&Seen == 0 {
		return true
	}
	return !(w.Since != 0 && date != 0 && date < w.Since || u != 0 && u < w.From)
}

// Wanted are messages of one mailbox that are to be brought to the Maildir whole,
// in its window or not, whatever their size.
type Wanted struct {
	// UIDValidity is that of the mailbox when the UIDs were heard of; with another
	// one they name nothing. Zero: whichever it is.
	UIDValidity UIDValidity
	UIDs        UIDSet
}
