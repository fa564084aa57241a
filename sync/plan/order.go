package plan

import (
	"cmp"
	"slices"

	"godwit/mail"
)

// phase is the place of a kind of operation in the plan. Removals come last, so
// that nothing is taken away before what it was is safe elsewhere; the removal
// of a file comes after that of its server message, since it drops their row.
func phase(op Operation) uint8 {
	switch op.(type) {
	case CreateServer:
		return 0
	case CreateLocal:
		return 1
	case Renumber:
		return 2
	case FetchAll:
		return 3
	case Fetch:
		return 4
	case Upload:
		return 5
	case CopyServer:
		return 6
	case MoveServer:
		return 7
	case MoveLocal:
		return 8
	case StoreServer:
		return 9
	case FlagLocal:
		return 10
	case Forget:
		return 11
	case Record:
		return 12
	case RemoveServer:
		return 13
	case RemoveLocal:
		return 14
	case PutAway:
		return 15
	case ForgetMailbox:
		return 16
	case RemoveMailbox:
		return 17
	}
	return 18
}

// step is an operation with what it is ordered by.
type step struct {
	op    Operation
	box   *box
	key   mail.Key
	uid   mail.UID
	phase uint8
}

func (p *planner) add(op Operation, b *box, uid mail.UID, key mail.Key) {
	s := step{op, b, key, uid, phase(op)}
	if r, ok := op.(Record); ok && r.Row.Key == "" {
		s.uid = 0 // a row that gives its file up comes before the one that takes it
	}
	p.steps = append(p.steps, s)
}

// compareSteps orders by phase, then mailbox, then UID and key: messages to be
// fetched newest first, since those are wanted first.
func compareSteps(a, b step) int {
	uids := cmp.Compare(a.uid, b.uid)
	if _, fetch := a.op.(Fetch); fetch {
		uids = -uids
	}
	return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.box.rank, b.box.rank), uids, cmp.Compare(a.key, b.key))
}

// order puts the plan together.
func (p *planner) order() Plan {
	slices.SortStableFunc(p.steps, compareSteps)
	if len(p.steps) > 0 {
		p.plan.Operations = make([]Operation, len(p.steps))
		for i, s := range p.steps {
			p.plan.Operations[i] = s.op
		}
	}
	if len(p.plan.Holds) < 2 {
		return p.plan
	}
	ranks := make(map[mail.Mailbox]int, len(p.boxes)+1)
	for _, b := range p.boxes {
		ranks[b.Name] = b.rank + 1
	}
	slices.SortStableFunc(p.plan.Holds, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(ranks[a.Mailbox], ranks[b.Mailbox]), cmp.Compare(a.Reason, b.Reason))
	})
	return p.plan
}
