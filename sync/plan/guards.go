package plan

import (
	"fmt"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
)

// The guards' defaults: a mailbox or an account that would lose so many
// messages, and more than this part of what base knows.
const (
	defaultMaxDeletePercent = 25
	defaultMaxDeleteCount   = 10
)

// toll counts the messages that a plan would remove, by side. A message that
// is removed from both sides is counted once, in Total.
type toll struct {
	server, local, total int
}

func (t *toll) count(op Operation) bool {
	switch op := op.(type) {
	case RemoveServer:
		t.server++
		if op.Then == nil || op.Then.UID == 0 {
			t.total++
		}
	case RemoveLocal:
		t.local++
		t.total++
	default:
		return false
	}
	return true
}

// guard holds removals back where there are too many: those of a mailbox, or
// all, where the account's sum is too high.
func (p *planner) guard() {
	keeps := p.in.NewRoot || p.in.KeepAll || p.in.Restored
	if p.in.AllowDeletes && !keeps {
		return
	}
	var account toll
	each := make([]toll, len(p.boxes))
	percent, count := 0, 0 // the strictest of the mailboxes that would lose anything
	for _, s := range p.steps {
		if !each[s.box.rank].count(s.op) {
			continue
		}
		account.count(s.op)
		pc, n := limits(s.box.Policy)
		if percent == 0 || pc < percent {
			percent = pc
		}
		if count == 0 || n < count {
			count = n
		}
	}
	if account.total == 0 {
		return
	}
	if keeps {
		why := conflict.NewRootKeeps
		if p.in.KeepAll {
			why = conflict.RepairKeeps
		}
		for _, s := range p.takeRemovals(nil) {
			p.unfinished(s.box, why)
		}
		return
	}
	if total := known(p.in.Total); tooMany(account.total, total, percent, count) {
		p.holdRemovals(nil, account, total)
		return
	}
	for _, b := range p.boxes {
		pc, n := limits(b.Policy)
		if rows := known(b.Rows); tooMany(each[b.rank].total, rows, pc, n) {
			p.holdRemovals(b, each[b.rank], rows)
		}
	}
}

// known is of how many messages a part is meant: of those that both sides were to
// have. What is outside of a window must not make a loss inside look small.
func known(rows mail.Counts) int { return max(rows.Server-rows.Outside, rows.Local) }

// limits returns a policy's limits, defaults filled in.
func limits(c conflict.Policy) (percent, count int) {
	percent, count = c.MaxDeletePercent, c.MaxDeleteCount
	if percent == 0 {
		percent = defaultMaxDeletePercent
	}
	if count == 0 {
		count = defaultMaxDeleteCount
	}
	return percent, count
}

func tooMany(removals, rows, percent, count int) bool {
	return removals >= count && removals*100 > percent*rows
}

// takeRemovals takes the removals in a mailbox, nil for all, out of the plan.
func (p *planner) takeRemovals(b *box) []step {
	var taken []step
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool {
		var t toll
		if b != nil && s.box != b || !t.count(s.op) {
			return false
		}
		taken = append(taken, s)
		return true
	})
	slices.SortStableFunc(taken, compareSteps)
	return taken
}

func (p *planner) holdRemovals(b *box, t toll, rows int) {
	h := Hold{Reason: conflict.TooManyRemovals, Guard: true}
	of := "the account"
	if b != nil {
		h.Mailbox, of = b.Name, "the mailbox"
	}
	for _, s := range p.takeRemovals(b) {
		h.Removals = append(h.Removals, s.op)
		p.unfinished(s.box, conflict.TooManyRemovals)
	}
	var sides []string
	if t.server > 0 {
		sides = append(sides, fmt.Sprintf("%d from the server", t.server))
	}
	if t.local > 0 {
		sides = append(sides, fmt.Sprintf("%d from the Maildir", t.local))
	}
	h.Text = fmt.Sprintf("%d of %s in %s would be removed (%s); nothing was removed, --allow-deletes lets it",
		t.total, messages(rows), of, strings.Join(sides, ", "))
	p.hold(h)
}

// hold adds a hold.
func (p *planner) hold(h Hold) { p.plan.Holds = append(p.plan.Holds, h) }

// unfinished notes that something in a mailbox is not settled; of several
// reasons the first in order stands.
func (p *planner) unfinished(b *box, why conflict.Reason) {
	if p.plan.Unfinished == nil {
		p.plan.Unfinished = map[mail.Mailbox]conflict.Reason{}
	}
	if old, ok := p.plan.Unfinished[b.Name]; !ok || why < old {
		p.plan.Unfinished[b.Name] = why
	}
}

// rescan notes that a file in a mailbox is left as it is, and must be met again.
func (p *planner) rescan(b *box) {
	if p.plan.Rescan == nil {
		p.plan.Rescan = map[mail.Mailbox]bool{}
	}
	p.plan.Rescan[b.Name] = true
}
