package sync_test

import (
	"fmt"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// TestLargeAccountsArePairedWithoutABody pairs thousands of messages after the
// base was lost, and after UIDVALIDITY changed, each with some that are new on one
// side, some of equal size, and drafts of that size elsewhere. No body is fetched
// but those of drafts, and no header twice.
func TestLargeAccountsArePairedWithoutABody(t *testing.T) {
	t.Parallel()
	const messages = 1500
	s := sides{fake.NewServer(fake.QResync), fake.NewLocal("a"), fake.NewBase()}
	text := func(i int) []byte {
		return fmt.Appendf(nil, "Message-ID: <%05d@x>\r\nDate: x\r\n\r\nbody %05d\r\n", i, i)
	}
	s.server.CreateMailbox("Drafts", mail.RoleDrafts)
	s.server.CreateMailbox("Work", "")
	for i := range messages {
		m := [...]mail.Mailbox{mail.Inbox, mail.Inbox, "Work"}[i%3]
		s.server.Deliver(m, text(i), mail.Flags{System: mail.Seen})
	}
	for i := range 20 {
		s.server.Deliver("Drafts", text(messages+i), mail.Flags{System: mail.Draft})
	}
	run := func() (sync.Result, int) {
		t.Helper()
		s.server.Forget()
		r, err := sync.Run(t.Context(), sync.Options{Account: "a", Server: s.server, Local: s.local, Base: s.base})
		if err != nil || len(r.Failures) > 0 {
			t.Fatalf("%v, %v", err, r.Failures)
		}
		return r, s.server.Count("Server.Identify")
	}
	run()
	for what, lose := range map[string]func(){
		"the base was lost": func() { s.base = fake.NewBase() },
		"UIDVALIDITY changed": func() {
			for _, m := range []mail.Mailbox{mail.Inbox, "Work", "Drafts"} {
				s.server.ResetUIDValidity(m)
			}
		},
	} {
		lose()
		r, asked := run()
		if r.Paired != messages+20 || r.Pulled+r.Pushed+r.Removed > 0 || asked > 4 {
			t.Errorf("%s: %d paired, %d pulled, %d pushed, %d removed; the server was asked %d times", what, r.Paired, r.Pulled, r.Pushed, r.Removed, asked)
		}
		lose()
		s.server.Deliver("Work", text(5000+r.Paired), mail.Flags{})
		if r, _ = run(); r.Paired != messages+20 || r.Pulled != 1 || r.Pushed > 0 {
			t.Errorf("%s, with a new message: %d paired, %d pulled, %d pushed", what, r.Paired, r.Pulled, r.Pushed)
		}
		s.server.Expunge("Work", s.server.Messages("Work")[len(s.server.Messages("Work"))-1].UID)
		run()
	}
}
