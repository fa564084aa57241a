package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// many puts n messages into a mailbox, contents from 100 on, two apart.
func (w *world) many(m mail.Mailbox, n int) {
	for i := range n {
		w.put(m, mail.Key(fmt.Sprintf("%s%d", m, i)), 100+2*i, "")
	}
}

func (w *world) removeFiles(m mail.Mailbox, n int) {
	w.box(m).files = w.box(m).files[n:]
}

func (w *world) removeMessages(m mail.Mailbox, n int) {
	w.box(m).msgs = w.box(m).msgs[n:]
}

func removals(p plan.Plan) int {
	n := 0
	for _, op := range p.Operations {
		switch op.(type) {
		case plan.RemoveServer, plan.RemoveLocal:
			n++
		}
	}
	return n
}

// TestMassRemovalIsHeld: ten or more, and more than a quarter, in a mailbox.
func TestMassRemovalIsHeld(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy       conflict.Policy
		rows, gone   int
		fromLocal    bool
		allow, holds bool
	}{
		{conflict.Policy{}, 100, 26, true, false, true},
		{conflict.Policy{}, 100, 26, false, false, true},
		{conflict.Policy{}, 100, 25, true, false, false}, // not more than a quarter
		{conflict.Policy{}, 12, 9, true, false, false},   // not ten
		{conflict.Policy{}, 12, 10, true, false, true},
		{conflict.Policy{}, 100, 100, true, true, false}, // allowed
		{conflict.Policy{MaxDeletePercent: 50}, 100, 50, true, false, false},
		{conflict.Policy{MaxDeletePercent: 50}, 100, 51, true, false, true},
		{conflict.Policy{MaxDeleteCount: 3}, 10, 3, true, false, true},
		{conflict.Policy{MaxDeleteCount: 3}, 10, 2, true, false, false},
		{conflict.Policy{MaxDeletePercent: 100}, 30, 30, true, false, false},
		{conflict.Policy{Mode: conflict.Pull}, 100, 90, true, false, false}, // nothing would be removed
	} {
		w := scene(c.policy, "none")
		w.many("A", c.rows)
		w.many("B", 1000) // so that the account's sum is not over
		w.put(mail.Inbox, "x", 42, "")
		w.act(t, `server flags \Seen`)
		if c.fromLocal {
			w.removeFiles("A", c.gone)
		} else {
			w.removeMessages("A", c.gone)
		}
		p := decide(t, w, func(in *plan.Input) { in.AllowDeletes = c.allow })
		name := fmt.Sprintf("%+v, %d of %d, local %v, allowed %v", c.policy, c.gone, c.rows, c.fromLocal, c.allow)
		if held := len(p.Holds) == 1; held != c.holds {
			t.Errorf("%s: held %v", name, p.Holds)
			continue
		}
		if !strings.Contains(shorts(p.Operations), `mark INBOX +\Seen`) {
			t.Errorf("%s: the rest was not done", name)
		}
		_, unfinished := p.Unfinished["A"]
		if unfinished != c.holds {
			t.Errorf("%s: unfinished is %v", name, p.Unfinished)
		}
		if !c.holds {
			continue
		}
		h := p.Holds[0]
		side := "from the server"
		if !c.fromLocal {
			side = "from the Maildir"
		}
		if h.Mailbox != "A" || !h.Guard || h.Reason != conflict.TooManyRemovals || len(h.Removals) != c.gone || removals(p) != 0 ||
			!strings.Contains(h.Text, fmt.Sprintf("%d of %d messages", c.gone, c.rows)) ||
			!strings.Contains(h.Text, side) || !strings.Contains(h.Text, "--allow-deletes") {
			t.Errorf("%s: %+v and %d removals", name, h, removals(p))
		}
	}
}

// TestTheAccountsSumIsGuardedToo: every mailbox below its limit, all together
// above; then all removals are held.
func TestTheAccountsSumIsGuardedToo(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	for _, b := range w.boxes {
		w.many(b.name, 10)
	}
	for _, b := range w.boxes {
		w.removeFiles(b.name, 4)
	}
	p := decide(t, w, nil)
	if len(p.Holds) != 1 || p.Holds[0].Mailbox != "" || !p.Holds[0].Guard || len(p.Holds[0].Removals) != 12 || removals(p) != 0 || len(p.Unfinished) != 3 {
		t.Errorf("%s", describe(p))
	}
}

