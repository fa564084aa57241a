package sync_test

import (
	"testing"

	"godwit/mail"
	"godwit/sync"
)

// TestARunOverOneMailboxRemovesNothingThatIsHereInPart: the file may be in a mailbox
// that the run does not look at, under another name, and is not the message.
func TestARunOverOneMailboxRemovesNothingThatIsHereInPart(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		inPart := func(o *sync.Options) {
			o.Parts = func(mail.Mailbox, mail.Role) sync.Parts { return sync.Parts{HeadersOnly: true} }
		}
		inbox := func(o *sync.Options) { o.Only = func(m mail.Mailbox) bool { return m == mail.Inbox } }
		a.server.Deliver("Else", letter(9), mail.Flags{})
		a.server.Deliver(mail.Inbox, letter(1), mail.ParseFlags(`\Seen`))
		a.run(inPart)
		key := a.local.Files(mail.Inbox)[0].Key
		a.local.Move(mail.Inbox, key, "Else", "1700000000.renamed.reader")
		if r := a.run(inPart, inbox); r.Removed != 0 || len(a.server.Messages(mail.Inbox)) != 1 {
			t.Fatalf("%d removed, while the message's file is in a mailbox that was not looked at", r.Removed)
		}
		a.run(inPart)
		if in, other := len(a.server.Messages(mail.Inbox)), len(a.server.Messages("Else")); in != 0 || other != 2 {
			t.Errorf("after a run over all: %d in INBOX and %d in the other", in, other)
		}
	})
}
