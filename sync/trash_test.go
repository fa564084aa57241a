package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// cutting ends a run at the n-th point that it passes, as a power cut would: nothing that
// is asked of any side from then on is done.
type cutting struct {
	mu   gosync.Mutex
	left int
	at   string
}

var errPower = errors.New("the power is cut")

func (c *cutting) step(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left > 0 {
		return nil
	}
	if c.at == "" {
		c.at = name
	}
	return errPower
}

// trashCase is an account of which some messages were removed that go to a trash mailbox
// of a server without MOVE.
type trashCase struct {
	*account
	trash   mail.Mailbox
	removed []string // what is to be in the trash
}

func newTrashCase(t *testing.T, p fake.Profile, trash mail.Mailbox) *trashCase {
	a := &trashCase{&account{sides{fake.NewServer(p), fake.NewLocal("a"), fake.NewBase()}, t, time.Unix(1_800_000_000, 0)}, trash, nil}
	a.server.CreateMailbox("Work", "")
	if trash == "Trash" {
		a.server.CreateMailbox(trash, mail.RoleTrash)
		a.server.Deliver(trash, letter(1), mail.Flags{}) // removed long ago
		a.removed = append(a.removed, string(letter(1)))
	}
	for _, n := range []int{1, 1, 2, 3} {
		a.server.Deliver(mail.Inbox, letter(n), mail.Flags{})
		a.server.Deliver("Work", letter(n+1), mail.Flags{})
	}
	a.run(a.options)
	for m, numbers := range map[mail.Mailbox][]int{mail.Inbox: {1, 2}, "Work": {2, 4}} {
		for _, n := range numbers {
			files := a.local.Files(m)
			i := slices.IndexFunc(files, func(f fake.File) bool { return string(f.Raw) == string(letter(n)) })
			a.local.Delete(m, files[i].Key)
			a.removed = append(a.removed, string(letter(n)))
		}
	}
	slices.Sort(a.removed)
	return a
}

func (a *trashCase) options(o *sync.Options) {
	o.Patience, o.Trash = []time.Duration{}, string(a.trash)
}

// broken is a run that ends with an error.
func (a *trashCase) broken(step func(string) error) error {
	o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base, Step: step, Now: func() time.Time { return a.now }}
	a.options(&o)
	_, err := sync.Run(a.t.Context(), o)
	return err
}

// settled checks, after two runs, that each message is where it should be, once.
func (a *trashCase) settled(when string) {
	a.t.Helper()
	a.run(a.options)
	a.run(a.options)
	want := map[mail.Mailbox][]string{
		a.trash: a.removed, mail.Inbox: {string(letter(1)), string(letter(3))}, "Work": {string(letter(2)), string(letter(3))},
	}
	for m, all := range want {
		var server, local []string
		for _, msg := range a.server.Messages(m) {
			server = append(server, string(msg.Raw))
		}
		for _, f := range a.local.Files(m) {
			local = append(local, string(f.Raw))
		}
		slices.Sort(server)
		slices.Sort(local)
		slices.Sort(all)
		if !slices.Equal(server, all) {
			a.t.Errorf("%s: the server's %s has\n%s\nwant\n%s", when, m, subjects(server), subjects(all))
		}
		if !slices.Equal(local, all) {
			a.t.Errorf("%s: the Maildir's %s has\n%s\nwant\n%s", when, m, subjects(local), subjects(all))
		}
	}
	if r := a.run(a.options); r.Changed() || len(r.Plan.Operations) > 0 || len(r.Failures) > 0 {
		a.t.Errorf("%s: it does not come to rest: %+v", when, r)
	}
	if left, err := a.base.Intents(a.t.Context()); err != nil || len(left) > 0 {
		a.t.Errorf("%s: intents are left: %+v %v", when, left, err)
	}
}

func subjects(all []string) (s string) {
	for _, raw := range all {
		for line := range strings.Lines(raw) {
			if strings.HasPrefix(line, "Subject") {
				s += line
			}
		}
	}
	return s
}

var withoutMove = map[string]fake.Profile{"plain": fake.Plain, "CONDSTORE": fake.CondStore}

