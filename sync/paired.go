package sync

import (
	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// paired counts the messages that a plan recognised by their content, on both
// sides, where base knew nothing of them, or no UID any more. A message whose
// flags were merged as well has several operations.
func paired(p plan.Plan) int {
	type message struct {
		mailbox mail.Mailbox
		uid     mail.UID
	}
	several := map[message]bool{}
	n := 0
	for _, op := range p.Operations {
		if why := op.Why(); why != conflict.PairedByContent && why != conflict.UIDValidityChanged {
			continue
		}
		var row mail.Row
		switch op := op.(type) {
		case plan.Record:
			if op.Row.UID != 0 && op.Row.Key != "" {
				n++
			}
			continue
		case plan.StoreServer:
			row = op.Row
		case plan.FlagLocal:
			row = op.Row
		default:
			continue
		}
		if row.UID != 0 && row.Key != "" {
			several[message{row.Mailbox, row.UID}] = true
		}
	}
	return n + len(several)
}
