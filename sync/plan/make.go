package plan

import (
	"slices"

	"godwit/conflict"
)

// Make returns the plan that the input asks for. It changes nothing of the
// input; the order of the input's mailboxes and items does not matter.
func Make(in Input) Plan { return Prepare(&in).Make() }

// Make is [Make] of the input as it was when the plan was prepared, with its Copies
// and Alike as they are now. It can be called once.
func (q *Preparation) Make() Plan {
	p := q.p
	if p.held {
		return p.order()
	}
	p.room()
	for _, b := range p.boxes {
		p.renumber(b)
		for i := range b.rows {
			p.settle(&b.rows[i])
		}
	}
	p.arrive()
	p.tellLeft()
	p.tellPartial()
	p.guard()
	p.removeMailboxes()
	return p.order()
}

// renumber takes the UIDs of another life out of a mailbox that is Reset, or made
// again on the server.
func (p *planner) renumber(b *box) {
	if !b.anew() || b.dead || b.left != conflict.NoReason {
		return
	}
	if slices.ContainsFunc(b.rows, func(r row) bool { return r.Base.UID != 0 && r.Base.Key != "" }) {
		p.add(Renumber{Step{b.Name, conflict.UIDValidityChanged}}, b, 0, "")
	}
}
