package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// everywhere are all mailboxes that there can be: those that others name, and what
// renames make of them.
var everywhere = append(slices.Clone(names[:]), "Archive", "Archive/Go", "Old", "Old/Go", "Work/Go")

// newNames are those that renames give.
var newNames = [...]mail.Mailbox{"Archive", "Old", "Work", "Lists"}

// existence is what happened to mailboxes since the last quiet point, and on which
// sides each was then.
type existence struct {
	was     [2]map[mail.Mailbox]bool
	touched map[mail.Mailbox]int  // how often anything happened to it or in it
	renamed map[mail.Mailbox]side // new names
	emptied map[mail.Mailbox]side // removed, and empty as the remover saw it
}

func newExistence(server, local []mail.Mailbox) *existence {
	e := &existence{
		was:     [2]map[mail.Mailbox]bool{{}, {}},
		touched: map[mail.Mailbox]int{}, renamed: map[mail.Mailbox]side{}, emptied: map[mail.Mailbox]side{},
	}
	for at, all := range [...][]mail.Mailbox{server, local} {
		for _, m := range all {
			e.was[at][m] = true
		}
	}
	return e
}

// there tells whether a mailbox was on both sides, and alike whether it was on
// both or on neither.
func (e *existence) there(m mail.Mailbox) (both, alike bool) {
	return e.was[onServer][m] && e.was[onLocal][m], e.was[onServer][m] == e.was[onLocal][m]
}

// renameTo is what a rename of from makes of the mailboxes that a side has, those
// below it too; nil where it cannot be.
func (w *world) renameTo(o Op, have []mail.Mailbox) (from, to mail.Mailbox, called map[mail.Mailbox]mail.Mailbox) {
	from, to = mailbox(o.A), newNames[o.B%len(newNames)]
	if from == mail.Inbox || from == trashName || to.Under(from) || from.Under(to) || !slices.Contains(have, from) {
		return from, to, nil
	}
	called = map[mail.Mailbox]mail.Mailbox{}
	for _, m := range have {
		switch {
		case m.Under(to):
			return from, to, nil // another's
		case m.Under(from):
			called[m] = to + m[len(from):]
			if !slices.Contains(everywhere, called[m]) || w.oracle.closed[m] {
				return from, to, nil
			}
		}
	}
	return from, to, called
}

func (w *world) renameServer(o Op) string {
	from, to, called := w.renameTo(o, w.server.Names())
	if called == nil {
		return ""
	}
	moved := map[content][2]mail.Mailbox{}
	for m, n := range called {
		for _, msg := range w.server.Messages(m) {
			if c, ok := w.contentOf(msg.Raw); ok {
				moved[c] = [2]mail.Mailbox{m, n}
				w.oracle.wentAlong(onServer, c, m, n)
			}
		}
	}
	if !w.server.RenameMailbox(from, to) {
		w.broke("the simulator renamed %s to %s, and the server did not", from, to)
	}
	w.oracle.renamed(onServer, called)
	return fmt.Sprintf("%s to %s, with %d contents", from, to, len(moved))
}

func (w *world) renameLocal(o Op) string {
	from, to, called := w.renameTo(o, w.local.Names())
	if called == nil || !w.local.RenameAll(from, to, called) {
		return ""
	}
	for m, n := range called {
		for _, f := range w.local.Files(n) {
			if c, ok := w.contentOf(f.Raw); ok {
				w.oracle.wentAlong(onLocal, c, m, n)
			}
		}
		w.unlooked[n] = append(w.unlooked[n], w.unlooked[m]...)
	}
	w.oracle.renamed(onLocal, called)
	return fmt.Sprintf("%s to %s", from, to)
}

func (o *oracle) renamed(at side, called map[mail.Mailbox]mail.Mailbox) {
	for m, n := range called {
		o.renames = append(o.renames, mail.NewName{From: m, To: n})
		o.touch(m)
		o.touch(n)
		if o.running {
			o.unsure[m], o.unsure[n] = true, true
		}
		if _, again := o.boxes.renamed[n]; !again && !o.running {
			o.boxes.renamed[n] = at
		}
	}
}

