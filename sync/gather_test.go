package sync_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/maildir"
	"godwit/sync"
)

// TestWhereNothingCanBeKeptAllElseGoesOn has a file where the octets of large messages
// are to be kept: the run tells, and does without.
func TestWhereNothingCanBeKeptAllElseGoesOn(t *testing.T) {
	a := newAccount(t, fake.QResync)
	path := filepath.Join(t.TempDir(), "incoming")
	if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	a.server.Deliver(mail.Inbox, append(letter(2), bytes.Repeat([]byte("large\r\n"), 1000)...), mail.Flags{})
	options := sync.Options{
		Account: "a", Server: a.server, Local: a.local, Base: a.base, Large: 1000,
		Incoming: maildir.OpenIncoming(maildir.IncomingOptions{Path: path}),
	}
	r, err := sync.Run(t.Context(), options)
	if err == nil || errors.Is(err, mail.ErrOffline) {
		t.Errorf("the run says nothing of it: %v", err)
	}
	if n := len(a.local.Files(mail.Inbox)); n != 2 || r.Pulled != 2 {
		t.Errorf("%d messages are here, %d were fetched, want 2", n, r.Pulled)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r, err := sync.Run(t.Context(), options); err != nil || r.Changed() {
		t.Errorf("the next run: %+v, %v", r, err)
	}
}
