package plan_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// worlds counts the random account states that were planned for.
var worlds atomic.Int64

// seen counts for which reasons operations were planned.
var seen [256]atomic.Int64

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", checks); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	// A failure prints its world; what is left behind would only be committed.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	fmt.Printf("%d random account states\n", worlds.Load())
	for i := range seen {
		if n := seen[i].Load(); n > 0 || conflict.Reason(i).String() != conflict.NoReason.String() {
			fmt.Printf("%9d %s\n", n, conflict.Reason(i))
		}
	}
	os.Exit(code)
}

// run observes, identifies, plans.
func run(t *rapid.T, w *world, change func(*plan.Input)) (plan.Input, plan.Plan) {
	in := w.observe(nil)
	if change != nil {
		change(&in)
	}
	if _, err := w.identify(&in); err != nil {
		t.Fatalf("%v\n%s", err, w)
	}
	p := plan.Make(in)
	count(p)
	return in, p
}

// count counts what a plan was made of.
func count(p plan.Plan) {
	worlds.Add(1)
	for _, op := range p.Operations {
		seen[op.Why()].Add(1)
	}
	for _, why := range p.Unfinished {
		seen[why].Add(1)
	}
	for _, h := range p.Holds {
		seen[h.Reason].Add(1)
	}
}

func allowDeletes(in *plan.Input) { in.AllowDeletes = true }

func applyAll(t *rapid.T, w *world, p plan.Plan) {
	before := w.String()
	if err := w.apply(p, len(p.Operations), true); err != nil {
		t.Fatalf("%v\nbefore:\n%s\nplan:\n%s", err, before, describe(p))
	}
	w.finish(p)
}

// TestBothSidesAgreeAfterOnePlan: applied, a plan leaves nothing to do, both
// sides hold the same messages with the same flags, and base knows all of them.
func TestBothSidesAgreeAfterOnePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes: []conflict.Mode{conflict.TwoWay}, rooms: true, duplicates: true, resets: true, trash: true,
		})
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		lossless(t, before, p)
		applyAll(t, w, p)
		rounds := 1
		// A move of a file that was edited as well, and a removal to the trash,
		// are seen from their new place in one more run.
		if again(p) {
			_, second := run(t, w, allowDeletes)
			applyAll(t, w, second)
			rounds = 2
		}
		if _, last := run(t, w, allowDeletes); !w.atRest(last) {
			t.Fatalf("run %d has something to do:\n%sfirst plan:\n%s\nbefore:\n%s\nafter:\n%s", rounds+1, describe(last), describe(p), before, w)
		}
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\nplan:\n%s\nbefore:\n%s\nafter:\n%s", diff, describe(p), before, w)
		}
	})
}

// atRest tells that a plan has nothing to do, and nothing waits but for a
// mailbox that cannot be changed.
func (w *world) atRest(p plan.Plan) bool {
	readOnly := slices.ContainsFunc(w.boxes, func(b *mbox) bool { return b.readOnly })
	for _, why := range p.Unfinished {
		if !readOnly || why != conflict.MailboxReadOnly {
			return false
		}
	}
	return len(p.Operations)+len(p.Holds) == 0
}

// takesFlagsOff returns an operation that takes a flag off a message.
func takesFlagsOff(p plan.Plan) plan.Operation {
	for _, op := range p.Operations {
		switch o := op.(type) {
		case plan.StoreServer:
			if !o.Delta.Remove.IsZero() {
				return op
			}
		case plan.FlagLocal:
			if !o.Delta.Remove.IsZero() {
				return op
			}
		}
	}
	return nil
}

func again(p plan.Plan) bool {
	return slices.ContainsFunc(p.Operations, func(op plan.Operation) bool {
		r, trash := op.(plan.RemoveServer)
		return trash && r.Trash != "" || op.Why() == conflict.EditedAndMoved
	})
}

