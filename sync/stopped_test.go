package sync_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// TestWhatIsLookedForIsReadOnce though the run waits, and looks again, for what a server
// may still be at work on.
func TestWhatIsLookedForIsReadOnce(t *testing.T) {
	a := newAccount(t, fake.QResync)
	a.run()
	const all, arrived = 2000, 1500
	for n := range all {
		a.local.Add(mail.Inbox, fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Sat, 09 May 2026 12:00:00 +0000\r\n\r\n%s", n, strings.Repeat("x", n%50)), mail.Flags{})
	}
	a.server.Fail(fake.Fault{Method: "Append", Effect: fake.Partly, Items: arrived, Err: errors.Join(mail.ErrUncertain, mail.ErrOffline)})
	o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base, Patience: []time.Duration{}}
	died := errors.New("the power is cut")
	o.Step = func(name string) error {
		if name == "upload.sent" {
			return died
		}
		return nil
	}
	if _, err := sync.Run(t.Context(), o); !errors.Is(err, died) {
		t.Fatal(err)
	}
	headers := 0
	a.server.Enter = func(c fake.Call) error {
		if c.Method == "Identify" {
			headers++
		}
		return nil
	}
	r := a.run(func(o *sync.Options) { o.Patience = []time.Duration{0, 0, 0, 0} })
	if r.Pushed != all-arrived || headers != 1 {
		t.Errorf("%d were sent, want %d; messages were read %d times", r.Pushed, all-arrived, headers)
	}
	if n := len(a.server.Messages(mail.Inbox)); n != all {
		t.Errorf("the server has %d messages, want %d", n, all)
	}
}
