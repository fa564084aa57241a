package sync_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"godwit/conflict"
	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// window has the account's runs go over a window.
func (a *account) window(w sync.Window, change ...func(*sync.Options)) sync.Result {
	a.t.Helper()
	return a.run(append([]func(*sync.Options){a.with(w)}, change...)...)
}

func (a *account) with(w sync.Window) func(*sync.Options) {
	return func(o *sync.Options) {
		o.Window = func(mail.Mailbox, mail.Role) sync.Window { return w }
	}
}

// at delivers letter n to INBOX, so many days ago.
func (a *account) at(n, days int, flags ...string) mail.UID {
	date := mail.UnixTime(a.now.Add(-time.Duration(days) * 24 * time.Hour).Unix())
	return a.server.DeliverAt(mail.Inbox, letter(n), mail.ParseFlags(flags...), date)
}

// holds checks which letters the Maildir and the server have in INBOX, and that
// another run with the window finds nothing to do.
func (a *account) holds(w sync.Window, local, server []int) {
	a.t.Helper()
	a.has(local, server)
	for range 2 { // what the run itself wrote is looked at once more where the server cannot tell
		if r := a.window(w); r.Changed() || len(r.Failures) > 0 || r.Incomplete() {
			a.t.Fatalf("again: %+v", r)
		}
	}
	if r := a.window(w); r.Looked > 0 || len(a.server.Calls()) != 1 {
		a.t.Fatalf("at rest %d mailboxes are looked into: %v", r.Looked, a.server.Calls())
	}
	a.has(local, server)
}

func (a *account) has(local, server []int) {
	a.t.Helper()
	if got := a.here(); !slices.Equal(got, local) {
		a.t.Fatalf("the Maildir has %v, not %v", got, local)
	}
	if got := a.there(); !slices.Equal(got, server) {
		a.t.Fatalf("the server has %v, not %v", got, server)
	}
}

func number(raw []byte) int {
	for n := range 100 {
		if string(letter(n)) == string(raw) {
			return n
		}
	}
	return -1
}

func (a *account) here() []int {
	var got []int
	for _, f := range a.local.Files(mail.Inbox) {
		got = append(got, number(f.Raw))
	}
	slices.Sort(got)
	return got
}

func (a *account) there() []int {
	var got []int
	for _, m := range a.server.Messages(mail.Inbox) {
		got = append(got, number(m.Raw))
	}
	slices.Sort(got)
	return got
}

// key is the file of letter n.
func (a *account) key(n int) mail.Key {
	a.t.Helper()
	for _, f := range a.local.Files(mail.Inbox) {
		if number(f.Raw) == n {
			return f.Key
		}
	}
	a.t.Fatalf("no file of letter %d", n)
	return ""
}

// outside are the UIDs that base knows to be outside.
func (a *account) outside() []mail.UID {
	a.t.Helper()
	var uids []mail.UID
	for row, err := range a.base.OutsideRows(a.t.Context(), mail.Inbox, 0) {
		if err != nil {
			a.t.Fatal(err)
		}
		uids = append(uids, row.UID)
	}
	return uids
}

const aDay = 24 * time.Hour

var (
	days30 = sync.Window{MaxAge: 30 * aDay, Unread: true, Flagged: true}
	last2  = sync.Window{KeepLast: 2, Unread: true, Flagged: true}
	open   sync.Window
	all3   = []int{1, 2, 3}
)

// eachProfile runs a test over servers that tell changes in different ways.
func eachProfile(t *testing.T, test func(t *testing.T, a *account)) {
	for name, p := range map[string]fake.Profile{"QRESYNC": fake.QResync, "CONDSTORE": fake.CondStore} {
		t.Run(name, func(t *testing.T) { test(t, newAccount(t, p)) })
	}
}

