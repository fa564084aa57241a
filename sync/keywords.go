package sync

import (
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
	"godwit/sync/plan"
)

// keywordsThatStay tells of keywords that the Maildir gave to messages and that
// the server cannot hold (PERMANENTFLAGS without \*, RFC 9051, 7.1): they stay in
// the Maildir and in base. Once base has them they are no news, and are not told
// again.
func (r *run) keywordsThatStay(p plan.Plan) []plan.Hold {
	before := map[int64]mail.Keywords{}
	for _, b := range r.order {
		for i := range b.items {
			if row := b.items[i].Base; row != nil && row.Flags.Keywords != "" {
				before[row.ID] = row.Flags.Keywords
			}
		}
	}
	stay := map[mail.Mailbox]mail.Keywords{}
	for _, op := range p.Operations {
		b := r.boxes[op.In()]
		if b == nil || b.observed == nil || b.observed.Keywords.Open || b.observed.ReadOnly || !b.policy.Mode.Pushes() {
			continue
		}
		var id int64
		var flags mail.Flags
		switch op := op.(type) {
		case plan.Upload:
			flags = op.Flags
			if op.Row != nil {
				id = op.Row.ID
			}
		case plan.CopyServer:
			flags = op.Flags
		case plan.MoveServer:
			id, flags = op.Row.ID, op.Flags
		case plan.Record:
			id, flags = op.Row.ID, op.Row.Flags
		case plan.StoreServer:
			id, flags = op.Row.ID, op.Row.Flags
		case plan.FlagLocal:
			id, flags = op.Row.ID, op.Row.Flags
		}
		if flags.Keywords != "" {
			new := b.observed.Keywords.Missing(flags).Keywords.Minus(before[id])
			stay[b.name] = stay[b.name].Union(new)
		}
	}
	var holds []plan.Hold
	for _, b := range r.order {
		if names := stay[b.name].List(); len(names) > 0 {
			holds = append(holds, plan.Hold{
				Mailbox: b.name,
				Text:    fmt.Sprintf("the server takes no new keywords in this mailbox; in the Maildir alone: %s", shortList(names)),
			})
		}
	}
	return holds
}

// shortList writes some names, and how many more there are.
func shortList(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(slices.Clip(names[:most]), ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}