// disagreement says where the sides and base differ, "" when nowhere.
func (w *world) disagreement() string {
	for _, b := range w.boxes {
		rows := 0
		for _, r := range w.rows {
			if r.Mailbox != b.name {
				continue
			}
			rows++
			m, f := b.msg(r.UID), b.file(r.Key)
			if m == nil || f == nil {
				return fmt.Sprintf("row %d has only one side", r.ID)
			}
			if m.c != f.c || r.Content.Hash != f.content().Hash || r.Inode != f.inode {
				return fmt.Sprintf("row %d has several contents", r.ID)
			}
			// What both can hold, both have, and base knows.
			local, server := b.decode(f), m.flags
			if !b.holdable(local).Equal(server.Minus(b.localRoom().Missing(server))) {
				return fmt.Sprintf("row %d has flags %v in the Maildir, %v on the server", r.ID, local, server)
			}
			if !local.Minus(r.Flags).IsZero() || !server.Minus(r.Flags).IsZero() {
				return fmt.Sprintf("row %d does not know all flags, (%v) and (%v)", r.ID, local, server)
			}
		}
		if rows != len(b.msgs) || rows != len(b.files) {
			return fmt.Sprintf("%s has %d rows, %d messages, %d files", b.name, rows, len(b.msgs), len(b.files))
		}
	}
	return ""
}

// lossless checks that a plan removes no more of any content than the user
// removed on the other side, that it holds on to every content of which a copy
// is not known to remain, and that it replaces only what was edited.
func lossless(t *rapid.T, w *world, p plan.Plan) {
	gone := map[mail.Hash][2]int{} // of each content, how many rows lost the file, the message
	edited := map[int64]bool{}
	for _, r := range w.rows {
		b := w.box(r.Mailbox)
		n := gone[r.Content.Hash]
		if f := b.file(r.Key); r.Key != "" && f == nil {
			n[0]++
		} else if f != nil && f.content().Hash != r.Content.Hash {
			edited[r.ID] = true
		}
		if r.UID != 0 && (b.reset || b.msg(r.UID) == nil) {
			n[1]++
		}
		gone[r.Content.Hash] = n
	}
	expunged := map[int64]bool{}
	for _, op := range p.Operations {
		fail := func() {
			t.Fatalf("%T %+v without a removal on the other side\nplan:\n%s\nbefore:\n%s", op, op, describe(p), w)
		}
		switch op := op.(type) {
		case plan.RemoveServer:
			if op.Reason == conflict.MarkedDeleted {
				expunged[op.Row.ID] = true
				b := w.box(op.Mailbox)
				if !b.policy.ExpungeFlagged || op.Row.Flags.System&mail.Deleted == 0 {
					fail()
				}
				continue
			}
			n := gone[op.Row.Content.Hash]
			if n[0]--; n[0] < 0 {
				fail()
			}
			gone[op.Row.Content.Hash] = n
		case plan.RemoveLocal:
			if expunged[op.Row.ID] {
				continue
			}
			n := gone[op.Row.Content.Hash]
			if n[1]--; n[1] < 0 {
				fail()
			}
			gone[op.Row.Content.Hash] = n
		case plan.Upload:
			if op.Replace != 0 && !edited[op.Row.ID] {
				fail()
			}
		}
	}
	// Every content that is anywhere now, and that nobody removed or edited away,
	// is somewhere afterwards.
	after := w.clone()
	if err := after.apply(p, len(p.Operations), true); err != nil {
		t.Fatalf("%v\n%s%s", err, describe(p), w)
	}
	were, are := w.census(), after.census()
	for c, n := range were {
		if are[c] == 0 && n > 0 && !w.removedByUser(c) {
			t.Fatalf("content %d is lost\nplan:\n%s\nbefore:\n%s", c, describe(p), w)
		}
	}
}

// census counts the copies of every content on both sides.
func (w *world) census() map[int]int {
	n := map[int]int{}
	for _, b := range w.boxes {
		for _, m := range b.msgs {
			n[m.c]++
		}
		for _, f := range b.files {
			n[f.c]++
		}
	}
	return n
}

// removedByUser tells that some copy of a content was removed, edited away, or
// marked for removal where that removes.
func (w *world) removedByUser(c int) bool {
	for _, r := range w.rows {
		if r.Content.Hash != contentOf(c).Hash && r.Content.Hash != partOf(c).Hash {
			continue
		}
		b := w.box(r.Mailbox)
		f, m := b.file(r.Key), b.msg(r.UID)
		if f == nil || f.c != c || m == nil {
			return true
		}
	}
	for _, b := range w.boxes {
		for _, m := range b.msgs {
			if m.c == c && b.policy.ExpungeFlagged && m.flags.System&mail.Deleted != 0 {
				return true
			}
		}
		for _, f := range b.files {
			if f.c == c && b.policy.ExpungeFlagged && f.system&mail.Deleted != 0 {
				return true
			}
		}
	}
	return false
}

