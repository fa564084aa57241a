package sync_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// TestWhatTheServerConfirmedIsRecordedWhenTheRunIsStopped while the rest of the batch is
// on its way: nothing of it is looked for again.
func TestWhatTheServerConfirmedIsRecordedWhenTheRunIsStopped(t *testing.T) {
	a := newAccount(t, fake.QResync)
	a.run()
	const all, confirmed = 20, 13
	for n := range all {
		a.local.Add(mail.Inbox, letter(n), mail.Flags{})
	}
	ctx, stop := context.WithCancel(t.Context())
	taken := 0
	a.server.Refuse = func(mail.Mailbox, []byte) error {
		if taken++; taken == confirmed {
			stop()
		}
		return nil
	}
	o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base}
	r, err := sync.Run(ctx, o)
	if !errors.Is(err, context.Canceled) || r.Pushed != confirmed {
		t.Fatalf("%d were sent, want %d: %v", r.Pushed, confirmed, err)
	}
	left, err := a.base.Intents(t.Context())
	if err != nil || len(left) != all-confirmed {
		t.Fatalf("%d messages are in doubt, want %d: %v", len(left), all-confirmed, err)
	}
	a.server.Refuse = nil
	if r := a.run(func(o *sync.Options) { o.Patience = []time.Duration{} }); r.Pushed != all-confirmed || a.server.Count("Identify") > 0 {
		t.Fatalf("%d were sent, and %v", r.Pushed, fmt.Sprint(a.server.Calls()))
	}
	if n := len(a.server.Messages(mail.Inbox)); n != all {
		t.Fatalf("the server has %d messages, want %d", n, all)
	}
}
