package verify

import (
	"fmt"

	"godwit/mail"
)

// Kind says what differs.
type Kind uint8

// The kinds of difference.
const (
	// Of the Maildir.
	FileMissing    Kind = iota + 1 // base names a file that is not there
	FileUnknown                    // a file that base does not know
	FileSize                       // the file has another length
	FileContent                    // the file has other bytes
	FileFlags                      // the file's name shows other flags
	FileUnreadable                 // the file cannot be read
	DirectoryGone                  // the mailbox's directory is not there
	DirectoryBusy                  // it was being changed all the while: what is missing there is not known
	// Of the server.
	MessageMissing     // base names a message that the server has not
	MessageUnknown     // a message that base does not know
	MessageSize        // the message has another size
	MessageContent     // the message has other bytes
	MessageFlags       // the message has other flags
	MessageUndelivered // the server lists it and does not give its content
	MailboxGone        // the server has no such mailbox
	MailboxRenumbered  // the mailbox has another UIDVALIDITY
	MailboxUnread      // the mailbox could not be read

	kinds
)

var names = [kinds]string{
	FileMissing: "file-missing", FileUnknown: "file-unknown", FileSize: "file-size", FileContent: "file-content",
	FileFlags: "file-flags", FileUnreadable: "file-unreadable", DirectoryGone: "directory-gone", DirectoryBusy: "directory-busy",
	MessageMissing: "message-missing", MessageUnknown: "message-unknown", MessageSize: "message-size",
	MessageContent: "message-content", MessageFlags: "message-flags", MessageUndelivered: "message-undelivered",
	MailboxGone: "mailbox-gone", MailboxRenumbered: "mailbox-renumbered", MailboxUnread: "mailbox-unread",
}

// String is the kind's name, as JSON has it.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return "unknown"
	}
	return names[k]
}

// Finding is one difference.
type Finding struct {
	Mailbox mail.Mailbox
	Kind    Kind
	UID     mail.UID // zero: none, or not known
	Key     mail.Key // empty: none, or not known
	Row     int64    // of base; zero: none
	// Waiting says that a run will see it by itself.
	Waiting bool
	Detail  string // in words; may be empty
}

// Content tells that the two sides do not hold the same message any more: its
// file, or the server's message, is not what base says.
func (f Finding) Content() bool {
	switch f.Kind {
	case FileSize, FileContent, MessageSize, MessageContent:
		return true
	}
	return false
}

// Text says the difference in a sentence.
func (f Finding) Text() string {
	file, message := string(f.Key), fmt.Sprintf("UID %d", f.UID)
	text := ""
	switch f.Kind {
	case FileMissing:
		text = file + " is not in the Maildir"
	case FileUnknown:
		text = file + " is in the Maildir alone, as far as is known"
	case FileSize:
		text = file + " has another length than the message"
	case FileContent:
		text = file + " has other bytes than the message"
	case FileFlags:
		text = file + " has other flags than both sides agreed on"
	case FileUnreadable:
		text = file + " cannot be read"
	case DirectoryGone:
		text = "the directory is gone from the Maildir"
	case DirectoryBusy:
		text = "the directory was being changed all the while; what is missing there cannot be told"
	case MessageMissing:
		text = message + " is not on the server"
	case MessageUnknown:
		text = message + " is on the server alone, as far as is known"
	case MessageSize:
		text = message + " has another size on the server"
	case MessageContent:
		text = message + " has other bytes on the server"
	case MessageFlags:
		text = message + " has other flags on the server than both sides agreed on"
	case MessageUndelivered:
		text = "the server lists " + message + " and does not give its content"
	case MailboxGone:
		text = "the mailbox is gone from the server"
	case MailboxRenumbered:
		text = "the server has numbered the mailbox anew (UIDVALIDITY)"
	case MailboxUnread:
		text = "the mailbox could not be read"
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return text
}

// Mailbox is what was looked at in one mailbox.
type Mailbox struct {
	Name     mail.Mailbox
	Rows     int // of base
	Files    int // in the Maildir
	Messages int // on the server; -1: it was not asked
	Findings int
	Waiting  int // of these
}
