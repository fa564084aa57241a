package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// account is an account in memory whose clock a test moves.
type account struct {
	sides
	t   *testing.T
	now time.Time
}

func newAccount(t *testing.T, p fake.Profile) *account {
	t.Parallel()
	return &account{sides{fake.NewServer(p), fake.NewLocal("a"), fake.NewBase()}, t, time.Unix(1_800_000_000, 0)}
}

func (a *account) run(change ...func(*sync.Options)) sync.Result {
	a.t.Helper()
	a.server.Forget()
	o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base, Now: func() time.Time { return a.now }}
	for _, c := range change {
		c(&o)
	}
	r, err := sync.Run(a.t.Context(), o)
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *account) aside() []mail.Quarantined {
	a.t.Helper()
	all, err := a.base.Quarantine(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return all
}

// quiet makes sure that a run does nothing: it does not even look.
func (a *account) quiet(aside int) {
	a.t.Helper()
	r := a.run()
	if len(r.Failures) > 0 || len(r.SetAside) != aside || r.Looked != 0 || len(r.Plan.Operations) > 0 {
		a.t.Fatalf("failures %v, set aside %v, looked into %d mailboxes, planned %v", r.Failures, r.SetAside, r.Looked, r.Plan.Operations)
	}
	if r.Incomplete() != (aside > 0) {
		a.t.Fatalf("incomplete: %t with %d messages set aside", r.Incomplete(), aside)
	}
	if calls := len(a.server.Calls()); calls != 1 { // the listing
		a.t.Fatalf("the server was asked %d times: %v", calls, a.server.Calls())
	}
}

func letter(n int) []byte {
	return fmt.Appendf(nil, "Message-ID: <%d@x>\r\nDate: Sat, 09 May 2026 12:00:00 +0000\r\nSubject: %d\r\n\r\n%s\r\n", n, n, strings.Repeat("x", n))
}

func TestMessageThatCannotBeFetchedIsSetAside(t *testing.T) {
	for name, p := range map[string]fake.Profile{"QRESYNC": fake.QResync, "CONDSTORE": fake.CondStore} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, p)
			a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
			bad := a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
			a.server.Deliver(mail.Inbox, letter(3), mail.Flags{})
			a.server.Mute(mail.Inbox, bad, true)

			r := a.run()
			if r.Pulled != 2 || len(r.Failures) != 1 || r.Failures[0].UID != bad || r.Failures[0].Next == 0 {
				t.Fatalf("%d fetched, failures %+v", r.Pulled, r.Failures)
			}
			q := a.aside()
			if len(q) != 1 || q[0].UID != bad || q[0].Tries != 1 || q[0].Reason == "" || q[0].Next != q[0].Last+600 {
				t.Fatalf("set aside: %+v", q)
			}
			if problems, err := a.base.Problems(t.Context()); err != nil || len(problems) > 0 {
				t.Fatalf("told twice: %+v, %v", problems, err)
			}
			a.run() // what the run itself wrote is looked at once more where the server cannot tell
			a.quiet(1)

			// What else happens in the mailbox goes on, and does not try it.
			a.server.Deliver(mail.Inbox, letter(4), mail.Flags{})
			if r := a.run(); r.Pulled != 1 || len(r.Failures) != 0 || len(r.SetAside) != 1 {
				t.Fatalf("%d fetched, failures %+v, set aside %+v", r.Pulled, r.Failures, r.SetAside)
			}
			a.quiet(1)

			// When its time comes it is tried, and waits twice as long.
			a.now = a.now.Add(10 * time.Minute)
			if r := a.run(); len(r.Failures) != 1 || len(r.SetAside) != 0 {
				t.Fatalf("failures %+v, set aside %+v", r.Failures, r.SetAside)
			}
			if q := a.aside(); q[0].Tries != 2 || q[0].Next != q[0].Last+1200 || q[0].First != q[0].Last-600 {
				t.Fatalf("set aside: %+v", q)
			}
			a.now = a.now.Add(11 * time.Minute)
			a.quiet(1)

			// Asked to, it is tried at once.
			a.server.Mute(mail.Inbox, bad, false)
			if r := a.run(func(o *sync.Options) { o.Retry = true }); r.Pulled != 1 || len(r.Failures)+len(r.SetAside) != 0 {
				t.Fatalf("%d fetched, failures %+v, set aside %+v", r.Pulled, r.Failures, r.SetAside)
			}
			if q := a.aside(); len(q) != 0 {
				t.Fatalf("still set aside: %+v", q)
			}
			a.run()
			a.quiet(0)
			if n := len(a.local.Files(mail.Inbox)); n != 4 {
				t.Fatalf("%d files", n)
			}
		})
	}
}

func TestMailboxWithNothingButWhatIsSetAsideIsQuiet(t *testing.T) {
	a := newAccount(t, fake.QResync)
	bad := a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.server.Mute(mail.Inbox, bad, true)
	a.run()
	a.run()
	a.quiet(1)
	a.server.Deliver(mail.Inbox, letter(3), mail.Flags{})
	if r := a.run(); r.Pulled != 1 || len(r.Failures) > 0 {
		t.Fatalf("%d fetched, failures %+v", r.Pulled, r.Failures)
	}
	a.server.Expunge(mail.Inbox, bad)
	if r := a.run(); r.Removed != 0 || len(a.aside()) != 0 {
		t.Fatalf("%d removed, set aside %+v", r.Removed, a.aside())
	}
	a.quiet(0)
}