func TestWindowKeepsOldMessagesOnTheServer(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100)
		a.at(3, 1, `\Seen`)
		a.at(4, 100, `\Seen`, `\Flagged`)
		r := a.window(days30)
		if r.Pulled != 3 {
			t.Fatalf("%d fetched", r.Pulled)
		}
		a.holds(days30, []int{2, 3, 4}, []int{1, 2, 3, 4})
		if got := a.outside(); !slices.Equal(got, []mail.UID{1}) {
			t.Fatalf("outside are %v", got)
		}
		// Nothing keeps them when nothing shall.
		bare := sync.Window{MaxAge: 30 * aDay}
		if r := a.window(bare); r.Left != 2 || r.Removed != 0 {
			t.Fatalf("%d left, %d removed", r.Left, r.Removed)
		}
		a.holds(bare, []int{3}, []int{1, 2, 3, 4})
		a.window(open)
		a.holds(open, []int{1, 2, 3, 4}, []int{1, 2, 3, 4})
	})
}

func TestWindowNarrowsAndWidens(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		for n := range 20 {
			a.at(n+1, 200-10*n, `\Seen`)
		}
		var all, last []int
		for n := range 20 {
			all = append(all, n+1)
		}
		last = all[18:]
		a.window(open)
		a.holds(open, all, all)
		// Far more than the guard would let go, and that is no removal.
		if r := a.window(last2); r.Left != 18 || r.Removed != 0 || r.Held != 0 || r.Guarded() {
			t.Fatalf("%d left, %d removed, %d held", r.Left, r.Removed, r.Held)
		}
		a.holds(last2, last, all)
		trashed := 0
		for run := range int64(20) {
			trashed += len(a.local.Trash(run, mail.Inbox))
		}
		if trashed != 18 {
			t.Fatalf("%d files in the trash", trashed)
		}
		if r := a.window(sync.Window{KeepLast: 5}); r.Pulled != 3 {
			t.Fatalf("%d fetched", r.Pulled)
		}
		a.holds(sync.Window{KeepLast: 5}, all[15:], all)
		a.window(open)
		a.holds(open, all, all)
	})
}

func TestMessagesLeaveAsTimePasses(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 20, `\Seen`)
		a.at(2, 25, `\Seen`)
		a.at(3, 1, `\Seen`)
		a.window(days30)
		a.holds(days30, all3, all3)
		a.now = a.now.Add(7 * aDay)
		if r := a.window(days30); r.Left != 1 {
			t.Fatalf("%d left", r.Left)
		}
		a.holds(days30, []int{1, 3}, all3)
	})
}

func TestWindowByNumberFollowsTheMailbox(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		for n := range 3 {
			a.at(n+1, 10, `\Seen`)
		}
		a.window(last2)
		a.holds(last2, []int{2, 3}, all3)
		a.at(4, 0, `\Seen`)
		a.window(last2)
		a.holds(last2, []int{3, 4}, []int{1, 2, 3, 4})
		// One that the user removes lets another one in.
		a.local.Delete(mail.Inbox, a.key(4))
		a.window(last2)
		a.window(last2)
		a.holds(last2, []int{2, 3}, all3)
		a.server.Expunge(mail.Inbox, 2)
		a.window(last2)
		a.holds(last2, []int{1, 3}, []int{1, 3})
	})
}

func TestFlaggedOnTheServerComesBack(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.at(3, 1, `\Seen`)
		a.window(open)
		a.window(days30)
		a.holds(days30, []int{3}, all3)
		a.server.SetFlags(mail.Inbox, 1, mail.ParseFlags(`\Seen`, `\Flagged`))
		a.server.SetFlags(mail.Inbox, 2, mail.ParseFlags(`\Seen`, `\Answered`))
		a.window(days30)
		a.holds(days30, []int{1, 3}, all3)
		a.server.SetFlags(mail.Inbox, 1, mail.ParseFlags(`\Seen`))
		a.window(days30)
		a.window(days30)
		a.holds(days30, []int{3}, all3)
		// Its flags are those that it got meanwhile.
		a.window(open)
		for _, f := range a.local.Files(mail.Inbox) {
			if number(f.Raw) == 2 && f.Flags.System != mail.Seen|mail.Answered {
				t.Fatalf("it came back with %v", f.Flags)
			}
		}
	})
}

