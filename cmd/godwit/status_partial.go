package main

import (
	"context"
	"fmt"
	"time"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail/partial"
)

// partialStatus is a message that is here only in part, as JSON.
type partialStatus struct {
	V         int       `json:"v"`
	Account   string    `json:"account"`
	Mailbox   string    `json:"mailbox"`
	UID       uint32    `json:"uid,omitempty"`
	Key       string    `json:"key,omitempty"`
	Size      int64     `json:"size"`  // on the server
	Bytes     int64     `json:"bytes"` // here
	MessageID string    `json:"message_id,omitempty"`
	Date      time.Time `json:"date"`
}

// showPartial lists an account's messages that are here only in part.
func showPartial(ctx context.Context, p *ui.Printer, c *config.Account) int {
	all, err := partialMessages(ctx, c)
	if err != nil {
		return report(p, c.Name, because(ctx, err))
	}
	for _, m := range all {
		if p.JSON() {
			p.JSONLine(partialStatus{
				V: ui.SchemaVersion, Account: c.Name, Mailbox: p.Clean(string(m.row.Mailbox)), UID: uint32(m.row.UID), Key: p.Clean(string(m.row.Key)),
				Size: m.row.Content.Partial, Bytes: m.row.Content.Size, MessageID: p.Clean(m.id), Date: m.date,
			})
			continue
		}
		p.Print(p.Clean(fmt.Sprintf("%s: %s/%s: %s of %s %s", c.Name, m.row.Mailbox, m.row.Key,
			partial.Octets(m.row.Content.Size), partial.Octets(m.row.Content.Partial), m.id)))
	}
	return 0
}