// TestOneMessageIsCountedOnce, though it is removed from both sides.
func TestOneMessageIsCountedOnce(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{ExpungeFlagged: true}, "none")
	w.many("A", 24)
	for i := range 9 {
		w.box("A").files[i].system = mail.Deleted
	}
	p := decide(t, w, nil)
	if len(p.Holds) != 0 || removals(p) != 18 {
		t.Errorf("nine messages: %s", describe(p))
	}
	w.box("A").files[9].system = mail.Deleted
	p = decide(t, w, nil)
	if len(p.Holds) != 1 || len(p.Holds[0].Removals) != 20 || !strings.Contains(p.Holds[0].Text, "10 of 24 messages") {
		t.Errorf("ten messages: %s", describe(p))
	}
	// Held, they are seen again, and allowed, they go.
	if err := w.apply(p, len(p.Operations), true); err != nil {
		t.Fatal(err)
	}
	p = decide(t, w, func(in *plan.Input) { in.AllowDeletes = true })
	if removals(p) != 20 {
		t.Errorf("allowed later: %s", describe(p))
	}
}

// TestMovesAndRenamesAreNoRemovals, however many.
func TestMovesAndRenamesAreNoRemovals(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	w.many("A", 50)
	a, b := w.box("A"), w.box("B")
	for i := range a.files {
		a.files[i].key = w.newKey()
	}
	b.files, a.files = a.files[:40:40], a.files[40:]
	p := decide(t, w, nil)
	if len(p.Holds) != 0 || removals(p) != 0 || strings.Count(shorts(p.Operations), "move on server B") != 40 || strings.Count(shorts(p.Operations), "record A") != 10 {
		t.Errorf("%s", shorts(p.Operations))
	}
}

// TestANewRootRemovesNothing, and fetches what is not there.
func TestANewRootRemovesNothing(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	w.many("A", 3)
	w.removeFiles("A", 1)
	w.box("A").dropMsg(3)
	p := decide(t, w, func(in *plan.Input) { in.NewRoot, in.AllowDeletes = true, true })
	if got := shorts(p.Operations); got != "fetch A" || len(p.Holds) != 0 || p.Unfinished["A"] != conflict.NewRootKeeps {
		t.Errorf("%s", describe(p))
	}
	if err := w.apply(p, len(p.Operations), true); err != nil {
		t.Fatal(err)
	}
	if got := shorts(decide(t, w, nil).Operations); got != "remove local A" {
		t.Errorf("the next run: %q", got)
	}
	// What pushing may not fetch is not removed by the next run either.
	w = scene(conflict.Policy{Mode: conflict.Push}, "")
	w.act(t, "local removes")
	p = decide(t, w, func(in *plan.Input) { in.NewRoot = true })
	if got := shorts(p.Operations); got != "record server only INBOX" {
		t.Errorf("pushing: %q", got)
	}
}

// TestRemovalsGoToTheTrash, but not from the trash itself.
func TestRemovalsGoToTheTrash(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	w.many("A", 1)
	w.many("B", 1)
	w.box("A").trash, w.box("B").trash = "B", "B"
	w.removeFiles("A", 1)
	w.removeFiles("B", 1)
	for _, op := range decide(t, w, nil).Operations {
		r, ok := op.(plan.RemoveServer)
		if want := map[mail.Mailbox]mail.Mailbox{"A": "B"}[op.In()]; !ok || r.Trash != want {
			t.Errorf("%+v, not to %q", op, want)
		}
	}
}

// TestNothingIsDoneWhenTheServerListsNothing: a LIST without any mailbox, or
// without the INBOX that base knows.
func TestNothingIsDoneWhenTheServerListsNothing(t *testing.T) {
	t.Parallel()
	for _, empty := range []bool{true, false} {
		w := scene(conflict.Policy{}, "none")
		w.many("A", 3)
		for _, b := range w.boxes {
			b.onServer, b.msgs = false, nil
		}
		w.act(t, "local gets")
		change := func(in *plan.Input) {
			in.NoMailboxes = empty
			if empty {
				in.Mailboxes = in.Mailboxes[1:] // whether INBOX is known or not
			}
		}
		p := decide(t, w, change)
		if len(p.Operations) != 0 || len(p.Holds) != 1 || !p.Holds[0].Guard || p.Holds[0].Mailbox != "" || len(p.Unfinished) < 2 {
			t.Errorf("empty %v: %s", empty, describe(p))
		}
		p = decide(t, w, func(in *plan.Input) { change(in); in.AllowDeletes = true })
		if removals(p) != 0 || strings.Contains(shorts(p.Operations), "create on server A") {
			t.Errorf("allowed, empty %v: %s", empty, describe(p))
		}
	}
	// An account that base does not know yet may be empty.
	w := scene(conflict.Policy{}, "none")
	for _, b := range w.boxes {
		b.onServer, b.baseServer, b.baseLocal = false, false, false
	}
	w.act(t, "local gets")
	p := decide(t, w, func(in *plan.Input) { in.NoMailboxes = true })
	if !strings.Contains(shorts(p.Operations), "upload INBOX") {
		t.Errorf("a new account: %s", describe(p))
	}
}

