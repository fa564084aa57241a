package verify_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/internal/fake"
	"godwit/internal/verify"
	"godwit/mail"
	"godwit/sync"
)

// account is an account in memory, whose sides agree at first.
type account struct {
	t      *testing.T
	server *fake.Server
	local  *fake.Local
	base   *fake.Base
}

func letter(n int) []byte {
	return fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Sat, 09 May 2026 12:00:00 +0000\r\nSubject: %d\r\n\r\nbody %d\r\n", n, n, n)
}

func newAccount(t *testing.T) *account {
	t.Parallel()
	a := &account{t, fake.NewServer(fake.QResync), fake.NewLocal("a"), fake.NewBase()}
	a.server.CreateMailbox("B", "")
	for n := range 5 {
		a.server.Deliver(mail.Inbox, letter(n), mail.Flags{System: mail.Seen})
	}
	a.server.Deliver("B", letter(9), mail.Flags{})
	a.sync(sync.Options{})
	a.sync(sync.Options{})
	return a
}

func (a *account) sync(o sync.Options) sync.Result {
	a.t.Helper()
	o.Account, o.Server, o.Local, o.Base = "a", a.server, a.local, a.base
	r, err := sync.Run(a.t.Context(), o)
	if err != nil || len(r.Failures) > 0 {
		a.t.Fatalf("%v, %+v", err, r.Failures)
	}
	return r
}

func (a *account) verify(change func(*verify.Options)) []verify.Finding {
	a.t.Helper()
	var all []verify.Finding
	o := verify.Options{Local: a.local, Base: a.base, Server: a.server, Found: func(f verify.Finding) { all = append(all, f) }}
	if change != nil {
		change(&o)
	}
	sums := 0
	o.Done = func(m verify.Mailbox) { sums += m.Findings }
	if err := verify.Run(a.t.Context(), o); err != nil {
		a.t.Fatal(err)
	}
	if sums != len(all) {
		a.t.Fatalf("%d findings, %d counted", len(all), sums)
	}
	return all
}

func deep(o *verify.Options) { o.Deep = true }

// want compares findings with "kind waiting?" in any order.
func (a *account) want(got []verify.Finding, want ...string) {
	a.t.Helper()
	var are []string
	for _, f := range got {
		s := f.Kind.String()
		if f.Waiting {
			s += " waiting"
		}
		are = append(are, s)
	}
	slices.Sort(are)
	slices.Sort(want)
	if !slices.Equal(are, want) {
		a.t.Errorf("found %+v, want %q", got, want)
	}
}

func (a *account) file() fake.File { return a.local.Files(mail.Inbox)[2] }

// row is base's row of a file.
func (a *account) row(k mail.Key) mail.Row {
	a.t.Helper()
	rows, err := a.base.FindKeys(a.t.Context(), mail.Inbox, []mail.Key{k})
	if err != nil || len(rows) != 1 {
		a.t.Fatalf("%+v, %v", rows, err)
	}
	return rows[0]
}

func (a *account) commit(changes ...mail.Change) {
	a.t.Helper()
	if err := a.base.Commit(a.t.Context(), changes...); err != nil {
		a.t.Fatal(err)
	}
}