func TestFlaggedLocallyStays(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.window(open)
		a.local.Reflag(mail.Inbox, a.key(1), mail.ParseFlags(`\Seen`, `\Flagged`))
		a.local.Reflag(mail.Inbox, a.key(2), mail.ParseFlags(`\Seen`, `\Answered`))
		// What was changed here goes to the server first.
		if r := a.window(days30); r.Flagged != 2 || r.Left != 0 {
			t.Fatalf("%d flagged, %d left", r.Flagged, r.Left)
		}
		if r := a.window(days30); r.Left != 1 {
			t.Fatalf("%d left", r.Left)
		}
		a.holds(days30, []int{1}, []int{1, 2})
		if m := a.server.Messages(mail.Inbox); m[1].Flags.System&mail.Answered == 0 {
			t.Fatalf("the server has %v", m[1].Flags)
		}
	})
}

// What the server does not take now would be lost with the file.
func TestChangesThatWaitKeepTheFileHere(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.window(open)
		a.server.SetReadOnly(mail.Inbox, true)
		a.local.Reflag(mail.Inbox, a.key(1), mail.ParseFlags(`\Seen`, `\Answered`))
		for range 2 {
			if r := a.window(days30); r.Left != 0 {
				t.Fatalf("%d left", r.Left)
			}
		}
		a.server.SetReadOnly(mail.Inbox, false)
		a.window(days30)
		a.window(days30)
		a.has(nil, []int{1})
		if f := a.server.Messages(mail.Inbox)[0].Flags; f.System&mail.Answered == 0 {
			t.Fatalf("the server has %v", f)
		}
	})
}

func TestEditedMessageIsSentBeforeItLeaves(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.window(open)
		a.local.Edit(mail.Inbox, a.key(1), letter(2))
		if r := a.window(days30); r.Left != 0 {
			t.Fatalf("%d left", r.Left)
		}
		if got := a.there(); !slices.Equal(got, []int{2}) {
			t.Fatalf("the server has %v", got)
		}
	})
}

// TestMessageEditedInPlaceIsSentBeforeItLeaves although nothing but its bytes tells that
// it was edited: neither its directory nor its number.
func TestMessageEditedInPlaceIsSentBeforeItLeaves(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(3, 100, `\Seen`)
		a.window(open)
		a.local.EditInPlace(mail.Inbox, a.key(1), letter(2))
		if r := a.window(days30); r.Left != 1 || len(r.Failures) > 0 {
			t.Fatalf("%d left: %+v", r.Left, r.Failures)
		}
		if got := a.here(); !slices.Equal(got, []int{2}) {
			t.Fatalf("the Maildir has %v", got)
		}
		if r := a.window(days30); r.Pushed != 1 || r.Left != 0 {
			t.Fatalf("%d were sent, and %d left", r.Pushed, r.Left)
		}
		if got := a.there(); !slices.Equal(got, []int{2, 3}) {
			t.Fatalf("the server has %v", got)
		}
		a.window(days30) // it is as old as its file
		a.window(days30)
		a.holds(days30, nil, []int{2, 3})
	})
}

// TestEditedInPlaceAndGoneFromTheServer is decided as any other edit is.
func TestEditedInPlaceAndGoneFromTheServer(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		uid := a.at(1, 100, `\Seen`)
		a.window(open)
		a.local.EditInPlace(mail.Inbox, a.key(1), letter(2))
		a.window(days30)
		a.server.Expunge(mail.Inbox, uid)
		a.window(days30)
		if got := a.there(); !slices.Equal(got, []int{2}) {
			t.Fatalf("the server has %v", got)
		}
	})
}

func TestNewLocalMessageIsSentBeforeItLeaves(t *testing.T) {
	a := newAccount(t, fake.QResync)
	a.at(1, 1, `\Seen`)
	a.at(2, 1, `\Seen`)
	last1 := sync.Window{KeepLast: 1}
	a.window(last1)
	a.local.Add(mail.Inbox, letter(3), mail.ParseFlags(`\Seen`))
	a.local.Add(mail.Inbox, letter(4), mail.ParseFlags(`\Seen`))
	if r := a.window(last1); r.Pushed != 2 {
		t.Fatalf("%d sent", r.Pushed)
	}
	a.window(last1)
	if n := len(a.local.Files(mail.Inbox)); n != 1 {
		t.Fatalf("%d files", n)
	}
	if got := a.there(); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Fatalf("the server has %v", got)
	}
}