func TestSetAsideIsForgottenWithItsUIDValidity(t *testing.T) {
	a := newAccount(t, fake.QResync)
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	bad := a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.server.Mute(mail.Inbox, bad, true)
	a.run()
	a.server.Mute(mail.Inbox, bad, false)
	a.server.ResetUIDValidity(mail.Inbox)
	if r := a.run(); r.Pulled != 1 || r.Removed != 0 || len(a.aside()) != 0 {
		t.Fatalf("%d fetched, %d removed, set aside %+v", r.Pulled, r.Removed, a.aside())
	}
	a.run()
	a.quiet(0)
}

func TestFileThatTheServerRefusesIsSetAside(t *testing.T) {
	a := newAccount(t, fake.QResync)
	refused := errors.New("NO no viruses,\r\n\x1b[2Jplease")
	a.server.Refuse = func(_ mail.Mailbox, raw []byte) error {
		if strings.Contains(string(raw), "Subject: 2\r\n") {
			return refused
		}
		return nil
	}
	a.run()
	a.local.Add(mail.Inbox, letter(1), mail.Flags{})
	bad := a.local.Add(mail.Inbox, letter(2), mail.Flags{})
	a.local.Add(mail.Inbox, letter(3), mail.Flags{})
	if r := a.run(); r.Pushed != 2 || len(r.Failures) != 1 || r.Failures[0].Key != bad {
		t.Fatalf("%d sent, failures %+v", r.Pushed, r.Failures)
	}
	if q := a.aside(); len(q) != 1 || q[0].Key != bad || strings.ContainsAny(q[0].Reason, "\r\n\x1b") {
		t.Fatalf("set aside: %+v", q)
	}
	a.run()
	a.quiet(1)

	// Another file in its place is another message, and tried at once.
	a.local.Edit(mail.Inbox, bad, letter(4))
	if r := a.run(); r.Pushed != 1 || len(r.Failures) != 0 || len(a.aside()) != 0 {
		t.Fatalf("%d sent, failures %+v, set aside %+v", r.Pushed, r.Failures, a.aside())
	}
	a.run()
	a.quiet(0)
}

func TestSetAsideFileThatIsRemovedRemovesNothing(t *testing.T) {
	a := newAccount(t, fake.QResync)
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	a.run()
	a.server.Refuse = func(mail.Mailbox, []byte) error { return errors.New("NO") }
	bad := a.local.Add(mail.Inbox, letter(2), mail.Flags{})
	a.run()
	a.local.Delete(mail.Inbox, bad)
	if r := a.run(); r.Removed != 0 || len(r.Failures) > 0 || len(a.aside()) != 0 {
		t.Fatalf("%d removed, failures %+v, set aside %+v", r.Removed, r.Failures, a.aside())
	}
	if n := len(a.server.Messages(mail.Inbox)); n != 1 {
		t.Fatalf("%d messages on the server", n)
	}
}

func TestEditThatTheServerRefusesSurvivesTheMessagesRemoval(t *testing.T) {
	a := newAccount(t, fake.QResync)
	uid := a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	a.run()
	key := a.local.Files(mail.Inbox)[0].Key
	a.server.Refuse = func(mail.Mailbox, []byte) error { return errors.New("NO") }
	a.local.Edit(mail.Inbox, key, letter(5))
	if r := a.run(); len(r.Failures) != 1 {
		t.Fatalf("failures %+v", r.Failures)
	}
	if r := a.run(); len(r.Failures) != 0 || len(r.SetAside) != 1 {
		t.Fatalf("failures %+v, set aside %+v", r.Failures, r.SetAside)
	}
	a.server.Expunge(mail.Inbox, uid)
	for range 3 {
		if r := a.run(); r.Removed != 0 {
			t.Fatalf("%d removed", r.Removed)
		}
	}
	a.server.Refuse = nil
	a.now = a.now.Add(time.Hour)
	if r := a.run(); r.Pushed != 1 || len(a.aside()) != 0 {
		t.Fatalf("%d sent, failures %+v, set aside %+v", r.Pushed, r.Failures, a.aside())
	}
	if on := a.server.Messages(mail.Inbox); len(on) != 1 || string(on[0].Raw) != string(letter(5)) {
		t.Fatalf("on the server: %+v", on)
	}
}

func TestWhatIsNotTheMessagesFaultIsNotSetAside(t *testing.T) {
	for _, why := range []error{mail.ErrOverQuota, mail.ErrNotNow} {
		t.Run(why.Error(), func(t *testing.T) {
			a := newAccount(t, fake.QResync)
			a.server.Refuse = func(mail.Mailbox, []byte) error { return fmt.Errorf("%w: NO", why) }
			a.run()
			a.local.Add(mail.Inbox, letter(1), mail.Flags{})
			for range 2 {
				if r := a.run(); len(r.Failures) != 1 || r.Failures[0].Next != 0 || len(a.aside()) != 0 {
					t.Fatalf("failures %+v, set aside %+v", r.Failures, a.aside())
				}
			}
		})
	}
}