// firstPoint is how many points a run passes until it first comes to one.
func firstPoint(t *testing.T, p fake.Profile, trash mail.Mailbox, name string) int {
	a := newTrashCase(t, p, trash)
	n, first := 0, 0
	var mu gosync.Mutex
	step := func(at string) error {
		mu.Lock()
		defer mu.Unlock()
		if n++; at == name && first == 0 {
			first = n
		}
		return nil
	}
	a.server.Step, a.local.Step, a.base.Step = step, step, step
	if err := a.broken(step); err != nil || first == 0 {
		t.Fatalf("the run did not come to %s: %v", name, err)
	}
	return first
}

// TestARemovalCutOffAnywhereIsInTheTrashOnce: on servers without MOVE, whose COPY, STORE
// and EXPUNGE can be cut apart.
func TestARemovalCutOffAnywhereIsInTheTrashOnce(t *testing.T) {
	t.Parallel()
	for name, p := range withoutMove {
		for _, trash := range []mail.Mailbox{"Trash", "Bin"} { // the latter has to be made
			t.Run(name+" "+string(trash), func(t *testing.T) {
				t.Parallel()
				points := map[string]bool{}
				for n := firstPoint(t, p, trash, "remove.intended") - 3; ; n++ {
					a := newTrashCase(t, p, trash)
					c := &cutting{left: n}
					a.server.Step, a.local.Step, a.base.Step = c.step, c.step, c.step
					err := a.broken(c.step)
					a.server.Step, a.local.Step, a.base.Step = nil, nil, nil
					if c.left > 0 {
						if err != nil {
							t.Fatal(err)
						}
						break
					}
					points[c.at] = true
					a.settled(fmt.Sprintf("cut at point %d, %s", n, c.at))
					if t.Failed() {
						return
					}
				}
				for _, point := range []string{"remove.intended", "Server.Move", "Server.Move copied", "Server.Move marked", "Server.Move done", "remove.server", "remove.recorded"} {
					if !points[point] {
						t.Errorf("no run was cut at %s", point)
					}
				}
			})
		}
	}
}

// TestWhatWasCopiedToTheTrashBeforeTheConnectionBrokeIsThereOnce: some of the messages of
// the command, or all of them, without an answer that says so.
func TestWhatWasCopiedToTheTrashBeforeTheConnectionBrokeIsThereOnce(t *testing.T) {
	t.Parallel()
	for name, p := range withoutMove {
		for items := range 3 {
			for _, lost := range []error{mail.ErrUncertain, errors.Join(mail.ErrUncertain, mail.ErrOffline)} {
				a := newTrashCase(t, p, "Trash")
				a.server.Fail(fake.Fault{Method: "Move", Effect: fake.Partly, Items: items, Err: lost})
				_ = a.broken(nil)
				a.settled(fmt.Sprintf("%s, %d copied, then %v", name, items, lost))
			}
		}
	}
}

// TestWhoeverWantsAMessageBackHasItBack although a run that was cut off had copied it to
// the trash: what has a copy there is not removed for that.
func TestWhoeverWantsAMessageBackHasItBack(t *testing.T) {
	t.Parallel()
	for name, p := range withoutMove {
		a := newTrashCase(t, p, "Trash")
		_ = a.broken(nil)
		a.settled(name)
		a.now = a.now.Add(time.Hour)
		file := a.local.Files("Work")[0]
		a.local.Delete("Work", file.Key)
		a.server.Fail(fake.Fault{Method: "Move", Effect: fake.Partly, Items: 1, Err: mail.ErrUncertain})
		_ = a.broken(nil)
		if in, _ := a.base.Intents(t.Context()); len(in) != 1 || in[0].Kind != mail.IntentTrash {
			t.Fatalf("%s: %+v", name, in)
		}
		for _, msg := range a.server.Messages("Work") {
			if string(msg.Raw) == string(file.Raw) {
				a.server.SetFlags("Work", msg.UID, mail.Flags{System: mail.Flagged})
			}
		}
		a.run(a.options)
		a.run(a.options)
		if n, m := len(a.server.Messages("Work")), len(a.local.Files("Work")); n != 2 || m != 2 {
			t.Errorf("%s: the server has %d messages and the Maildir %d, want 2", name, n, m)
		}
		if in, _ := a.base.Intents(t.Context()); len(in) != 0 {
			t.Errorf("%s: intents are left: %+v", name, in)
		}
		if r := a.run(a.options); r.Changed() || len(r.Plan.Operations) > 0 {
			t.Errorf("%s: it does not come to rest: %+v", name, r)
		}
	}
}

