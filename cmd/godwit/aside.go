package main

import (
	"context"
	"fmt"
	"time"

	"godwit/internal/ui"
	"godwit/mail"
	"godwit/statedb"
)

// asideStatus is a message that is set aside, for people and as JSON.
type asideStatus struct {
	Mailbox string    `json:"mailbox"`
	Side    string    `json:"side"` // where the message is
	UID     uint32    `json:"uid,omitempty"`
	Key     string    `json:"key,omitempty"`
	Tried   string    `json:"tried"`
	Text    string    `json:"text"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Next    time.Time `json:"next"`
	Tries   int       `json:"tries"`
}

// triedNames are the words of JSON.
var triedNames = map[mail.Attempt]string{
	mail.AttemptFetch: "fetch", mail.AttemptAppend: "send", mail.AttemptRead: "read",
}

// setAside reads what is set aside.
func setAside(ctx context.Context, p *ui.Printer, base *statedb.DB) ([]asideStatus, error) {
	all, err := base.Quarantine(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]asideStatus, 0, len(all))
	for _, q := range all {
		side := "server"
		if q.Key != "" {
			side = "local"
		}
		out = append(out, asideStatus{
			Mailbox: p.Clean(string(q.Mailbox)), Side: side, UID: uint32(q.UID), Key: p.Clean(string(q.Key)),
			Tried: triedNames[q.Tried], Text: p.Clean(q.Reason),
			First: instant(q.First), Last: instant(q.Last), Next: instant(q.Next), Tries: q.Tries,
		})
	}
	return out, nil
}

func (a asideStatus) text(now time.Time) string {
	which := a.Key
	if a.UID != 0 {
		which = fmt.Sprintf("UID %d", a.UID)
	}
	next := "the next run tries it again"
	if d := a.Next.Sub(now); d > 0 && !now.Before(a.Last) {
		next = "tried again in " + ui.Pause(d)
	}
	return fmt.Sprintf("%s: %s is set aside: %s (%s, first %s; %s)",
		a.Mailbox, which, a.Text, ui.Plural(a.Tries, "try", "tries"), ui.Ago(now.Sub(a.First)), next)
}
