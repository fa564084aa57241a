package plan_test

import (
	"fmt"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// TestMailboxesThatCameAndWent: whole mailboxes are missing on either side, were
// known there or not; no message is removed because of it, whatever the user
// allows; and created again, both sides come together, with everything that was
// anywhere and that nobody removed.
func TestMailboxesThatCameAndWent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{modes: []conflict.Mode{conflict.TwoWay}, rooms: true, duplicates: true, resets: true})
		scatter(tape, w)
		before := w.clone()
		choose := tape.below(8)
		_, p := run(t, w, func(in *plan.Input) {
			in.AllowDeletes, in.Recreate, in.NewRoot = choose&1 != 0, choose&2 != 0, choose&4 != 0
		})
		story := func() string {
			return fmt.Sprintf("choice %d\nplan:\n%s\nbefore:\n%s\nafter:\n%s", choose, describe(p), before, w)
		}
		for _, op := range p.Operations {
			row, _ := rowOf(op)
			switch op.(type) {
			case plan.RemoveServer, plan.RemoveLocal:
				b := before.box(row.Mailbox)
				if !b.onServer || !b.onLocal || choose&4 != 0 {
					t.Fatalf("%T %+v\n%s", op, op, story())
				}
			}
		}
		applyAll(t, w, p)
		var plans string
		for range 4 {
			_, next := run(t, w, func(in *plan.Input) { in.AllowDeletes, in.Recreate = true, true })
			plans += describe(next)
			applyAll(t, w, next)
		}
		if _, last := run(t, w, func(in *plan.Input) { in.AllowDeletes, in.Recreate = true, true }); !w.atRest(last) {
			t.Fatalf("does not come to rest: %s\n%s\nthen:\n%s", describe(last), story(), plans)
		}
		for _, b := range w.boxes {
			if b.onServer != b.onLocal {
				t.Fatalf("%s is on one side only\n%s\nthen:\n%s", b.name, story(), plans)
			}
		}
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\n%s\nthen:\n%s", diff, story(), plans)
		}
		were, are := before.census(), w.census()
		for c := range were {
			if are[c] == 0 && !before.removedByUser(c) {
				t.Fatalf("content %d is lost\n%s\nthen:\n%s", c, story(), plans)
			}
		}
	})
}

// scatter takes mailboxes away from either side.
func scatter(g *tape, w *world) {
	for i, b := range w.boxes {
		switch g.below(8) {
		case 3:
			if i > 0 { // a server without INBOX is another test's
				b.onServer, b.msgs = false, nil
			}
		case 4:
			b.onLocal, b.files = false, nil
		case 5:
			if i > 0 {
				b.onServer, b.msgs, b.onLocal, b.files = false, nil, false, nil
			}
		}
		switch g.below(8) {
		case 5:
			b.baseServer = false
		case 6:
			b.baseLocal = false
		case 7:
			b.baseServer, b.baseLocal = false, false
			var rows []mail.Row
			for _, r := range w.rows {
				if r.Mailbox != b.name {
					rows = append(rows, r)
				}
			}
			w.rows = rows
		}
	}
}