func TestBringFetchesWhatWasAskedFor(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.window(days30)
		a.holds(days30, nil, []int{1, 2})
		asked := func(v mail.UIDValidity, uids ...mail.UID) func(*sync.Options) {
			return func(o *sync.Options) {
				o.Bring = map[mail.Mailbox]mail.Wanted{mail.Inbox: {UIDValidity: v, UIDs: mail.UIDs(uids...)}}
				o.Parts = func(mail.Mailbox, mail.Role) sync.Parts { return sync.Parts{HeadersOnly: true} }
			}
		}
		if r := a.window(days30, asked(0, 2)); r.Pulled != 1 {
			t.Fatalf("%d fetched", r.Pulled)
		}
		a.has([]int{2}, []int{1, 2})
		a.now = a.now.Add(3 * aDay)
		a.window(days30)
		a.has([]int{2}, []int{1, 2}) // and stays
		// What came meanwhile, too, is found under its UID.
		uid := a.at(3, 200, `\Seen`)
		if r := a.window(days30, asked(0, uid)); r.Pulled != 1 {
			t.Fatalf("%d fetched", r.Pulled)
		}
		a.has([]int{2, 3}, all3)
		r := a.window(days30, asked(99, 1))
		if len(r.Failures) != 1 || !errors.Is(r.Failures[0].Err, mail.ErrUIDValidity) {
			t.Fatalf("with another UIDVALIDITY: %+v", r.Failures)
		}
		// A message that the user brought here is his to remove.
		a.local.Delete(mail.Inbox, a.key(2))
		if r := a.window(days30); r.Removed != 1 {
			t.Fatalf("%d removed", r.Removed)
		}
		a.has([]int{3}, []int{1, 3})
	})
}

func TestPutBackFileIsTheMessage(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.window(open)
		a.at(2, 100, `\Seen`) // never here
		a.window(days30)
		a.holds(days30, nil, []int{1, 2})
		a.local.Add(mail.Inbox, letter(1), mail.ParseFlags(`\Seen`))
		a.local.Add(mail.Inbox, letter(2), mail.ParseFlags(`\Seen`))
		if r := a.window(days30); r.Pushed != 0 || r.Moved != 0 || r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		if got := a.there(); !slices.Equal(got, []int{1, 2}) {
			t.Fatalf("the server has %v", got)
		}
		a.window(days30)
		a.holds(days30, []int{1}, []int{1, 2}) // the first is known to have been put back
	})
}

func TestLostDatabaseFetchesNothingThatIsOutside(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.at(3, 1, `\Seen`)
		a.window(open)
		a.local.Delete(mail.Inbox, a.key(1))
		a.base = fake.NewBase()
		r := a.window(days30)
		if r.Paired != 2 || r.Pulled+r.Pushed+r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		a.window(days30)
		a.holds(days30, []int{3}, all3)
	})
}

func TestNewUIDValidityFetchesNothingThatIsOutside(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.at(3, 1, `\Seen`)
		a.window(open)
		a.window(days30)
		a.server.ResetUIDValidity(mail.Inbox)
		if r := a.window(days30); r.Pulled+r.Pushed+r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		a.holds(days30, []int{3}, all3)
	})
}

func TestMoveOnTheServerOutOfAWindow(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		uid := a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		inbox := func(o *sync.Options) {
			o.Window = func(m mail.Mailbox, _ mail.Role) sync.Window {
				if m == mail.Inbox {
					return days30
				}
				return open
			}
		}
		a.server.CreateMailbox("Keep", "")
		a.run(inbox)
		a.server.MoveTo(mail.Inbox, uid, "Keep")
		if r := a.run(inbox); r.Pulled != 1 || r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		// And one that is moved here into a mailbox with a window goes there, and leaves.
		k := a.local.Files("Keep")[0].Key
		a.local.Move("Keep", k, mail.Inbox, k)
		if r := a.run(inbox); r.Moved != 1 || r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		a.run(inbox)
		a.has(nil, []int{1, 2})
		if r := a.run(inbox); r.Changed() {
			t.Fatalf("%+v", r)
		}
	})
}