// TestMailboxes: what a mailbox's existence on the two sides comes to.
func TestMailboxes(t *testing.T) {
	t.Parallel()
	type existence struct{ server, local, baseServer, baseLocal bool }
	for _, c := range []struct {
		name   string
		is     existence
		policy conflict.Policy
		change func(*plan.Input)
		events func(*world)
		want   string
		hold   string // words of the hold, empty for none
		guard  bool
		open   bool // the mailbox is not finished
	}{
		{name: "new on the server", is: existence{server: true}, want: "create local A; fetch A; fetch A"},
		{name: "new on the server, not to be created", is: existence{server: true}, policy: conflict.Policy{Create: conflict.ServerOnly}},
		{name: "new on the server, pushing", is: existence{server: true}, policy: conflict.Policy{Mode: conflict.Push}},
		{name: "new in the Maildir", is: existence{local: true}, want: "create on server A; upload A; upload A"},
		{name: "new in the Maildir, not to be created", is: existence{local: true}, policy: conflict.Policy{Create: conflict.LocalOnly}},
		{name: "new in the Maildir, pulling", is: existence{local: true}, policy: conflict.Policy{Mode: conflict.Pull}},
		{name: "new on both sides", is: existence{server: true, local: true}, want: "record A; record A"},

		{name: "gone from the server", is: existence{local: true, baseServer: true, baseLocal: true}, hold: "gone from the server", open: true},
		{name: "gone from the server, all to be removed", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveBoth}, change: func(in *plan.Input) { in.AllowDeletes = true },
			want: "remove local A; remove local A; remove mailbox in the Maildir A"},
		{name: "gone from the server, all to be removed, not allowed", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveLocal}, hold: "--allow-deletes removes it", guard: true, open: true},
		{name: "gone from the server, empty", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveLocal},
			events: func(w *world) { w.rows = w.rows[:1]; w.box("A").files = nil }, want: "remove mailbox in the Maildir A"},
		{name: "gone from the server, empty, to be kept", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer},
			events: func(w *world) { w.rows = w.rows[:1]; w.box("A").files = nil }, hold: "gone from the server"},
		{name: "gone from the server, one flagged since", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveLocal}, change: func(in *plan.Input) { in.AllowDeletes = true },
			events: func(w *world) { w.box("A").files[0].system |= mail.Flagged }, hold: "is kept", open: true},
		{name: "gone from the server, archived", is: existence{local: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveBoth, Mode: conflict.Archive}, change: func(in *plan.Input) { in.AllowDeletes = true },
			hold: "gone from the server", open: true},
		{name: "gone from the server, new mail", is: existence{local: true, baseServer: true, baseLocal: true},
			events: func(w *world) {
				w.box("A").files = append(w.box("A").files, lfile{key: "n", c: 48, inode: w.newInode()})
			},
			hold: "1 message is new", open: true},
		{name: "gone from the server, created again", is: existence{local: true, baseServer: true, baseLocal: true},
			change: func(in *plan.Input) { in.Recreate = true }, want: "create on server A; renumber A; upload A; upload A"},
		{name: "gone from the server, created again, another not looked into", is: existence{local: true, baseServer: true, baseLocal: true},
			change: recreateBlindly, hold: "it is not made again", open: true},
		{name: "gone from the Maildir, created again, another not looked into", is: existence{server: true, baseServer: true, baseLocal: true},
			change: recreateBlindly, hold: "it is not made again", open: true},
		{name: "gone from the server, created again, one file removed", is: existence{local: true, baseServer: true, baseLocal: true},
			events: func(w *world) { w.removeFiles("A", 1) },
			change: func(in *plan.Input) { in.Recreate = true }, want: "create on server A; renumber A; upload A; forget A"},
		{name: "gone from the server, created again, one given up before", is: existence{local: true, baseServer: true, baseLocal: true},
			events: func(w *world) { w.rows[1].UID = 0 },
			change: func(in *plan.Input) { in.Recreate = true }, want: "create on server A; renumber A; upload A; upload A"},
		{name: "gone from the server long ago", is: existence{local: true, baseLocal: true}, open: true},

		{name: "gone from the Maildir", is: existence{server: true, baseServer: true, baseLocal: true},
			hold: "gone from the Maildir", guard: true, open: true},
		{name: "gone from the Maildir, new mail", is: existence{server: true, baseServer: true, baseLocal: true},
			events: func(w *world) { w.box("A").appendMsg(48, mail.Flags{}) },
			hold:   "gone from the Maildir", guard: true, open: true},
		{name: "gone from the Maildir, allowed", is: existence{server: true, baseServer: true, baseLocal: true},
			change: func(in *plan.Input) { in.AllowDeletes = true }, want: "record server only A; record server only A"},
		{name: "gone from the Maildir, allowed, all to be removed", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer},
			change: func(in *plan.Input) { in.AllowDeletes = true }, want: "remove on server A; remove on server A; remove mailbox on the server A"},
		{name: "gone from the Maildir, empty", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer},
			events: func(w *world) { w.rows = w.rows[:1]; w.box("A").msgs = nil }, want: "remove mailbox on the server A"},
		{name: "gone from the Maildir, empty, pulling", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer, Mode: conflict.Pull},
			events: func(w *world) { w.rows = w.rows[:1]; w.box("A").msgs = nil }},
		{name: "gone from the Maildir, new mail, allowed", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer}, change: func(in *plan.Input) { in.AllowDeletes = true },
			events: func(w *world) { w.box("A").appendMsg(48, mail.Flags{}) }, hold: "is kept", open: true},
		{name: "gone from the Maildir, created again", is: existence{server: true, baseServer: true, baseLocal: true},
			change: func(in *plan.Input) { in.Recreate = true }, want: "create local A; fetch A; fetch A"},
		{name: "gone from the Maildir, with a new root", is: existence{server: true, baseServer: true, baseLocal: true},
			change: func(in *plan.Input) { in.NewRoot = true }, want: "create local A; fetch A; fetch A"},
		{name: "gone from the Maildir long ago", is: existence{server: true, baseServer: true},
			want: "record server only A; record server only A"},
		{name: "gone from the Maildir long ago, new mail", is: existence{server: true, baseServer: true},
			events: func(w *world) { w.box("A").appendMsg(48, mail.Flags{}) }, want: "record server only A; record server only A"},
		{name: "gone from the Maildir long ago, empty, new mail", is: existence{server: true, baseServer: true},
			events: onlyNewMail, want: "create local A; fetch A"},
		{name: "gone from the Maildir, empty, new mail", is: existence{server: true, baseServer: true, baseLocal: true},
			events: onlyNewMail, want: "create local A; fetch A"},
		{name: "gone from the Maildir, empty, new mail, pulling", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Mode: conflict.Pull}, events: onlyNewMail, want: "create local A; fetch A"},
		{name: "gone from the Maildir, empty, new mail, pushing", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Mode: conflict.Push}, events: onlyNewMail},
		{name: "gone from the Maildir, empty, new mail, not to be created", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Create: conflict.ServerOnly}, events: onlyNewMail},
		{name: "gone from the Maildir, empty, new mail, to be removed", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Remove: conflict.RemoveServer}, events: onlyNewMail, hold: "is kept", open: true},
		{name: "gone from the Maildir, its mail moved, new mail", is: existence{server: true, baseServer: true, baseLocal: true},
			events: func(w *world) { takeFiles(w); w.box("A").appendMsg(48, mail.Flags{}) },
			want:   "create local A; fetch A; move on server INBOX; move on server INBOX"},
		{name: "gone from the Maildir, its mail moved", is: existence{server: true, baseServer: true, baseLocal: true},
			events: takeFiles, want: "move on server INBOX; move on server INBOX"},
		{name: "gone from the Maildir, its mail moved, pulling", is: existence{server: true, baseServer: true, baseLocal: true},
			policy: conflict.Policy{Mode: conflict.Pull}, events: takeFiles, want: "create local A; record server only A; record server only A"},
		{name: "gone from the Maildir, one moved, new mail", is: existence{server: true, baseServer: true, baseLocal: true},
			events: func(w *world) {
				takeFiles(w)
				i := w.box(mail.Inbox)
				i.files = i.files[:len(i.files)-1]
				w.box("A").appendMsg(48, mail.Flags{})
			},
			want: "move on server INBOX", hold: "gone from the Maildir", guard: true, open: true},
		{name: "gone from the Maildir long ago, created again", is: existence{server: true, baseServer: true},
			change: func(in *plan.Input) { in.Recreate = true }, want: "create local A; fetch A; fetch A"},
		{name: "back in the Maildir", is: existence{server: true, local: true, baseServer: true},
			events: func(w *world) { w.removeFiles("A", 2) }, want: "fetch A; fetch A"},
		{name: "back on the server", is: existence{server: true, local: true, baseLocal: true},
			events: func(w *world) { w.removeMessages("A", 2) }, want: "upload A; upload A"},
		{name: "gone from both", is: existence{baseServer: true, baseLocal: true}, want: "forget mailbox A"},
		{name: "never there", is: existence{}},
	} {
		w := scene(c.policy, "")
		w.many("A", 2)
		a := w.box("A")
		if !c.is.baseServer && !c.is.baseLocal {
			w.rows = w.rows[:1]
		}
		a.onServer, a.onLocal, a.baseServer, a.baseLocal = c.is.server, c.is.local, c.is.baseServer, c.is.baseLocal
		if !a.onServer {
			a.msgs = nil
		}
		if !a.onLocal {
			a.files = nil
		}
		if c.events != nil {
			c.events(w)
		}
		p := decide(t, w, c.change)
		if got := shorts(p.Operations); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		switch {
		case c.hold == "" && len(p.Holds) > 0, c.hold != "" && len(p.Holds) != 1:
			t.Errorf("%s: holds %+v", c.name, p.Holds)
		case c.hold != "":
			h := p.Holds[0]
			if h.Mailbox != "A" || !strings.Contains(h.Text, c.hold) || h.Guard != c.guard {
				t.Errorf("%s: hold %+v", c.name, h)
			}
		}
		if _, open := p.Unfinished["A"]; open != c.open {
			t.Errorf("%s: unfinished %v", c.name, p.Unfinished)
		}
		if removals(p) > 0 && c.policy.Remove == conflict.RemoveNone {
			t.Errorf("%s: something is removed", c.name)
		}
	}
}