// TestWhatAGuardHoldsBackIsNotForgotten: the copies that a run made before it was cut off
// are known until the removals are allowed again.
func TestWhatAGuardHoldsBackIsNotForgotten(t *testing.T) {
	for name, p := range withoutMove {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, p)
			a.server.CreateMailbox("Trash", mail.RoleTrash)
			const all, removed = 30, 20
			for n := range all {
				a.at(n, 1)
			}
			a.run()
			for n := range removed {
				a.local.Delete(mail.Inbox, a.key(n))
			}
			patience := func(o *sync.Options) { o.Patience = []time.Duration{} }
			allow := func(o *sync.Options) { o.AllowDeletes = true }
			a.server.Fail(fake.Fault{Method: "Move", Effect: fake.Partly, Items: removed - 5, Err: mail.ErrUncertain})
			o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base, AllowDeletes: true}
			if r, err := sync.Run(t.Context(), o); err != nil || r.Removed > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			for range 2 {
				if r := a.run(patience); !r.Guarded() || r.Removed > 0 {
					t.Fatalf("no guard: %+v", r)
				}
			}
			a.run(patience, func(o *sync.Options) { o.DryRun = true })
			if r := a.run(patience, allow); r.Removed != removed {
				t.Fatalf("%d were removed, want %d", r.Removed, removed)
			}
			a.run(patience)
			if n, m := len(a.server.Messages("Trash")), len(a.server.Messages(mail.Inbox)); n != removed || m != all-removed {
				t.Errorf("the trash has %d messages and INBOX %d", n, m)
			}
			if in, _ := a.base.Intents(t.Context()); len(in) > 0 {
				t.Errorf("intents are left: %+v", in)
			}
		})
	}
}

// unreadable is a server that lets nobody look into the trash mailbox any more.
type unreadable struct{ *fake.Server }

func (u unreadable) List(ctx context.Context, m mail.Mailbox) (*mail.Observation, error) {
	if m == "Trash" {
		return nil, errors.New("NO [NOPERM] not yours")
	}
	return u.Server.List(ctx, m)
}

// TestATrashThatCannotBeLookedIntoKeepsNothingElse: only what may have a copy there waits,
// and another trash mailbox takes that.
func TestATrashThatCannotBeLookedIntoKeepsNothingElse(t *testing.T) {
	for name, p := range withoutMove {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, p)
			a.server.CreateMailbox("Trash", mail.RoleTrash)
			a.at(1, 1)
			a.at(2, 1)
			a.run()
			a.local.Delete(mail.Inbox, a.key(1))
			a.server.Fail(fake.Fault{Method: "Move", Effect: fake.Partly, Items: 1, Err: mail.ErrUncertain})
			o := sync.Options{Account: "a", Server: a.server, Local: a.local, Base: a.base}
			if r, err := sync.Run(t.Context(), o); err != nil || r.Removed > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			a.at(3, 1)
			trash := "auto"
			closed := func(o *sync.Options) {
				o.Server, o.Patience, o.Trash = unreadable{a.server}, []time.Duration{}, trash
			}
			r := a.run(closed)
			a.has([]int{2, 3}, []int{1, 2, 3})
			if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Err.Error(), "not yours") {
				t.Fatalf("%+v", r.Failures)
			}
			trash = "Bin"
			a.run(closed)
			a.has([]int{2, 3}, []int{2, 3})
			a.run(closed) // the new mailbox comes here
			if r := a.run(closed); len(r.Failures) > 0 || len(r.Plan.Operations) > 0 {
				t.Fatalf("%+v", r)
			}
			if n := len(a.server.Messages("Bin")); n != 1 {
				t.Errorf("the other one has %d messages", n)
			}
			if in, _ := a.base.Intents(t.Context()); len(in) > 0 {
				t.Errorf("intents are left: %+v", in)
			}
		})
	}
}