// TestTheOrderOfTheInputDoesNotMatter, nor is the input changed.
func TestTheOrderOfTheInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{
			modes:      []conflict.Mode{conflict.TwoWay, conflict.Pull, conflict.Push, conflict.Archive},
			duplicates: true, resets: true, rooms: true, remembered: true, policies: true, readOnly: true,
		})
		in, p := run(t, w, nil)
		shuffled := in
		shuffled.Mailboxes = slices.Clone(in.Mailboxes)
		shuffled.Copies = slices.Clone(in.Copies)
		shuffle(tape, shuffled.Mailboxes)
		shuffle(tape, shuffled.Copies)
		for i := range shuffled.Mailboxes {
			items := slices.Clone(shuffled.Mailboxes[i].Items)
			shuffle(tape, items)
			slices.Reverse(items)
			shuffled.Mailboxes[i].Items = items
		}
		if other := plan.Make(shuffled); !reflect.DeepEqual(p, other) {
			t.Fatalf("one order:\n%s\nanother:\n%s\nfor:\n%s", describe(p), describe(other), w)
		}
		second, _ := run(t, w, nil)
		if !reflect.DeepEqual(in, second) {
			t.Fatal("the input was changed")
		}
	})
}

func shuffle[T any](t *tape, s []T) {
	for i := range s {
		j := t.below(len(s))
		s[i], s[j] = s[j], s[i]
	}
}

// TestACutPlanConverges: whatever operation is the last one, and whether base
// learned of it or not, the next runs bring both sides together, and no message
// that was there once is there twice.
func TestACutPlanConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		duplicates := tape.oneIn(2)
		w := generate(tape, options{
			modes: []conflict.Mode{conflict.TwoWay}, rooms: true, duplicates: duplicates, resets: true,
		})
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		if len(p.Operations) == 0 {
			return
		}
		n := 1 + tape.below(len(p.Operations))
		recorded := tape.oneIn(2)
		if p.Operations[n-1].Why() == conflict.EditedAndMoved {
			recorded = true // a file that is renamed and edited is known by the journal alone
		}
		whole := w.clone()
		applyAll(t, whole, p)
		if again(p) {
			_, second := run(t, whole, allowDeletes)
			applyAll(t, whole, second)
		}
		if err := w.apply(p, n, recorded); err != nil {
			t.Fatal(err)
		}
		cut := w.clone()
		var plans []string
		for range 3 {
			_, next := run(t, w, allowDeletes)
			plans = append(plans, describe(next))
			lossless(t, w, next)
			applyAll(t, w, next)
		}
		story := func() string {
			return fmt.Sprintf("cut after %d, recorded %v, of\n%s\nbefore:\n%s\nat the cut:\n%s\nthen:\n%s\nafter:\n%s",
				n, recorded, describe(p), before, cut, strings.Join(plans, "\n"), w)
		}
		if _, last := run(t, w, allowDeletes); !w.atRest(last) {
			t.Fatalf("still something to do: %s\n%s", describe(last), story())
		}
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\n%s", diff, story())
		}
		if duplicates {
			return // whether a second copy is the user's or the cut's, only the journal knows
		}
		were, are := whole.census(), w.census()
		for c, n := range are {
			if n > were[c] {
				t.Fatalf("content %d is there %d times, not %d\n%s", c, n/2, were[c]/2, story())
			}
		}
	})
}

// TestOneWayModesLeaveTheOtherSideAlone, remember what they do not carry out,
// and come to rest.
func TestOneWayModesLeaveTheOtherSideAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes: []conflict.Mode{conflict.Pull, conflict.Push, conflict.Archive},
			rooms: true, duplicates: true, resets: true, remembered: true, policies: true, readOnly: true,
		})
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		lossless(t, before, p)
		story := func() string { return fmt.Sprintf("\nplan:\n%s\nbefore:\n%s\nafter:\n%s", describe(p), before, w) }
		applyAll(t, w, p)
		for i, b := range w.boxes {
			mode := b.policy.Mode
			if (!mode.Pushes() || b.readOnly) && !reflect.DeepEqual(b.msgs, before.boxes[i].msgs) {
				t.Fatalf("the server's %s was changed%s", b.name, story())
			}
			if !mode.Pulls() && !reflect.DeepEqual(b.files, before.boxes[i].files) {
				t.Fatalf("the Maildir's %s was changed%s", b.name, story())
			}
		}
		for _, op := range p.Operations {
			_, local := op.(plan.RemoveLocal)
			_, server := op.(plan.RemoveServer)
			policy := w.box(op.In()).policy
			if local && (policy.Mode == conflict.Archive || !policy.Expunge.OnLocal()) || server && !policy.Expunge.OnServer() {
				t.Fatalf("%+v is not to be removed%s", op, story())
			}
		}
		// What came with \Deleted is expunged by the next run; and a file that one
		// message gave up may be known as another's of the same content.
		for range 3 {
			if _, next := run(t, w, allowDeletes); !w.atRest(next) {
				if op := takesFlagsOff(next); op != nil {
					t.Fatalf("%+v, though nobody took a flag off%s", op, story())
				}
				applyAll(t, w, next)
			}
		}
		if _, last := run(t, w, allowDeletes); !w.atRest(last) {
			t.Fatalf("does not come to rest: %s%s", describe(last), story())
		}
	})
}

