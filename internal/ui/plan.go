package ui

import (
	"fmt"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// step is one operation of a plan, in words.
type step struct {
	mailbox mail.Mailbox
	kind    kind
	text    string
}

// kind is what an operation counts as in a plan's sum.
type kind int

const (
	fetching kind = iota
	sending
	moving
	flagging
	removing
	leaving
	creating
	renaming
	deleting
	recording
)

// describe tells a plan: each operation that changes a side to show, one after the
// other, since there may be a great many, and then the sum of them all, which is
// empty when there is nothing to do.
func describe(p plan.Plan, show func(step)) (sum string) {
	var counts [recording + 1]int
	whole := 0
	for _, op := range p.Operations {
		s := operation(op)
		counts[s.kind]++
		if _, all := op.(plan.FetchAll); all {
			counts[s.kind]--
			whole++
		}
		if s.kind == recording {
			continue
		}
		if reason := because(op.Why()); reason != "" {
			s.text += ": " + reason
		}
		show(s)
	}
	var parts []string
	if whole > 0 {
		parts = append(parts, Plural(whole, "whole mailbox", "whole mailboxes")+" to fetch")
	}
	for _, k := range []struct {
		kind      kind
		one, many string
	}{
		{fetching, "message to fetch", "messages to fetch"},
		{sending, "message to send", "messages to send"},
		{moving, "message to move or copy", "messages to move or copy"},
		{flagging, "change of flags", "changes of flags"},
		{removing, "message to remove", "messages to remove"},
		{leaving, "message to leave the Maildir", "messages to leave the Maildir"},
		{creating, "mailbox to create", "mailboxes to create"},
		{renaming, "mailbox to rename", "mailboxes to rename"},
		{deleting, "mailbox to remove", "mailboxes to remove"},
	} {
		if n := counts[k.kind]; n > 0 {
			parts = append(parts, Plural(n, k.one, k.many))
		}
	}
	return list(parts)
}

// operation is one operation in words. The switch has every kind that there is.
func operation(op plan.Operation) step {
	s := step{mailbox: op.In()}
	switch op := op.(type) {
	case plan.RenameMailbox:
		s.kind, s.text = renaming, fmt.Sprintf("rename %s to this %s", op.From, op.On)
	case plan.CreateServer:
		s.kind, s.text = creating, "create the mailbox on the server"
	case plan.CreateLocal:
		s.kind, s.text = creating, "create the mailbox locally"
	case plan.FetchAll:
		s.kind, s.text = fetching, "fetch every message"
	case plan.Fetch:
		s.kind, s.text = fetching, fmt.Sprintf("fetch UID %d%s", op.Message.UID, size(op.Message.Content.Size))
		if op.Twin != nil {
			s.kind, s.text = moving, fmt.Sprintf("link UID %d to the same message of %s locally", op.Message.UID, op.Twin.Mailbox)
		}
	case plan.Upload:
		s.kind, s.text = sending, fmt.Sprintf("send %s%s", op.Local.Key, size(op.Content.Size))
		if op.Replace != 0 {
			s.text += fmt.Sprintf(" in place of UID %d", op.Replace)
		}
	case plan.CopyServer:
		s.kind, s.text = moving, fmt.Sprintf("copy UID %d of %s on the server", op.Source.UID, op.Source.Mailbox)
	case plan.MoveServer:
		s.kind, s.text = moving, fmt.Sprintf("move UID %d of %s here on the server", op.Row.UID, op.Row.Mailbox)
	case plan.MoveLocal:
		s.kind, s.text = moving, fmt.Sprintf("move %s of %s here locally", op.Row.Key, op.Row.Mailbox)
	case plan.StoreServer:
		s.kind, s.text = flagging, fmt.Sprintf("on the server, UID %d: %s", op.Row.UID, op.Delta)
	case plan.FlagLocal:
		s.kind, s.text = flagging, fmt.Sprintf("locally, %s: %s", op.Row.Key, op.Delta)
	case plan.RemoveServer:
		s.kind, s.text = removing, fmt.Sprintf("remove UID %d from the server", op.Row.UID)
		if op.Trash != "" {
			s.text = fmt.Sprintf("move UID %d to %s on the server", op.Row.UID, op.Trash)
		}
	case plan.RemoveLocal:
		s.kind, s.text = removing, fmt.Sprintf("move %s to the local trash", op.Row.Key)
	case plan.PutAway:
		s.kind, s.text = leaving, fmt.Sprintf("move %s to the local trash; the server keeps UID %d", op.Row.Key, op.Row.UID)
	case plan.RemoveMailbox:
		s.kind, s.text = deleting, fmt.Sprintf("remove the mailbox %s", op.On)
	case plan.Record, plan.Forget, plan.ForgetMailbox:
		s.kind = recording
	default:
		s.text = fmt.Sprintf("%T", op)
	}
	return s
}

// because is a reason's text, where it has one.
func because(r conflict.Reason) string {
	if s, ok := any(r).(fmt.Stringer); ok && r != 0 {
		return s.String()
	}
	return ""
}