// TestARenamedMailboxIsMoved on either side, without a guard.
func TestARenamedMailboxIsMoved(t *testing.T) {
	t.Parallel()
	for _, local := range []bool{true, false} {
		w := scene(conflict.Policy{}, "none")
		w.many("A", 20)
		a := w.box("A")
		n := &mbox{name: "New", policy: a.policy, localOpen: true, serverOpen: true}
		w.boxes = append(w.boxes, n)
		want := "move local New"
		if local {
			n.files, n.onLocal, a.files, a.onLocal = a.files, true, nil, false
			want = "move on server New"
		} else {
			n.msgs, n.onServer, n.uidNext, a.msgs, a.onServer = a.msgs, true, 99, nil, false
		}
		p := decide(t, w, nil)
		if got := strings.Count(shorts(p.Operations), want); got != 20 || len(p.Operations) != 21 || len(p.Holds) != 0 {
			t.Errorf("local %v: %s", local, describe(p))
		}
		if err := w.apply(p, len(p.Operations), true); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInboxIsCreatedAgain where it held nothing: it is no mailbox that anybody
// could remove.
func TestInboxIsCreatedAgain(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	w.box(mail.Inbox).onLocal = false
	w.act(t, "server gets")
	if got := shorts(decide(t, w, nil).Operations); got != "create local INBOX; fetch INBOX" {
		t.Errorf("%q", got)
	}
}

// TestAFreshMailboxIsFetchedWhole.
func TestAFreshMailboxIsFetchedWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m    plan.Mailbox
		want string
	}{
		{plan.Mailbox{Name: "A", Server: plan.There, Fresh: true}, "create local A; fetch all A"},
		{plan.Mailbox{Name: "A", Server: plan.There, Local: plan.There, Fresh: true}, "fetch all A"},
		{plan.Mailbox{Name: "A", Server: plan.There, Local: plan.There, Fresh: true, Policy: conflict.Policy{Mode: conflict.Push}}, ""},
		{plan.Mailbox{Name: "A", Server: plan.There, Fresh: true, Policy: conflict.Policy{Create: conflict.None}}, ""},
		{plan.Mailbox{Name: "A", Server: plan.Held, Local: plan.There, Fresh: true}, ""},
		{plan.Mailbox{Name: "A", Server: plan.NoSelect}, ""},
		{plan.Mailbox{Name: "A", Server: plan.NoSelect, Local: plan.There}, ""},
	} {
		if got := shorts(plan.Make(plan.Input{Mailboxes: []plan.Mailbox{c.m}}).Operations); got != c.want {
			t.Errorf("%+v: %q, not %q", c.m, got, c.want)
		}
	}
}