// unmoved makes base believe that the directory has the stamps that it has now.
func (a *account) unmoved() {
	a.t.Helper()
	stamp, err := a.local.Stamp(a.t.Context(), mail.Inbox)
	if err != nil {
		a.t.Fatal(err)
	}
	all, err := a.base.Checkpoints(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	for _, c := range all {
		if c.Mailbox == mail.Inbox {
			c.Stamp = stamp
			a.commit(mail.PutCheckpoint{Checkpoint: c})
		}
	}
}

func TestNothingIsFoundWhereAllAgree(t *testing.T) {
	a := newAccount(t)
	a.want(a.verify(nil))
	a.want(a.verify(deep))
	before := len(a.server.Calls())
	a.want(a.verify(func(o *verify.Options) { o.Server = nil }))
	if len(a.server.Calls()) != before {
		t.Error("the server was asked")
	}
}

func TestChangesInPlaceAreFound(t *testing.T) {
	a := newAccount(t)
	raw := slices.Clone(a.file().Raw)
	raw[len(raw)-3] ^= 1
	a.local.EditInPlace(mail.Inbox, a.file().Key, raw)
	a.want(a.verify(nil)) // the length is the same
	a.want(a.verify(deep), "file-content")
	a.local.EditInPlace(mail.Inbox, a.file().Key, raw[:len(raw)-10])
	a.want(a.verify(nil), "file-size")
	a.want(a.verify(deep), "file-size")
}

func TestWhatGoesOrComesBehindTheStampsIsFound(t *testing.T) {
	a := newAccount(t)
	a.local.Delete(mail.Inbox, a.file().Key)
	a.want(a.verify(nil), "file-missing waiting")
	a.unmoved()
	a.want(a.verify(nil), "file-missing")
	a.local.Add(mail.Inbox, letter(30), mail.Flags{})
	a.want(a.verify(nil), "file-missing waiting", "file-unknown waiting")
	a.unmoved()
	a.local.Reflag(mail.Inbox, a.local.Files(mail.Inbox)[0].Key, mail.Flags{System: mail.Flagged})
	a.unmoved()
	a.want(a.verify(nil), "file-missing", "file-unknown", "file-flags")
}

func TestWhatTheServerShowsIsHeldAgainstBase(t *testing.T) {
	a := newAccount(t)
	row := a.row(a.file().Key)
	a.server.SetFlags(mail.Inbox, row.UID, mail.Flags{System: mail.Seen | mail.Flagged})
	a.want(a.verify(nil), "message-flags waiting")
	a.server.Expunge(mail.Inbox, row.UID)
	a.want(a.verify(nil), "message-missing waiting")
	a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.want(a.verify(nil), "message-missing waiting", "message-unknown waiting")

	other := a.row(a.local.Files(mail.Inbox)[0].Key)
	wrong := other
	wrong.Content.Size++
	a.commit(mail.PutRow{Row: wrong})
	a.want(a.verify(nil), "message-missing waiting", "message-unknown waiting", "file-size", "message-size")
	wrong = other
	wrong.Content.Hash[0] ^= 1
	a.commit(mail.PutRow{Row: wrong})
	a.want(a.verify(nil), "message-missing waiting", "message-unknown waiting")
	a.want(a.verify(deep), "message-missing waiting", "message-unknown waiting", "file-content", "message-content")
	a.server.Mute(mail.Inbox, other.UID, true)
	a.want(a.verify(deep), "message-missing waiting", "message-unknown waiting", "file-content", "message-undelivered")
}

func TestMailboxesThatAreGoneAreFound(t *testing.T) {
	a := newAccount(t)
	a.local.RemoveMailbox("B")
	a.want(a.verify(nil), "directory-gone")
	a.server.DeleteMailbox("B")
	a.want(a.verify(nil), "directory-gone", "mailbox-gone")
	a.server.ResetUIDValidity(mail.Inbox)
	a.want(a.verify(nil), "directory-gone", "mailbox-gone", "mailbox-renumbered waiting")
}

func TestFileThatCannotBeReadIsFoundAndStopsNothing(t *testing.T) {
	a := newAccount(t)
	key := a.file().Key
	a.local.Enter = func(c fake.Call) error {
		if (c.Method == "Read" || c.Method == "Open") && strings.Contains(c.Detail, string(key)) {
			return errors.New("input/output error")
		}
		return nil
	}
	a.want(a.verify(nil), "file-unreadable")
	a.want(a.verify(deep), "file-unreadable")
}

func TestWhatAModeLeavesOnItsSideIsNoDifference(t *testing.T) {
	a := newAccount(t)
	a.local.Add(mail.Inbox, letter(30), mail.Flags{})
	a.local.Reflag(mail.Inbox, a.local.Files(mail.Inbox)[0].Key, mail.Flags{System: mail.Flagged})
	a.want(a.verify(func(o *verify.Options) {
		o.Mode = func(mail.Mailbox, mail.Role) verify.Direction { return verify.Direction{Pulls: true} }
	}))
	a.want(a.verify(nil), "file-unknown waiting", "file-flags waiting")
}

// TestRepairRemovesNothingAndEndsInAgreement does what the command does with each
// kind of difference at once.
func TestRepairRemovesNothingAndEndsInAgreement(t *testing.T) {
	a := newAccount(t)
	files := a.local.Files(mail.Inbox)
	raw := slices.Clone(files[0].Raw)
	raw[len(raw)-3] ^= 1
	a.local.EditInPlace(mail.Inbox, files[0].Key, raw)
	a.local.Delete(mail.Inbox, files[1].Key)
	a.unmoved()
	a.server.Expunge(mail.Inbox, a.row(files[2].Key).UID)
	a.server.SetFlags(mail.Inbox, a.row(files[3].Key).UID, mail.Flags{System: mail.Seen | mail.Answered})
	a.commit(mail.PutRow{Row: mail.Row{Mailbox: mail.Inbox, UID: 4000, Key: "nowhere", Content: mail.Content{Size: 3, Hash: mail.Hash{1}}}})

	var rows []int64
	for _, f := range a.verify(deep) {
		if f.Content() {
			rows = append(rows, f.Row)
		}
	}
	if len(rows) != 1 {
		t.Fatalf("%d messages differ", len(rows))
	}
	keep := sync.Options{KeepAll: true, Full: true}
	if r := a.sync(keep); r.Removed != 0 {
		t.Fatalf("%d removed", r.Removed)
	}
	all, err := a.base.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Mailbox == mail.Inbox {
			c.UIDNext, c.ModSeq, c.Messages, c.Stamp = 0, 0, 0, mail.Stamp{}
			a.commit(mail.PutCheckpoint{Checkpoint: c}, mail.DropRow{ID: rows[0]})
		}
	}
	keep.ByHash = true
	if r := a.sync(keep); r.Removed != 0 || r.Pushed != 1 || r.Pulled != 1 {
		t.Fatalf("%d removed, %d sent, %d fetched", r.Removed, r.Pushed, r.Pulled)
	}
	a.want(a.verify(deep))
	if here, there := len(a.local.Files(mail.Inbox)), len(a.server.Messages(mail.Inbox)); here != 6 || there != 6 {
		t.Errorf("%d files, %d messages; want the five and the changed one", here, there)
	}
	if r := a.sync(sync.Options{}); r.Changed() {
		t.Errorf("the next run had something to do: %+v", r.Plan.Operations)
	}
}
