package verify

import (
	"fmt"
	"strings"

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

// table says how a difference is called, and told. In the sentence a "%s" stands for
// the file, or for the message.
var table = [kinds]struct{ name, text string }{
	FileMissing:    {"file-missing", "%s is not in the Maildir"},
	FileUnknown:    {"file-unknown", "%s is in the Maildir alone, as far as is known"},
	FileSize:       {"file-size", "%s has another length than the message"},
	FileContent:    {"file-content", "%s has other bytes than the message"},
	FileFlags:      {"file-flags", "%s has other flags than both sides agreed on"},
	FileUnreadable: {"file-unreadable", "%s cannot be read"},
	DirectoryGone:  {"directory-gone", "the directory is gone from the Maildir"},
	DirectoryBusy: {
		"directory-busy", "the directory was being changed all the while; what is missing there cannot be told",
	},
	MessageMissing:     {"message-missing", "%s is not on the server"},
	MessageUnknown:     {"message-unknown", "%s is on the server alone, as far as is known"},
	MessageSize:        {"message-size", "%s has another size on the server"},
	MessageContent:     {"message-content", "%s has other bytes on the server"},
	MessageFlags:       {"message-flags", "%s has other flags on the server than both sides agreed on"},
	MessageUndelivered: {"message-undelivered", "the server lists %s and does not give its content"},
	MailboxGone:        {"mailbox-gone", "the mailbox is gone from the server"},
	MailboxRenumbered:  {"mailbox-renumbered", "the server has numbered the mailbox anew (UIDVALIDITY)"},
	MailboxUnread:      {"mailbox-unread", "the mailbox could not be read"},
}

// String is the kind's name, as JSON has it.
func (k Kind) String() string {
	if k == 0 || k >= kinds {
		return "unknown"
	}
	return table[k].name
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
	if f.Kind == 0 || f.Kind >= kinds {
		return f.Detail
	}
	what := string(f.Key)
	if f.Kind >= MessageMissing {
		what = fmt.Sprintf("UID %d", f.UID)
	}
	text := strings.Replace(table[f.Kind].text, "%s", what, 1)
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