// unreadable makes some files unreadable.
func (a *account) unreadable(keys map[mail.Key]bool) {
	a.local.Enter = func(c fake.Call) error {
		if c.Method != "Read" && c.Method != "Open" {
			return nil
		}
		for k := range keys {
			if keys[k] && strings.Contains(c.Detail, string(k)) {
				return errors.New("input/output error")
			}
		}
		return nil
	}
}

func TestFileThatCannotBeReadIsSetAside(t *testing.T) {
	a := newAccount(t, fake.QResync)
	broken := map[mail.Key]bool{}
	a.unreadable(broken)
	a.run()
	a.local.Add(mail.Inbox, letter(1), mail.Flags{})
	bad := a.local.Add(mail.Inbox, letter(2), mail.Flags{})
	broken[bad] = true
	if r := a.run(); r.Pushed != 1 || len(r.Failures) != 1 || r.Failures[0].Next == 0 {
		t.Fatalf("%d sent, failures %+v", r.Pushed, r.Failures)
	}
	a.run()
	a.quiet(1)
	delete(broken, bad)
	a.now = a.now.Add(10 * time.Minute)
	if r := a.run(); r.Pushed != 1 || len(r.Failures) != 0 || len(a.aside()) != 0 {
		t.Fatalf("%d sent, failures %+v, set aside %+v", r.Pushed, r.Failures, a.aside())
	}
	a.run()
	a.quiet(0)
}

// TestRemovalWaitsForAFileThatCannotBeRead: what is missing may be what cannot be
// read, if it went missing no later than that file came.
func TestRemovalWaitsForAFileThatCannotBeRead(t *testing.T) {
	a := newAccount(t, fake.QResync)
	broken := map[mail.Key]bool{}
	a.unreadable(broken)
	a.server.CreateMailbox("B", "")
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.run()
	files := a.local.Files(mail.Inbox)

	// Moved by a mail reader that gave it another name, and the disk cannot read it.
	a.local.Move(mail.Inbox, files[0].Key, "B", "new-name")
	broken["new-name"] = true
	for i := range 3 {
		r := a.run()
		if r.Removed != 0 || !r.Incomplete() {
			t.Fatalf("run %d: %d removed, incomplete %t", i, r.Removed, r.Incomplete())
		}
		told := false
		for _, h := range r.Plan.Holds {
			told = told || h.Mailbox == mail.Inbox && h.Incomplete && strings.Contains(h.Text, "new-name")
		}
		if !told {
			t.Fatalf("run %d did not say what waits: %+v", i, r.Plan.Holds)
		}
		a.now = a.now.Add(time.Minute)
	}
	if n := len(a.server.Messages(mail.Inbox)); n != 2 {
		t.Fatalf("%d messages on the server", n)
	}

	// It can be read again: it is the message that moved.
	delete(broken, "new-name")
	a.now = a.now.Add(time.Hour)
	if r := a.run(); r.Moved != 1 || r.Pushed+r.Pulled+r.Removed != 0 || len(a.aside()) != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestLaterRemovalDoesNotWaitForAFileThatCannotBeRead(t *testing.T) {
	a := newAccount(t, fake.QResync)
	broken := map[mail.Key]bool{"odd": true}
	a.unreadable(broken)
	a.server.CreateMailbox("B", "")
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.run()
	a.local.AddAs("B", "odd", letter(9), mail.Flags{})
	a.run()
	a.run()
	a.local.Delete(mail.Inbox, a.local.Files(mail.Inbox)[0].Key)
	if r := a.run(); r.Removed != 1 {
		t.Fatalf("%d removed: %+v", r.Removed, r.Plan.Holds)
	}
}

func TestSetAsideMessageIsPairedWithItsFile(t *testing.T) {
	a := newAccount(t, fake.Modern)
	a.server.Deliver(mail.Inbox, letter(1), mail.Flags{})
	bad := a.server.Deliver(mail.Inbox, letter(2), mail.Flags{})
	a.server.Mute(mail.Inbox, bad, true)
	a.run()
	a.run()
	// The user has it, from elsewhere. As long as the server does not say what its
	// message is, it is not sent; then it turns out to be that one.
	a.local.Add(mail.Inbox, letter(2), mail.Flags{})
	if r := a.run(); r.Pushed != 0 || !r.Incomplete() {
		t.Fatalf("%d sent", r.Pushed)
	}
	a.server.Mute(mail.Inbox, bad, false)
	if r := a.run(); r.Pushed+r.Pulled != 0 || len(a.aside()) != 0 {
		t.Fatalf("%d sent, %d fetched, set aside %+v", r.Pushed, r.Pulled, a.aside())
	}
	if n := len(a.server.Messages(mail.Inbox)); n != 2 {
		t.Fatalf("%d messages on the server", n)
	}
}