// TestTheGuardIsNotFooledByWhatIsOutside: many messages outside do not make the loss
// of those inside look small.
func TestTheGuardIsNotFooledByWhatIsOutside(t *testing.T) {
	a := newAccount(t, fake.QResync)
	for n := range 90 {
		a.at(n+1, 90-n, `\Seen`)
	}
	last := sync.Window{KeepLast: 20}
	a.window(last)
	for _, f := range a.local.Files(mail.Inbox)[:12] {
		a.local.Delete(mail.Inbox, f.Key)
	}
	r := a.window(last)
	if !r.Guarded() || r.Held != 12 || len(a.there()) != 90 {
		t.Fatalf("%d held, the server has %d", r.Held, len(a.there()))
	}
}

func TestModesAndWindows(t *testing.T) {
	for mode, left := range map[conflict.Mode]int{conflict.TwoWay: 1, conflict.Pull: 1, conflict.Archive: 0, conflict.Push: 0} {
		a := &account{sides{fake.NewServer(fake.QResync), fake.NewLocal("a"), fake.NewBase()}, t, time.Unix(1_800_000_000, 0)}
		a.at(1, 100, `\Seen`)
		a.window(open)
		in := func(o *sync.Options) {
			o.Policy = func(mail.Mailbox, mail.Role) conflict.Policy { return conflict.Policy{Mode: mode} }
		}
		if r := a.window(days30, in); r.Left != left {
			t.Errorf("mode %d: %d left", mode, r.Left)
		}
		if r := a.window(days30, in); r.Changed() {
			t.Errorf("mode %d, again: %+v", mode, r)
		}
	}
}

// TestDyingWhileMessagesLeaveRemovesNothing, at any step, whatever happens to the
// files until the next run.
func TestDyingWhileMessagesLeaveRemovesNothing(t *testing.T) {
	for _, step := range sync.WindowSteps {
		for _, then := range []string{"nothing", "moves", "takes away", "removes", "widens", "only"} {
			t.Run(step+" "+then, func(t *testing.T) {
				a := newAccount(t, fake.QResync)
				a.server.CreateMailbox("Keep", "")
				a.at(1, 100, `\Seen`)
				a.at(2, 100, `\Seen`)
				a.at(3, 1, `\Seen`)
				a.window(open)
				o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base, Now: func() time.Time { return a.now }}
				a.with(days30)(&o)
				var reached atomic.Bool
				o.Step = func(name string) error {
					if name == step || reached.Load() {
						reached.Store(true)
						return errors.New("the power is cut")
					}
					return nil
				}
				if _, err := sync.Run(t.Context(), o); err == nil || !reached.Load() {
					t.Fatalf("the run did not die: %v", err)
				}
				w, local, server := days30, []int{3}, all3
				switch files := a.local.Files(mail.Inbox); then {
				case "moves":
					if len(files) == 3 {
						k := a.key(1)
						a.local.Move(mail.Inbox, k, "Keep", k)
						server = []int{2, 3}
					}
				case "takes away":
					if len(files) == 3 {
						a.local.Move(mail.Inbox, a.key(1), "Keep", "1720000001.S.sim")
						server = []int{2, 3}
					}
				case "removes":
					for _, f := range files {
						if number(f.Raw) != 3 {
							a.local.Delete(mail.Inbox, f.Key)
						}
					}
				case "widens":
					w, local = open, all3
				case "only":
					r := a.window(w, func(o *sync.Options) { o.Only = func(m mail.Mailbox) bool { return m == "Keep" } })
					if r.Changed() {
						t.Fatalf("a run over another mailbox: %+v", r)
					}
				}
				for range 3 {
					if r := a.window(w); r.Removed > 0 || r.Pushed > 0 {
						t.Fatalf("%+v", r)
					}
				}
				a.holds(w, local, server)
			})
		}
	}
}