// TestAHeldMailboxIsNotTouched, and nothing is concluded from it.
func TestAHeldMailboxIsNotTouched(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"server", "local"} {
		w := scene(conflict.Policy{}, "")
		w.act(t, "local moves A")
		p := decide(t, w, func(in *plan.Input) {
			if side == "server" {
				in.Mailboxes[0].Server = plan.Held
			} else {
				in.Mailboxes[0].Local = plan.Held
			}
		})
		// The file in A may be the one that left INBOX: it waits.
		if got := shorts(p.Operations); got != "" || p.Unfinished[mail.Inbox] != conflict.MailboxNotTouched ||
			p.Unfinished["A"] != conflict.NotProved {
			t.Errorf("%s: %s", side, describe(p))
		}
	}
}

// TestTheOrderOfOperations: by phase; INBOX first; newest messages first.
func TestTheOrderOfOperations(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	for i, b := range w.boxes {
		w.put(b.name, mail.Key(fmt.Sprint("p", i)), 60+10*i, "")
		w.put(b.name, mail.Key(fmt.Sprint("q", i)), 62+10*i, "")
		b.dropFile(mail.Key(fmt.Sprint("p", i)))
		b.file(mail.Key(fmt.Sprint("q", i))).system = mail.Flagged
		b.appendMsg(200+2*i, mail.Flags{})
		b.appendMsg(220+2*i, mail.Flags{})
		b.files = append(b.files, lfile{key: w.newKey(), c: 240 + 2*i, inode: w.newInode()})
	}
	w.boxes[0], w.boxes[2] = w.boxes[2], w.boxes[0]
	p := decide(t, w, nil)
	want := "fetch INBOX; fetch INBOX; fetch A; fetch A; fetch B; fetch B; upload INBOX; upload A; upload B; " +
		`store INBOX +\Flagged; store A +\Flagged; store B +\Flagged; ` +
		"remove on server INBOX; remove on server A; remove on server B"
	if got := shorts(p.Operations); got != want {
		t.Errorf("%q", got)
	}
	if first, second := p.Operations[0].(plan.Fetch), p.Operations[1].(plan.Fetch); first.Message.UID < second.Message.UID {
		t.Error("the oldest message is fetched first")
	}
}

