package undo_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"godwit/conflict"
	"godwit/internal/undo"
	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
)

// account is a Maildir and a record of which one message was removed by run 1.
func account(t *testing.T, message string) (*undo.Undo, mail.Key) {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	base, err := statedb.Open(ctx, filepath.Join(dir, "state.db"))
	must(err)
	t.Cleanup(func() { must(base.Close()) })
	local, err := maildir.Open(maildir.Options{Root: filepath.Join(dir, "mail"), Account: "me", TrashDir: filepath.Join(dir, "trash")})
	must(err)
	must(local.Init(ctx))
	must(local.Create(ctx, "INBOX"))
	flags := mail.ParseFlags(`\Seen`, "work")
	staged, err := local.Stage(ctx, "INBOX", mail.Delivery{Flags: flags, Date: 1e9, Size: int64(len(message))}, strings.NewReader(message))
	must(err)
	must(local.Settle(ctx, []mail.Staged{staged}))
	must(local.Place(ctx, []mail.Staged{staged}))
	removed := mail.Operation{
		Run: 1, Seq: 1, Kind: mail.OperationRemoved, Side: mail.SideLocal, Mailbox: "INBOX", UIDs: mail.UIDs(7), Count: 1,
		Key: staged.Key, Content: staged.Content, Flags: flags, Before: flags,
	}
	must(base.Commit(ctx, mail.PutRun{Run: mail.RunRecord{ID: 1, Started: 100, Ended: 101}}, mail.PutOperation{Operation: removed}))
	results, err := local.Remove(ctx, "INBOX", []mail.Key{staged.Key}, 1)
	must(err)
	must(results[0])
	return &undo.Undo{
		Base: base, Local: local, Policy: func(mail.Mailbox, mail.Role) conflict.Policy { return conflict.Policy{} },
	}, staged.Key
}

const header = "Date: Mon, 03 Feb 2020 10:00:00 +0000\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <a@x>\r\n\r\n"

func TestPlanIsMadeOfWhatIsThere(t *testing.T) {
	t.Parallel()
	u, key := account(t, header+"body\r\n")
	ctx := t.Context()
	for _, wish := range []undo.Wish{{}, {Runs: []int64{1}}, {Messages: []string{string(key)}}, {Messages: []string{"a@x"}}} {
		p, err := u.Plan(ctx, wish)
		if err != nil || len(p.Steps) != 1 || p.Steps[0].Kind != undo.Restore || p.Steps[0].Key != key || len(p.Left) != 0 {
			t.Fatalf("%+v: %+v, %v", wish, p, err)
		}
		if subject := u.Subject(ctx, &p.Steps[0]); subject != "Grüße" {
			t.Errorf("subject %q", subject)
		}
	}
	p, err := u.Plan(ctx, undo.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	c := &undo.Carrier{Undo: u, Run: mail.RunRecord{ID: 2, Started: 200, Command: "undo"}}
	if left, err := c.Carry(ctx, p); err != nil || len(left) > 0 || c.Done != 1 || !c.Touched["INBOX"] {
		t.Fatalf("carried out %d, left %+v, %v", c.Done, left, err)
	}
	l, err := u.Local.Scan(ctx, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	got, found := l.Find(key)
	if !found || !got.Flags(l.Table).Equal(mail.ParseFlags(`\Seen`, "work")) {
		t.Errorf("came back as %+v", got)
	}
	// Repeated, it is a plan with nothing in it; and so it is when nothing was written
	// down because the first one was killed.
	p, err = u.Plan(ctx, undo.Wish{})
	if err != nil || len(p.Steps)+len(p.Left) != 0 || len(p.Before) != 1 || p.Before[0] != 2 {
		t.Errorf("a second time: %+v, %v", p, err)
	}
	ops, err := u.Base.Operations(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	ops[0].Undone = 0
	if err := u.Base.Commit(ctx, mail.PutOperation{Operation: ops[0]}); err != nil {
		t.Fatal(err)
	}
	p, err = u.Plan(ctx, undo.Wish{})
	if err != nil || len(p.Steps) != 0 || len(p.Left) != 1 || !p.Left[0].Fine {
		t.Errorf("after a kill: %+v, %v", p, err)
	}
}

// TestPartIsNotTakenForTheMessage: what was fetched in part must not be sent to a
// server that has the rest no more.
func TestPartIsNotTakenForTheMessage(t *testing.T) {
	t.Parallel()
	u, _ := account(t, header+"the beginning\r\n"+mail.PartialMark([]byte(header), 1<<20)+"\r\n")
	p, err := u.Plan(t.Context(), undo.Wish{})
	if err != nil || len(p.Steps) != 0 || len(p.Left) != 1 || p.Left[0].Fine || !strings.Contains(p.Left[0].Why, "only a part") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestUnknownRunsAndMessagesAreErrors(t *testing.T) {
	t.Parallel()
	u, _ := account(t, header+"body\r\n")
	for _, wish := range []undo.Wish{{Runs: []int64{9}}, {Messages: []string{"nobody@x"}}, {Messages: []string{"deadbeef"}}} {
		if _, err := u.Plan(t.Context(), wish); err == nil || !bytes.Contains([]byte(err.Error()), []byte("the journal knows nothing of it")) {
			t.Errorf("%+v: %v", wish, err)
		}
	}
}
