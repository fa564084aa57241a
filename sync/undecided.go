package sync

import (
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// undecided says what the plan left for another run because something was not
// known. A removal that was proved, and a message that is new, are things that
// somebody waits for: the run is done in part. What a busy directory did not show
// is, nearly always, there: it is told to those who want to know everything.
func (r *run) undecided(p *plan.Plan) []plan.Hold {
	var holds []plan.Hold
	for _, b := range r.order {
		why, left := p.Unfinished[b.name]
		switch {
		case b.has().doubted > 0 && left:
			holds = append(holds, plan.Hold{
				Mailbox: b.name, Reason: conflict.NotProved, Incomplete: true,
				Text: fmt.Sprintf("%s from the Maildir, and may have been moved to where nobody can see it (%s); nothing is removed until that is clear",
					areMissing(b.has().doubted), r.outOfSight()),
			})
		case left && why == conflict.NotIdentified:
			holds = append(holds, plan.Hold{
				Mailbox: b.name, Reason: why, Incomplete: true,
				Text: "a new message may be one that is known already, and the server does not show what it is; " +
					"so that nothing comes twice, it waits for the next run",
			})
		case left && b.listing != nil && !b.listing.Settled:
			holds = append(holds, plan.Hold{
				Mailbox: b.name, Reason: why,
				Text: "the directory was being changed while it was read; what did not show there is looked at again in the next run",
			})
		}
	}
	return holds
}

// outOfSight says where messages may be that cannot be seen.
func (r *run) outOfSight() string {
	i := slices.IndexFunc(r.order, func(b *box) bool { return b.hides() })
	if i >= 0 {
		b := r.order[i]
		for id, a := range b.aside {
			if a.Tried == mail.AttemptRead && !a.Known {
				return fmt.Sprintf("the file %s in %s cannot be read", showable(string(id.key)), b.name)
			}
		}
	}
	if i = slices.IndexFunc(r.order, func(b *box) bool { return b.blind }); i < 0 {
		return "a mailbox could not be read"
	}
	if b := r.order[i]; b.listing != nil && !b.listing.Settled {
		return fmt.Sprintf("%s was being changed while it was read", b.name)
	}
	return fmt.Sprintf("%s could not be read whole", r.order[i].name)
}

func areMissing(n int) string {
	if n == 1 {
		return "1 message is missing"
	}
	return fmt.Sprintf("%d messages are missing", n)
}
