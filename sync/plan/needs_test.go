package plan_test

import (
	"fmt"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// TestNeedsAsksForNoMoreThanMayDecide. Contents 60 and 61 share a header and a
// size and are weak; 42 and 43 too; 62 and 63 are a draft's two versions; 58,
// 52, 46 and 40 are of one size, each with a header of its own.
func TestNeedsAsksForNoMoreThanMayDecide(t *testing.T) {
	t.Parallel()
	file := func(m mail.Mailbox, c int) func(*world) {
		return func(w *world) {
			w.box(m).files = append(w.box(m).files, lfile{key: w.newKey(), c: c, inode: w.newInode()})
		}
	}
	msg := func(m mail.Mailbox, c int) func(*world) {
		return func(w *world) { w.box(m).appendMsg(c, mail.Flags{}) }
	}
	draft := func(m mail.Mailbox, c int) func(*world) {
		return func(w *world) { w.box(m).appendMsg(c, mail.Flags{System: mail.Draft}) }
	}
	lostFrom := func(m mail.Mailbox, c int) func(*world) {
		return func(w *world) {
			w.put(m, w.newKey(), c, "")
			b := w.box(m)
			b.dropMsg(b.uidNext)
		}
	}
	identified := func(m mail.Mailbox, name string) func(*plan.Input) {
		return func(in *plan.Input) {
			for i := range in.Mailboxes {
				for j := range in.Mailboxes[i].Items {
					if it := &in.Mailboxes[i].Items[j]; in.Mailboxes[i].Name == m && it.Server != nil {
						it.Server.Content.EmailID = name
					}
				}
			}
		}
	}
	if contentOf(40).Size != contentOf(46).Size || contentOf(40).Weak || contentOf(41).Head == contentOf(40).Head || !contentOf(42).Weak || isDraft(40) {
		t.Fatal("the contents are not what the cases take them for")
	}
	for _, c := range []struct {
		name   string
		world  []func(*world)
		change func(*plan.Input)
		heads  string
		hashes string
		then   string // what is asked for when the headers are known
	}{
		{name: "nothing new", world: nil},
		{name: "new mail only", world: []func(*world){msg("A", 40)}},
		{name: "another size", world: []func(*world){msg("A", 40), file("A", 42)}},
		{name: "a file of that size", world: []func(*world){msg("A", 40), file("A", 46), msg("A", 42)}, heads: "A 1"},
		{name: "the file", world: []func(*world){msg("A", 40), file("A", 40)}, heads: "A 1"},
		{name: "a file elsewhere", world: []func(*world){msg("A", 40), file("B", 40)}},
		{name: "a weak header", world: []func(*world){msg("A", 42), file("A", 43)}, heads: "A 1", then: "A 1"},
		{name: "a weak header, of another", world: []func(*world){msg("A", 42), file("A", 48)}, heads: "A 1"},
		{name: "a draft", world: []func(*world){draft("A", 62), file("A", 63)}, hashes: "A 1"},
		{name: "in the mailbox of drafts", world: []func(*world){
			msg("A", 62), file("A", 63), func(w *world) { w.box("A").role = mail.RoleDrafts }}, hashes: "A 1"},
		{name: "gone from another mailbox", world: []func(*world){msg("A", 40), lostFrom("B", 46)}, heads: "A 1"},
		{name: "a draft gone from another mailbox, with another header", world: []func(*world){
			msg("A", 40), lostFrom("B", 46), func(w *world) { w.box("B").role = mail.RoleDrafts }}, heads: "A 1"},
		{name: "gone from the same mailbox", world: []func(*world){lostFrom("A", 46), msg("A", 40)}, heads: "A 2"},
		{name: "gone from another mailbox, another size", world: []func(*world){msg("A", 40), lostFrom("B", 42)}},
		{name: "a message that is there", world: []func(*world){msg("A", 40), func(w *world) { w.put("B", "k", 40, ""); w.box("B").files[0].system = mail.Seen }}},
		{name: "after a reset", world: []func(*world){func(w *world) { w.put("A", "k", 40, ""); w.put("A", "l", 42, ""); w.box("A").reset = true }},
			heads: "A 1:2", then: "A 2"},
		{name: "the server names contents", world: []func(*world){msg("A", 40), lostFrom("B", 46), func(w *world) { w.rows[0].Content.EmailID = "other" }},
			change: identified("A", "this")},
		{name: "the server names contents, a file has no name", world: []func(*world){msg("A", 40), file("A", 46)},
			change: identified("A", "this"), heads: "A 1"},
		{name: "an edited file", world: []func(*world){func(w *world) { w.put("A", "k", 42, ""); w.box("A").files[0] = lfile{key: "k", c: 40, inode: 999} }, msg("A", 46)},
			heads: "A 2"},
	} {
		w := scene(conflict.Policy{}, "none")
		for _, f := range c.world {
			f(w)
		}
		in := w.observe(nil)
		if c.change != nil {
			c.change(&in)
		}
		needs := plan.Needs(in)
		if got := list(needs.Heads); got != c.heads {
			t.Errorf("%s: headers %q, not %q", c.name, got, c.heads)
		}
		if got := list(needs.Hashes); got != c.hashes {
			t.Errorf("%s: messages %q, not %q", c.name, got, c.hashes)
		}
		for i := range in.Mailboxes {
			for j := range in.Mailboxes[i].Items {
				m := in.Mailboxes[i].Name
				if s := in.Mailboxes[i].Items[j].Server; s != nil && needs.Heads[m].Contains(s.UID) {
					name := s.Content.EmailID
					s.Content = contentOf(w.box(m).msg(s.UID).c)
					s.Content.Hash, s.Content.EmailID = mail.Hash{}, name
				}
			}
		}
		then := plan.Needs(in)
		if got := list(then.Hashes); c.hashes == "" && got != c.then || len(then.Heads) > 0 {
			t.Errorf("%s: then messages %q, not %q, headers %v", c.name, got, c.then, then.Heads)
		}
	}
}

func list(sets map[mail.Mailbox]mail.UIDSet) string {
	s := ""
	for _, m := range []mail.Mailbox{mail.Inbox, "A", "B"} {
		if !sets[m].IsEmpty() {
			s += fmt.Sprintf("%s %v", m, sets[m])
		}
	}
	return s
}

// TestWhatCannotBeIdentifiedIsLeftAlone: of what the server does not show, as
// long as it may be known already, nothing is fetched, uploaded or removed; and
// when it shows it, both sides come together without a message more.
func TestWhatCannotBeIdentifiedIsLeftAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{modes: []conflict.Mode{conflict.TwoWay}, resets: true, rooms: true})
		whole := w.clone()
		for range 2 {
			_, p := run(t, whole, allowDeletes)
			applyAll(t, whole, p)
		}
		in := w.observe(nil)
		in.AllowDeletes = true
		hidden := map[mail.Mailbox]map[mail.UID]bool{}
		for round := range 4 {
			needs := plan.Needs(in)
			for i := range in.Mailboxes {
				m := &in.Mailboxes[i]
				if hidden[m.Name] == nil {
					hidden[m.Name] = map[mail.UID]bool{}
				}
				for j := range m.Items {
					s := m.Items[j].Server
					if s == nil {
						continue
					}
					head, all := needs.Heads[m.Name].Contains(s.UID), needs.Hashes[m.Name].Contains(s.UID)
					full := contentOf(w.box(m.Name).msg(s.UID).c)
					switch {
					case !head && !all || hidden[m.Name][s.UID]:
					case tape.oneIn(2):
						hidden[m.Name][s.UID] = true
					case all:
						s.Content = full
					default:
						full.Hash = mail.Hash{}
						s.Content = full
					}
				}
			}
			if round == 3 {
				for m, sets := range map[string]map[mail.Mailbox]mail.UIDSet{"headers": needs.Heads, "messages": needs.Hashes} {
					for box, uids := range sets {
						for u := range uids.All() {
							if !hidden[box][u] {
								t.Fatalf("%s of %s UID %d are asked for again", m, box, u)
							}
						}
					}
				}
			}
		}
		p := plan.Make(in)
		count(p)
		before := w.clone()
		lossless(t, before, p)
		for _, op := range p.Operations {
			if f, ok := op.(plan.Fetch); ok && hidden[f.Mailbox][f.Message.UID] {
				// It may be fetched when by now it can be nothing that is known.
				if _, doubt := p.Unfinished[f.Mailbox]; doubt && f.Row != nil {
					t.Fatalf("%+v", f)
				}
			}
		}
		applyAll(t, w, p)
		var plans []string
		for range 3 {
			_, next := run(t, w, allowDeletes)
			plans = append(plans, describe(next))
			applyAll(t, w, next)
		}
		if diff := w.disagreement(); diff != "" {
			t.Fatalf("%s\n%s\nfirst:\n%s\nbefore:\n%s", diff, plans, describe(p), before)
		}
		were, are := whole.census(), w.census()
		for c, n := range are {
			if n > were[c] {
				t.Fatalf("content %d is there %d times, not %d\nfirst:\n%s\nthen:\n%s\nbefore:\n%s\nafter:\n%s", c, n/2, were[c]/2, describe(p), plans, before, w)
			}
		}
		for c, n := range were {
			if are[c] < n {
				t.Fatalf("content %d is there %d times, not %d\nfirst:\n%s\nthen:\n%s\nbefore:\n%s\nafter:\n%s", c, are[c]/2, n/2, describe(p), plans, before, w)
			}
		}
	})
}
