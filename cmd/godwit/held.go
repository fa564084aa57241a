package main

import (
	"context"
	"encoding/json"
	"fmt"

	"godwit/mail"
	"godwit/statedb"
	"godwit/sync/plan"
)

// heldMeta is the name in the state database under which a run leaves what it
// held back, for `status` to tell.
const heldMeta = "held"

// heldBack is something that the last run held back.
type heldBack struct {
	Mailbox string `json:"mailbox,omitempty"`
	Text    string `json:"text"`
	Guard   bool   `json:"guard"`
}

// recordHeld leaves what a run held back. A run over some mailboxes says nothing
// about the others: what was held there stays. Nothing is written when nothing
// changed, so that a run without work costs none.
func recordHeld(ctx context.Context, base *statedb.DB, holds []plan.Hold, only func(mail.Mailbox) bool) error {
	before, err := base.Meta(ctx, heldMeta)
	if err != nil {
		return fmt.Errorf("read what was held back: %w", err)
	}
	var now []heldBack
	if only != nil {
		old, err := parseHeld(before)
		if err != nil {
			return err
		}
		for _, h := range old {
			if h.Mailbox == "" || !only(mail.Mailbox(h.Mailbox)) {
				now = append(now, h)
			}
		}
	}
	for _, h := range holds {
		now = append(now, heldBack{string(h.Mailbox), h.Text, h.Guard})
	}
	after := ""
	if len(now) > 0 {
		text, err := json.Marshal(now)
		if err != nil {
			return fmt.Errorf("record what was held back: %w", err)
		}
		after = string(text)
	}
	if after == before {
		return nil
	}
	return base.SetMeta(context.WithoutCancel(ctx), heldMeta, after)
}

func parseHeld(text string) ([]heldBack, error) {
	if text == "" {
		return nil, nil
	}
	var held []heldBack
	if err := json.Unmarshal([]byte(text), &held); err != nil {
		return nil, fmt.Errorf("what was held back: %w", err)
	}
	return held, nil
}
