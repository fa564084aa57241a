package sim

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/internal/fake"
	"godwit/internal/simfs"
	"godwit/mail"
	"godwit/maildir"
	"godwit/sync"
)

// TestAFileSystemWithoutCaseMixesNoMailboxes has two mailboxes on the server whose
// directories would be one, on a disk that takes capital and small letters for the
// same. The second one is told of and left alone, in every run; neither gets the
// other's mail, and the others are synchronised.
func TestAFileSystemWithoutCaseMixesNoMailboxes(t *testing.T) {
	t.Parallel()
	server, base := fake.NewServer(fake.Modern), fake.NewBase()
	count := map[mail.Mailbox]int{"Work": 2, "work": 3, "Zebra": 1, "ZEBRA/Foals": 1}
	for m, n := range count {
		server.CreateMailbox(m, "")
		for i := range n {
			server.Deliver(m, fmt.Appendf(nil, "Message-ID: <%s.%d@x>\r\nDate: x\r\n\r\n%s\r\n", m, i, m), mail.Flags{System: mail.Seen})
		}
	}
	disk := &simfs.Folding{
		System: simfs.New(simfs.Options{Now: time.Now, SyncAll: true, Process: func() (string, string) { return "P1", "host" }}),
		Fold:   strings.ToLower,
	}
	run := func() sync.Result {
		t.Helper()
		local, err := maildir.Open(maildir.Options{Root: "/mail", TrashDir: "/trash", Account: "me", System: disk})
		if err != nil {
			t.Fatal(err)
		}
		result, err := sync.Run(t.Context(), sync.Options{Account: "me", Server: server, Local: local, Base: base})
		if err != nil {
			t.Fatal(err)
		}
		for m, n := range map[mail.Mailbox]int{"Work": 2, "ZEBRA/Foals": 1} {
			listing, err := local.Scan(t.Context(), m)
			if err != nil || listing.Len() != n {
				t.Fatalf("%s has %d messages in the Maildir (%v), want %d", m, listing.Len(), err, n)
			}
		}
		return result
	}
	told := func(result sync.Result, m, as mail.Mailbox) {
		t.Helper()
		for _, f := range result.Failures {
			if f.Mailbox == m && errors.Is(f.Err, maildir.ErrCollision) && strings.Contains(f.Err.Error(), fmt.Sprintf("%q", as)) {
				return
			}
		}
		t.Errorf("it was not told that %s would be the directory of %s: %v", m, as, result.Failures)
	}
	for range 3 {
		result := run()
		if len(result.Failures) != 2 {
			t.Errorf("%d failures, want those of work and Zebra: %v", len(result.Failures), result.Failures)
		}
		told(result, "work", "Work")
		told(result, "Zebra", "ZEBRA")
	}
	for m, n := range count {
		if got := len(server.Messages(m)); got != n {
			t.Errorf("%s has %d messages on the server, had %d", m, got, n)
		}
	}
	// A way out: one of them gets another name.
	server.RenameMailbox("work", "Chores")
	if result := run(); result.Pulled != 3 || len(result.Failures) != 1 {
		t.Errorf("after the rename %d messages were fetched, with %v", result.Pulled, result.Failures)
	}
}
