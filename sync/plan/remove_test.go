package plan_test

import (
	"fmt"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// TestMailboxesAreRemovedOnlyWhenEmpty: whatever happened to the messages of
// mailboxes that one side removed, no message goes without having been removed
// from the other side, and no mailbox with a message in it.
func TestMailboxesAreRemovedOnlyWhenEmpty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tape := drawTape(t)
		w := generate(tape, options{modes: []conflict.Mode{conflict.TwoWay, conflict.Archive, conflict.Push}, duplicates: true, trash: true})
		for _, b := range w.boxes {
			b.policy.Remove = conflict.Removal(tape.below(4))
			if b.name == mail.Inbox {
				continue
			}
			switch tape.below(4) {
			case 1:
				b.onServer, b.msgs = false, nil
			case 2:
				b.onLocal, b.files = false, nil
			}
		}
		before := w.clone()
		_, p := run(t, w, func(in *plan.Input) { in.AllowDeletes = tape.oneIn(2) })
		lossless(t, before, p)
		applyAll(t, w, p)
		for _, op := range p.Operations {
			removed, is := op.(plan.RemoveMailbox)
			if !is {
				continue
			}
			b := before.box(removed.Mailbox)
			if onServer := removed.On == plan.OnServer; b.name == mail.Inbox || onServer && (b.onLocal || !b.policy.Remove.OnServer()) ||
				!onServer && (b.onServer || !b.policy.Remove.OnLocal()) {
				t.Fatalf("%+v\nplan:\n%s\nbefore:\n%s", removed, describe(p), before)
			}
		}
	})
}

// TestManyMailboxesAreNotRemovedAtOnce: empty ones go, until they are too many.
func TestManyMailboxesAreNotRemovedAtOnce(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 6; n++ {
		for _, allow := range []bool{false, true} {
			in := plan.Input{AllowDeletes: allow, Mailboxes: []plan.Mailbox{{
				Name: mail.Inbox, Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true,
			}}}
			for i := range 10 {
				m := plan.Mailbox{
					Name: mail.Mailbox(fmt.Sprint("M", i)), Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true,
					Policy: conflict.Policy{Remove: conflict.RemoveLocal},
				}
				if i < n {
					m.Server = plan.Missing
				}
				in.Mailboxes = append(in.Mailboxes, m)
			}
			p := plan.Make(in)
			want := n
			if n >= 4 && !allow {
				want = 0
			}
			if len(p.Operations) != want {
				t.Errorf("%d of 11 are gone, allowed %t: %d are removed", n, allow, len(p.Operations))
			}
			if guarded := len(p.Holds) > 0 && p.Holds[0].Guard && p.Holds[0].Reason == conflict.TooManyMailboxes; guarded != (want == 0) {
				t.Errorf("%d of 11 are gone, allowed %t: %+v", n, allow, p.Holds)
			}
		}
	}
}
