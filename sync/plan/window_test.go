package plan_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// noRemovalFor checks that nothing is removed from the server because a window has it
// not: what is removed there had a file, and the user removed it, or marked it to be
// expunged.
func noRemovalFor(t *rapid.T, w *world, p plan.Plan) {
	rows := map[int64]mail.Row{}
	for _, r := range w.rows {
		rows[r.ID] = r
	}
	for _, op := range p.Operations {
		var row mail.Row
		switch op := op.(type) {
		case plan.RemoveServer:
			if op.Reason == conflict.MarkedDeleted {
				continue
			}
			row = op.Row
		case plan.MoveServer:
			row = op.Row
		case plan.Upload:
			if op.Replace == 0 {
				continue
			}
			row = *op.Row
		default:
			continue
		}
		was := rows[row.ID]
		if was.Window == mail.Outside && op.Why() != conflict.EditedInMaildir || was.Key == "" && was.Window == mail.Outside {
			t.Fatalf("%T %+v, of a message that is outside of a window\nplan:\n%s\nbefore:\n%s", op, op, describe(p), w)
		}
		if _, removes := op.(plan.RemoveServer); removes && w.box(was.Mailbox).file(was.Key) != nil {
			t.Fatalf("%T %+v, whose file is there\nplan:\n%s\nbefore:\n%s", op, op, describe(p), w)
		}
	}
}

// windowDisagreement says where a mailbox has not what its window has, "" when
// nowhere.
func (w *world) windowDisagreement() string {
	for _, b := range w.boxes {
		msgs, files := len(b.msgs), len(b.files)
		for _, r := range w.rows {
			if r.Mailbox != b.name {
				continue
			}
			m, f := b.msg(r.UID), b.file(r.Key)
			if m == nil {
				return fmt.Sprintf("row %d is not on the server", r.ID)
			}
			msgs--
			inside := b.window.Has(m.uid, dateOf(m.c), m.flags) || r.Window == mail.Brought
			switch {
			case f == nil && r.Window != mail.Outside:
				return fmt.Sprintf("row %d has no file, and is not outside", r.ID)
			case inside != (f != nil):
				return fmt.Sprintf("row %d is inside: %v, and has a file: %v", r.ID, inside, f != nil)
			case f == nil:
				continue
			}
			files--
			if f.c != m.c {
				return fmt.Sprintf("row %d has several contents", r.ID)
			}
		}
		if msgs != 0 || files != 0 {
			return fmt.Sprintf("%s has %d messages and %d files too many", b.name, msgs, files)
		}
	}
	return ""
}

// server is what the server holds, by mailbox and content.
func (w *world) server() map[string]int {
	n := map[string]int{}
	for _, b := range w.boxes {
		for _, m := range b.msgs {
			n[fmt.Sprint(b.name, " ", m.c)]++
		}
	}
	return n
}

// rounds runs until nothing is left to do.
func rounds(t *rapid.T, w *world, story func() string) {
	for range 5 {
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		if w.atRest(p) {
			return
		}
		noRemovalFor(t, before, p)
		lossless(t, before, p)
		applyAll(t, w, p)
	}
	_, p := run(t, w, allowDeletes)
	t.Fatalf("does not come to rest: %s\n%s", describe(p), story())
}

// TestNoWindowEverRemovesOnTheServer: with windows and without, the same becomes of
// the server, whatever its users and those of the Maildir did meanwhile; and the
// Maildir has in the end what its windows have.
func TestNoWindowEverRemovesOnTheServer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{modes: []conflict.Mode{conflict.TwoWay}, rooms: true, resets: true, windows: true, parts: true})
		before, bare := w.clone(), w.clone()
		story := func() string { return fmt.Sprintf("before:\n%s\nafter:\n%s", before, w) }
		rounds(t, w, story)
		if diff := w.windowDisagreement(); diff != "" {
			t.Fatalf("%s\n%s", diff, story())
		}
		for _, b := range bare.boxes {
			b.window = mail.Window{}
		}
		rounds(t, bare, story)
		if got, want := w.server(), bare.server(); !reflect.DeepEqual(got, want) {
			t.Fatalf("with windows the server has %v, without %v\n%s", got, want, story())
		}
	})
}

// TestAPlanWithWindowsCutAnywhereConverges, and removes nothing for them.
func TestAPlanWithWindowsCutAnywhereConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{modes: []conflict.Mode{conflict.TwoWay}, rooms: true, resets: true, windows: true, parts: true})
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		if len(p.Operations) == 0 {
			return
		}
		n := 1 + tape.below(len(p.Operations))
		recorded := tape.oneIn(2)
		if p.Operations[n-1].Why() == conflict.EditedAndMoved {
			recorded = true
		}
		if err := w.apply(p, n, recorded); err != nil {
			t.Fatal(err)
		}
		cut := w.clone()
		story := func() string {
			return fmt.Sprintf("cut after %d, recorded %v, of\n%s\nbefore:\n%s\nat the cut:\n%s\nafter:\n%s", n, recorded, describe(p), before, cut, w)
		}
		rounds(t, w, story)
		if diff := w.windowDisagreement(); diff != "" {
			t.Fatalf("%s\n%s", diff, story())
		}
	})
}

// TestWindowsInEveryMode: nothing goes for a window where nothing is to go, and what
// goes is on the server.
func TestWindowsInEveryMode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes: []conflict.Mode{conflict.TwoWay, conflict.Pull, conflict.Push, conflict.Archive},
			rooms: true, duplicates: true, resets: true, remembered: true, policies: true, readOnly: true, windows: true,
		})
		before := w.clone()
		var plans []string
		for range 4 {
			now := w.clone()
			_, p := run(t, w, allowDeletes)
			plans = append(plans, describe(p))
			noRemovalFor(t, now, p)
			lossless(t, now, p)
			for _, op := range p.Operations {
				leaves, is := op.(plan.PutAway)
				if !is {
					continue
				}
				b := w.box(op.In())
				m := b.msg(leaves.Row.UID)
				if mode := b.policy.Mode; m == nil || mode == conflict.Archive || mode == conflict.Push || b.window.Has(m.uid, dateOf(m.c), m.flags) {
					t.Fatalf("%+v\n%s\n%s", op, describe(p), now)
				}
			}
			applyAll(t, w, p)
		}
		if _, last := run(t, w, allowDeletes); !w.atRest(last) {
			t.Fatalf("does not come to rest: %s\n%s\nbefore:\n%s\nafter:\n%s", describe(last), strings.Join(plans, "\n"), before, w)
		}
	})
}

// TestPartialMessagesAreLikeOthers: whatever is done to them, they are never sent, and
// both sides agree in the end.
func TestPartialMessagesAreLikeOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes: []conflict.Mode{conflict.TwoWay}, rooms: true, resets: true, trash: true, parts: true,
		})
		before := w.clone()
		story := func() string { return fmt.Sprintf("before:\n%s\nafter:\n%s", before, w) }
		rounds(t, w, story)
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\n%s", diff, story())
		}
	})
}
