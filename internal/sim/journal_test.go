package sim_test

import (
	"fmt"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// TestArrivalsAreOneEntry for a run, a mailbox and a side, however many there are;
// and a run that does nothing writes none.
func TestArrivalsAreOneEntry(t *testing.T) {
	t.Parallel()
	server := fake.NewServer(fake.Profile{CondStore: true, QResync: true, UIDPlus: true, Move: true})
	local, base := fake.NewLocal("me"), fake.NewBase()
	const messages = 3000
	for i := range messages {
		server.Deliver("INBOX", fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Mon, 03 Feb 2020 10:00:00 +0000\r\n\r\n%d\r\n", i, i), mail.Flags{})
	}
	run := func() []mail.Operation {
		t.Helper()
		if _, err := sync.Run(t.Context(), sync.Options{Account: "me", Server: server, Local: local, Base: base}); err != nil {
			t.Fatal(err)
		}
		runs, err := base.LastRuns(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		ops, err := base.Operations(t.Context(), runs[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return ops
	}
	var arrived []mail.Operation
	for _, o := range run() {
		if o.Kind != mail.OperationMailbox {
			arrived = append(arrived, o)
		}
	}
	if len(arrived) != 1 || arrived[0].Kind != mail.OperationArrived || arrived[0].Side != mail.SideLocal ||
		arrived[0].Count != messages || arrived[0].UIDs.String() != fmt.Sprintf("1:%d", messages) {
		t.Errorf("entries for %d messages: %+v", messages, arrived)
	}
	if ops := run(); len(ops) > 0 {
		t.Errorf("a run that did nothing wrote %+v", ops)
	}
	// Marking all of them is one entry as well, with what they had before.
	for _, f := range local.Files("INBOX") {
		local.Reflag("INBOX", f.Key, mail.ParseFlags(`\Seen`))
	}
	ops := run()
	if len(ops) == 0 || len(ops) > 4 {
		t.Fatalf("%d entries for one change of flags", len(ops))
	}
	var all mail.UIDSet
	for _, o := range ops {
		all.AddSet(o.UIDs)
		if o.Kind != mail.OperationFlags || !o.Before.IsZero() || !o.Flags.Equal(mail.ParseFlags(`\Seen`)) || o.Reason == "" {
			t.Errorf("entry %+v", o)
		}
	}
	if all.Len() != messages {
		t.Errorf("%d messages in the entries", all.Len())
	}
}