// TestAMessageMovedIntoANewMailboxIsNotPassedOver, though it is outside there, and
// others are that are not even planned for.
func TestAMessageMovedIntoANewMailboxIsNotPassedOver(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		only := func(o *sync.Options) {
			o.Window = func(m mail.Mailbox, _ mail.Role) sync.Window {
				if m == "New" {
					return days30
				}
				return open
			}
		}
		uid := a.at(1, 100, `\Seen`)
		a.run(only)
		a.local.Reflag(mail.Inbox, a.key(1), mail.ParseFlags(`\Seen`, `\Answered`))
		old := mail.UnixTime(a.now.Add(-100 * aDay).Unix())
		for n := 2; n < 5; n++ {
			a.server.DeliverAt("New", letter(n), mail.ParseFlags(`\Seen`), old)
		}
		a.server.MoveTo(mail.Inbox, uid, "New")
		for range 3 {
			if r := a.run(only); r.Pushed > 0 || r.Removed > 0 || r.Pulled > 0 {
				t.Fatalf("%+v", r)
			}
		}
		if n := len(a.server.Messages("New")); n != 4 || len(a.there()) != 0 || len(a.here()) != 0 || len(a.local.Files("New")) != 0 {
			t.Fatalf("New has %d messages, INBOX %v; here are %v", n, a.there(), a.here())
		}
		if f := a.server.Messages("New")[3].Flags; f.System&mail.Answered == 0 {
			t.Fatalf("it has %v", f)
		}
	})
}

// TestNothingLeavesThatTheServerHasNoMore though its change was heard of after the plan
// was made, and though nothing else moved.
func TestNothingLeavesThatTheServerHasNoMore(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		gone := a.at(1, 100, `\Seen`)
		a.at(2, 100, `\Seen`)
		a.at(3, 1, `\Seen`)
		a.window(open)
		r := a.window(days30, func(o *sync.Options) {
			o.Events = func(e sync.Event) {
				if _, planned := e.(sync.Planned); planned {
					a.server.Expunge(mail.Inbox, gone)
				}
			}
		})
		if r.Left != 1 {
			t.Fatalf("%d files left: %+v", r.Left, r)
		}
		a.has([]int{1, 3}, []int{2, 3})
		// Flagged here meanwhile, it is kept, as any message that the server dropped is.
		a.local.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: a.key(1), Delta: mail.FlagDelta{Add: mail.ParseFlags(`\Flagged`)}}})
		a.window(days30)
		a.window(days30)
		a.holds(days30, []int{1, 3}, all3)
	})
}

// TestWhatIsKeptForTheServerDoesNotComeBackFromOutside: the user removed a file whose
// message has another flag on the server, where it stays; and the window has it no more.
func TestWhatIsKeptForTheServerDoesNotComeBackFromOutside(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		last := sync.Window{KeepLast: 1}
		uid := a.at(1, 10, `\Seen`)
		a.window(last)
		a.holds(last, []int{1}, []int{1})
		a.local.Delete(mail.Inbox, a.key(1))
		a.server.SetFlags(mail.Inbox, uid, mail.ParseFlags(`\Seen`, `\Answered`))
		a.at(2, 10, `\Seen`)
		if r := a.window(last); r.Pulled != 1 || r.Removed != 0 {
			t.Fatalf("%+v", r)
		}
		a.holds(last, []int{2}, []int{1, 2})
		if got := a.outside(); !slices.Equal(got, []mail.UID{uid}) {
			t.Fatalf("outside are %v", got)
		}
		a.window(open)
		a.has([]int{1, 2}, []int{1, 2})
	})
}

// TestWhatWasAskedForStaysAfterItsFileWasLost: it is fetched again because the server's
// users want it, and stays as it did before.
func TestWhatWasAskedForStaysAfterItsFileWasLost(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		uid := a.at(1, 100, `\Seen`)
		a.window(days30)
		a.holds(days30, nil, []int{1})
		a.window(days30, func(o *sync.Options) {
			o.Bring = map[mail.Mailbox]mail.Wanted{mail.Inbox: {UIDs: mail.UIDs(uid)}}
		})
		a.holds(days30, []int{1}, []int{1})
		a.local.Delete(mail.Inbox, a.key(1))
		a.server.SetFlags(mail.Inbox, uid, mail.ParseFlags(`\Seen`, `\Answered`))
		a.window(days30)
		a.now = a.now.Add(3 * aDay) // the window is another one
		a.window(days30)
		a.holds(days30, []int{1}, []int{1})
	})
}