// TestExpungePoliciesAreKept in two-way mode: what is not to be removed stays,
// and is not brought back either.
func TestExpungePoliciesAreKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes: []conflict.Mode{conflict.TwoWay}, rooms: true, duplicates: true, resets: true, remembered: true, policies: true, readOnly: true,
		})
		before := w.clone()
		_, p := run(t, w, allowDeletes)
		lossless(t, before, p)
		story := func() string { return fmt.Sprintf("\nplan:\n%s\nbefore:\n%s\nafter:\n%s", describe(p), before, w) }
		applyAll(t, w, p)
		for _, op := range p.Operations {
			_, local := op.(plan.RemoveLocal)
			_, server := op.(plan.RemoveServer)
			policy := w.box(op.In()).policy
			if local && !policy.Expunge.OnLocal() || server && !policy.Expunge.OnServer() {
				t.Fatalf("%+v is not to be removed%s", op, story())
			}
		}
		for range 2 {
			_, next := run(t, w, allowDeletes)
			applyAll(t, w, next)
		}
		if _, last := run(t, w, allowDeletes); !w.atRest(last) {
			t.Fatalf("does not come to rest: %s%s", describe(last), story())
		}
	})
}

// TestWhatIsUnknownIsLeftAlone: of a message that one side does not show for
// certain, nothing is removed, and its mailbox is not finished.
func TestWhatIsUnknownIsLeftAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{modes: []conflict.Mode{conflict.TwoWay}, duplicates: true, rooms: true})
		unknown := map[int64]int{}
		in := w.observe(func(r mail.Row, local bool) bool {
			if tape.below(3) > 0 {
				return false
			}
			unknown[r.ID]++
			return true
		})
		in.AllowDeletes = true
		if _, err := w.identify(&in); err != nil {
			t.Fatal(err)
		}
		p := plan.Make(in)
		count(p)
		for _, op := range p.Operations {
			if row, ok := rowOf(op); ok && unknown[row.ID] > 0 && row.ID != 0 {
				t.Fatalf("%T %+v, of a message that is unknown\n%s", op, op, w)
			}
		}
		for _, r := range w.rows {
			if _, left := p.Unfinished[r.Mailbox]; unknown[r.ID] > 0 && !left {
				t.Fatalf("%s counts as finished\n%s%s", r.Mailbox, describe(p), w)
			}
		}
		lossless(t, w, p)
		applyAll(t, w, p)
		// When everything shows again, it comes together.
		for range 2 {
			_, next := run(t, w, allowDeletes)
			lossless(t, w, next)
			applyAll(t, w, next)
		}
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\n%s", diff, w)
		}
	})
}

// rowOf returns the row that an operation is about.
func rowOf(op plan.Operation) (mail.Row, bool) {
	switch op := op.(type) {
	case plan.Fetch:
		if op.Row != nil {
			return *op.Row, true
		}
	case plan.Upload:
		if op.Row != nil {
			return *op.Row, true
		}
	case plan.MoveServer:
		return op.Row, true
	case plan.MoveLocal:
		return op.Row, true
	case plan.StoreServer:
		return op.Row, true
	case plan.FlagLocal:
		return op.Row, true
	case plan.Record:
		return op.Row, true
	case plan.Forget:
		return op.Row, true
	case plan.RemoveServer:
		return op.Row, true
	case plan.RemoveLocal:
		return op.Row, true
	}
	return mail.Row{}, false
}