// asRenamed notes a removal from the server that leaves the traces of a rename: the
// messages of the mailbox had been moved to a new one. Where it goes by its new name
// here, too, those below it, of which the server never heard, go along.
func (o *oracle) asRenamed(m mail.Mailbox) {
	to := map[mail.Mailbox]bool{}
	for _, s := range o.stories {
		for n := range s.model[onServer] {
			if s.start[m] > 0 && s.model[onServer][m] == 0 && s.start[n] == 0 && !o.boxes.was[onServer][n] && s.relocated[onServer] > 0 {
				to[n] = true
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(to)) {
		o.renames = append(o.renames, mail.NewName{From: m, To: n})
	}
}

// madeAgain notes which mailboxes a run makes again, as it was told to, with all that
// the other side has in them: what was removed there, too.
func (o *oracle) madeAgain(p plan.Plan) {
	for _, op := range p.Operations {
		if op.Why() == conflict.MailboxRecreated {
			o.lost[op.In()] = true
		}
	}
}

// takenAgain notes mailboxes of the server that have the name of one that was renamed
// there: under that name, messages are numbered anew.
func (o *oracle) takenAgain(names []mail.Mailbox) {
	for _, r := range o.renames {
		if o.boxes.renamed[r.To] == onServer && slices.Contains(names, r.From) {
			o.reset[r.From] = true
		}
	}
}

func (o *oracle) touch(m mail.Mailbox) { o.boxes.touched[m]++ }

// removed notes that a mailbox was removed from a side where it held so many
// messages. An empty one, where removals are repeated, is no loss; but in a window
// the server may have what is not here. Where nothing is changed on the server, an empty
// directory's removal is nobody's word that the Maildir is to do without the mailbox.
func (o *oracle) removed(at side, m mail.Mailbox, messages int) {
	if o.w.mode.Pulls() && !o.w.mode.Pushes() && at == onLocal && messages == 0 && m != mail.Inbox {
		o.touch(m) // it is to come back by itself
		return
	}
	if o.w.c.Remove == "" || messages > 0 || m == mail.Inbox || m == trashName || o.w.mode != conflict.TwoWay || o.running || o.w.windowed() {
		o.dropped(at, m)
	} else {
		o.boxes.emptied[m] = at
	}
	o.touch(m)
}

// judgeMailboxes says which mailboxes are there and should not be, or the other way
// round, in an account that is kept the same in both directions.
func (w *world) judgeMailboxes() {
	o := w.oracle
	has := [2]func(mail.Mailbox) bool{w.hasServer, w.hasLocal}
	for _, m := range everywhere {
		both, alike := o.boxes.there(m)
		if m != trashName && m != mail.Inbox && alike && o.boxes.touched[m] == 0 && len(o.called(m)) == 1 {
			for at, has := range has {
				if has(m) != both {
					w.broke("nobody did anything to %s, and it is on the %s: %t, was: %t", m, side(at), has(m), both)
				}
			}
		}
	}
	if o.cut || len(o.lost) > 0 {
		return
	}
	for m := range o.boxes.emptied {
		if both, _ := o.boxes.there(m); both && o.boxes.touched[m] == 1 && len(o.boxes.emptied) < 4 && (w.hasServer(m) || w.hasLocal(m)) {
			w.broke("%s was removed from one side, empty, and is on the server: %t, in the Maildir: %t", m, w.hasServer(m), w.hasLocal(m))
		}
	}
	for m := range o.boxes.renamed {
		if !w.hasServer(m) || !w.hasLocal(m) {
			if o.boxes.touched[m] == 1 && len(o.called(m)) == 2 && o.wereThere(o.called(m)) {
				w.broke("a mailbox was renamed to %s, which is on the server: %t, in the Maildir: %t", m, w.hasServer(m), w.hasLocal(m))
			}
		}
	}
}

// wereThere tells that one of these names was a mailbox's of both sides. One that the
// Maildir does without, since all that was in it is elsewhere, it does without by any name.
func (o *oracle) wereThere(all []mail.Mailbox) bool {
	return slices.ContainsFunc(all, func(m mail.Mailbox) bool {
		both, _ := o.boxes.there(m)
		return both
	})
}

// asked tells that a run waits for a word on a mailbox that one side has no more:
// one that was removed empty, while the other side got mail for it, or one that was
// renamed in a way that leaves no proof.
func (w *world) asked(holds []plan.Hold) bool {
	if len(w.oracle.boxes.emptied) == 0 && len(w.oracle.renames) == 0 {
		return false
	}
	asked := false
	for _, h := range holds {
		switch h.Reason {
		case conflict.MailboxGoneFromServer, conflict.MailboxGoneFromMaildir, conflict.MailboxHasMail:
			if _, empty := w.oracle.boxes.emptied[h.Mailbox]; empty &&
				len(w.server.Messages(h.Mailbox)) == 0 && (!w.hasLocal(h.Mailbox) || len(w.local.Files(h.Mailbox)) == 0) {
				continue // there is nothing to ask about
			}
			// All that was in it comes back.
			w.oracle.lost[h.Mailbox], asked = true, true
		}
	}
	return asked
}

// called are all names that a mailbox has, or had, by the renames on either side:
// its own among them.
func (o *oracle) called(m mail.Mailbox) []mail.Mailbox {
	all := []mail.Mailbox{m}
	add := func(n mail.Mailbox) {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	for i := 0; i < len(all); i++ {
		for _, r := range o.renames {
			if all[i].Under(r.From) {
				add(r.To + all[i][len(r.From):])
			}
			if all[i].Under(r.To) {
				add(r.From + all[i][len(r.To):])
			}
		}
	}
	slices.Sort(all)
	return all
}

// renamedToo adds what a content may be where one side's users renamed its mailbox
// and the other side's users did something about the content itself: that counts.
func (o *oracle) renamedToo(s *story, all []places) []places {
	if s.went && s.changed[onServer] && s.changed[onLocal] {
		return append(all, s.model[onServer], s.model[onLocal])
	}
	return all
}

// equal tells whether a content is where it should be. One that was put into a
// mailbox, or moved, while the other side's users renamed that, is there by either
// name; one that went along with the rename has the new name, and so has one that was
// removed then, and stays for what the other side did to its flags. (In a window, what
// is on the server alone goes along where the rename is proved, and else stays.)
func (o *oracle) equal(s *story, want, now places) bool {
	if maps.Equal(want, now) {
		return true
	}
	if len(o.renames) == 0 || s.went && !o.w.windowed() && !(s.changed[onServer] && s.changed[onLocal]) && s.gone == [2]int{} {
		return false
	}
	same := func(p places) places {
		out := places{}
		for m, n := range p {
			out.add(o.called(m)[0], n)
		}
		return out
	}
	return maps.Equal(same(want), same(now))
}

// known tells which mailboxes base has.
func (w *world) known() map[mail.Mailbox]bool {
	all := map[mail.Mailbox]bool{}
	points, err := w.base.Checkpoints(context.Background())
	if err != nil {
		w.broke("reading base: %v", err)
	}
	for _, c := range points {
		all[c.Mailbox] = true
	}
	return all
}

// noPassing checks that no mailbox was left under a name that it had for a moment.
func (w *world) noPassing() {
	for _, m := range slices.Concat(w.server.Names(), w.local.Names()) {
		if strings.HasPrefix(string(m), mail.PassingName) {
			w.broke("a mailbox is left under the name %s", m)
		}
	}
	for m := range w.known() {
		if !w.hasServer(m) && !w.hasLocal(m) {
			w.broke("base knows the mailbox %s, which is on neither side", m)
		}
	}
}
