package mail

import "errors"

// Sentinels that the engine branches on, whichever side says them. They are
// always wrapped with what failed, on which mailbox and message.
var (
	// ErrNoMailbox: the mailbox does not exist, or cannot be selected.
	ErrNoMailbox = errors.New("no such mailbox")
	// ErrNotEmpty: the mailbox holds something that would be lost with it; it was
	// left as it is.
	ErrNotEmpty = errors.New("mailbox is not empty")
	// ErrUIDValidity: the mailbox has another UIDVALIDITY than was observed;
	// nothing was done.
	ErrUIDValidity = errors.New("UIDVALIDITY changed")
	// ErrReadOnly: the mailbox or the Maildir cannot be changed.
	ErrReadOnly = errors.New("read-only")
	// ErrUncertain: the connection ended before the server answered a command
	// that must not be repeated blindly; whether it was carried out is to be
	// looked up.
	ErrUncertain = errors.New("connection lost before the server answered")
	// ErrOverQuota: the server has no room left (RFC 9208).
	ErrOverQuota = errors.New("over quota")
	// ErrNotNow: the server refused for a reason that is not the message's (a
	// limit, a lock, a right that is missing): another time it may take it.
	ErrNotNow = errors.New("refused for now")
	// ErrChanging: another program is changing what was to be read.
	ErrChanging = errors.New("being changed by another program")
	// ErrGone: the message is not there any more.
	ErrGone = errors.New("message is gone")
	// ErrDisk: the local disk is full or cannot be written.
	ErrDisk = errors.New("disk full or not writable")
	// ErrOffline: the server cannot be reached, or went away and stayed away.
	ErrOffline = errors.New("server unavailable")
)
