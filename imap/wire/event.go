package wire

import "godwit/mail"

// EventKind is what an [Event] tells.
type EventKind uint8

// The kinds of event.
const (
	EventExists    EventKind = iota + 1 // Number messages are in the mailbox
	EventExpunge                        // the message with sequence number Number is gone
	EventVanished                       // the messages UIDs are gone (RFC 7162, 3.2.10)
	EventFetch                          // Message changed, or was told of unasked
	EventFlags                          // the mailbox's FLAGS changed
	EventStatus                         // Status of Mailbox (NOTIFY, RFC 5465)
	EventAlert                          // Text must be shown to the user (RFC 9051, 7.1)
	EventBye                            // the server is about to close; Text says why
	EventMalformed                      // Err could not be understood and no command was under way
)

// Event is something the server told that is no result of a command.
type Event struct {
	Kind    EventKind
	Number  uint32
	UIDs    mail.UIDSet
	Earlier bool // VANISHED (EARLIER): expunged before this session
	// Message is valid only while the handler runs. Its UID is zero when the
	// server did not tell.
	Message *Message
	Flags   mail.Flags
	Mailbox string // raw, as it came
	Status  mail.Status
	Code    string // response code with its arguments, without brackets
	Text    string // as it came: it may hold anything but line ends
	Err     error
}

// Handler is given the events of a connection, in order, by its reading
// goroutine. It must not block for long and must not wait for commands of the
// same connection.
type Handler func(Event)
