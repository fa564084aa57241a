package wire

import (
	"errors"
	"fmt"

	"godwit/mail"
)

var (
	// ErrNoAnswer: the server said OK but did not send the data that was asked
	// for. What was not answered is unknown; in particular, not empty.
	ErrNoAnswer = errors.New("the server did not send what was asked for")
	// ErrClosed: the connection was closed by [Conn.Close] or [Conn.Logout].
	ErrClosed = errors.New("connection closed")
	// ErrNotAnnounced: the command needs a capability the server does not have.
	// Nothing was sent.
	ErrNotAnnounced = errors.New("the server does not announce")
	// ErrIdling: nothing can be sent before [Idle.Done]. Nothing was sent.
	ErrIdling = errors.New("IDLE is under way")
	// ErrArgument: an argument cannot be written as IMAP. Nothing was sent.
	ErrArgument = errors.New("cannot be written in IMAP")
)

// LostError is a command whose tagged answer never came, because the connection
// ended. It wraps the reason.
type LostError struct {
	// Sent tells that octets of the command may have reached the server, which
	// then may have carried it out. False: it certainly was not.
	Sent bool
	Err  error
}

func (e *LostError) Error() string {
	if e.Sent {
		return fmt.Sprintf("connection lost before the answer: %v", e.Err)
	}
	return fmt.Sprintf("connection lost: %v", e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// MalformedError is a response that could not be understood. It fails the
// command that it belongs to. As long as [Conn.Err] is nil the connection is
// still in step with the server and can be used.
type MalformedError struct {
	UID    mail.UID // of the message it is about; zero when not known
	Reason string
	Text   string // the response's beginning, at most 200 octets, as it came
}

func (e *MalformedError) Error() string {
	if e.UID != 0 {
		return fmt.Sprintf("malformed response for UID %d: %s: %q", e.UID, e.Reason, e.Text)
	}
	return fmt.Sprintf("malformed response: %s: %q", e.Reason, e.Text)
}

// UploadError is a message that could not be opened for APPEND. Nothing was
// sent.
type UploadError struct {
	Index int // in the uploads given to [Conn.Append]
	Err   error
}

func (e *UploadError) Error() string { return fmt.Sprintf("message %d: %v", e.Index+1, e.Err) }
func (e *UploadError) Unwrap() error { return e.Err }