// TestARepairRemovesNothing: what one side lacks comes back, whoever lost it and
// however much it is.
func TestARepairRemovesNothing(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "none")
	w.many("A", 40)
	w.removeFiles("A", 15)
	msgs := w.box("A").msgs
	w.box("A").msgs = msgs[:len(msgs)-15]
	p := decide(t, w, func(in *plan.Input) { in.KeepAll, in.AllowDeletes = true, true })
	if removals(p) != 0 || len(p.Holds) != 0 {
		t.Errorf("%d removals, holds %+v", removals(p), p.Holds)
	}
	fetched, sent := 0, 0
	for _, op := range p.Operations {
		switch op.(type) {
		case plan.Fetch:
			fetched++
		case plan.Upload:
			sent++
		}
	}
	if fetched != 15 || sent != 15 {
		t.Errorf("%d fetched, %d sent", fetched, sent)
	}
}

// recreateBlindly asks for mailboxes to be made again while another one, which may
// have their mail, cannot be looked into.
func recreateBlindly(in *plan.Input) {
	in.Recreate = true
	in.Mailboxes = append(in.Mailboxes, plan.Mailbox{Name: "Z", Server: plan.Held, Local: plan.Held})
}

// onlyNewMail leaves base with no message of A, on whose server's side one is new.
func onlyNewMail(w *world) {
	w.rows, w.box("A").msgs = w.rows[:1], nil
	w.box("A").appendMsg(48, mail.Flags{})
}

// takeFiles puts what the Maildir had in A into the inbox, under the same keys.
func takeFiles(w *world) {
	for _, r := range w.rows[1:] {
		i := w.box(mail.Inbox)
		i.files = append(i.files, lfile{key: r.Key, c: int(r.Content.Hash[0]), inode: w.newInode()})
	}
}
