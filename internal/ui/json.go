package ui

import (
	"encoding/json"
	"fmt"
	"time"

	"godwit/mail"
	"godwit/sync"
	"godwit/sync/plan"
)

// SchemaVersion is the "v" of every line of JSON. It changes when a field goes
// or changes its meaning; new events and fields may come without.
const SchemaVersion = 1

// record is one line of JSON. docs/json.md tells which event has which fields; a
// field that has nothing to say is left out.
type record struct {
	V       int    `json:"v"`
	Time    string `json:"time"`
	Event   string `json:"event"`
	Account string `json:"account,omitempty"`
	Mailbox string `json:"mailbox,omitempty"`
	Side    string `json:"side,omitempty"`
	What    string `json:"what,omitempty"`
	UID     uint32 `json:"uid,omitempty"`
	Key     string `json:"key,omitempty"`
	Bytes   *int64 `json:"bytes,omitempty"`
	Size    *int64 `json:"size,omitempty"`

	Total      *int `json:"total,omitempty"`
	Moved      *int `json:"moved,omitempty"`
	Operations *int `json:"operations,omitempty"`
	Messages   *int `json:"messages,omitempty"`

	Detail string `json:"detail,omitempty"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"`
	Guard  *bool  `json:"guard,omitempty"`
	Next   string `json:"next,omitempty"`
	Held   *int   `json:"held,omitempty"`

	Exit      *int       `json:"exit,omitempty"`
	Seconds   *float64   `json:"seconds,omitempty"`
	DryRun    bool       `json:"dry_run,omitempty"`
	Counts    *counts    `json:"counts,omitempty"`
	Remaining *remaining `json:"remaining,omitempty"`
}

// remaining is what a limit left to the next run.
type remaining struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

// counts is what a run did.
type counts struct {
	Fetched int `json:"fetched"`
	Sent    int `json:"sent"`
	Moved   int `json:"moved"`
	Flagged int `json:"flagged"`
	Removed int `json:"removed"`
	Paired  int `json:"paired"`
	Left    int `json:"left"`
	Held    int `json:"held"`
	Aside   int `json:"set_aside"`
	Failed  int `json:"failed"`
	Looked  int `json:"mailboxes_looked_into"`
	Total   int `json:"mailboxes"`
}

// record writes one line.
func (p *Printer) record(r record) {
	r.V, r.Time = SchemaVersion, p.o.Now().UTC().Format(time.RFC3339Nano)
	p.JSONLine(r)
}

// JSONLine writes a value as one line of JSON.
func (p *Printer) JSONLine(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		p.Error("", fmt.Sprintf("write JSON: %v", err))
		return
	}
	p.Print(string(line))
}

// event is an event as JSON. The switch has every kind that there is.
func (a *Account) event(e sync.Event) record {
	r := record{Account: a.name}
	mailbox := func(m mail.Mailbox) { r.Mailbox = a.p.Clean(string(m)) }
	switch e := e.(type) {
	case sync.Listed:
		r.Event, r.Total, r.Moved = "listed", &e.Total, &e.Moved
	case sync.Looking:
		r.Event = "looking"
		mailbox(e.Mailbox)
	case sync.Planned:
		r.Event, r.Operations, r.Messages, r.Bytes = "planned", &e.Operations, &e.Messages, &e.Bytes
	case sync.Expected:
		r.Event, r.Messages, r.Bytes = "expected", &e.Messages, &e.Bytes
		mailbox(e.Mailbox)
	case sync.Transferred:
		r.Event, r.Side, r.UID, r.Key, r.Bytes = "transferred", string(e.Side), uint32(e.UID), a.p.Clean(string(e.Key)), &e.Bytes
		mailbox(e.Mailbox)
	case sync.Received:
		r.Event, r.UID, r.Bytes, r.Size = "received", uint32(e.UID), &e.Bytes, &e.Total
		mailbox(e.Mailbox)
	case sync.Changed:
		r.Event, r.Side, r.What, r.UID, r.Key = "changed", string(e.Side), e.What, uint32(e.UID), a.p.Clean(string(e.Key))
		r.Detail, r.Reason = a.p.Clean(e.Detail), because(e.Reason)
		mailbox(e.Mailbox)
	case sync.HeldBack:
		held := len(e.Hold.Removals)
		r.Event, r.Text, r.Reason = "held", a.p.Clean(e.Hold.Text), because(e.Hold.Reason)
		r.Guard, r.Held = &e.Hold.Guard, &held
		mailbox(e.Hold.Mailbox)
	case sync.Failed:
		r.Event, r.UID, r.Key = "failed", uint32(e.Failure.UID), a.p.Clean(string(e.Failure.Key))
		r.Text = a.p.Clean(e.Failure.Err.Error())
		if e.Failure.Next != 0 {
			r.Next = time.Unix(int64(e.Failure.Next), 0).UTC().Format(time.RFC3339)
		}
		mailbox(e.Failure.Mailbox)
	case sync.Finished:
		r.Event = "finished"
		mailbox(e.Mailbox)
	default:
		r.Event = fmt.Sprintf("%T", e)
	}
	return r
}

// operation is one operation of a dry run as JSON.
func (a *Account) operation(op plan.Operation) record {
	s := operation(op)
	r := record{
		Event: "operation", Account: a.name, Mailbox: a.p.Clean(string(s.mailbox)), What: opName(op),
		Text: a.p.Clean(s.text), Reason: because(op.Why()), DryRun: true,
	}
	switch op := op.(type) {
	case plan.Fetch:
		r.UID, r.Bytes = uint32(op.Message.UID), known(op.Message.Content.Size)
	case plan.Upload:
		r.Key, r.Bytes = a.p.Clean(string(op.Local.Key)), known(op.Content.Size)
	case plan.StoreServer:
		r.UID, r.Key = uint32(op.Row.UID), a.p.Clean(string(op.Row.Key))
	case plan.FlagLocal:
		r.UID, r.Key = uint32(op.Row.UID), a.p.Clean(string(op.Row.Key))
	case plan.RemoveServer:
		r.UID, r.Key = uint32(op.Row.UID), a.p.Clean(string(op.Row.Key))
	case plan.RemoveLocal:
		r.UID, r.Key = uint32(op.Row.UID), a.p.Clean(string(op.Row.Key))
	case plan.PutAway:
		r.UID, r.Key = uint32(op.Row.UID), a.p.Clean(string(op.Row.Key))
	}
	return r
}

// opName is an operation's name in JSON.
func opName(op plan.Operation) string {
	switch op := op.(type) {
	case plan.RemoveMailbox:
		if op.On == plan.OnLocal {
			return "remove-mailbox-local"
		}
		return "remove-mailbox-server"
	case plan.RenameMailbox:
		if op.On == plan.OnLocal {
			return "rename-local"
		}
		return "rename-server"
	case plan.CreateServer:
		return "create-server"
	case plan.CreateLocal:
		return "create-local"
	case plan.FetchAll:
		return "fetch-all"
	case plan.Fetch:
		if op.Twin != nil {
			return "link"
		}
		return "fetch"
	case plan.Upload:
		return "send"
	case plan.CopyServer:
		return "copy-server"
	case plan.MoveServer:
		return "move-server"
	case plan.MoveLocal:
		return "move-local"
	case plan.StoreServer:
		return "flags-server"
	case plan.FlagLocal:
		return "flags-local"
	case plan.RemoveServer:
		return "remove-server"
	case plan.RemoveLocal:
		return "remove-local"
	case plan.PutAway:
		return "leave"
	case plan.Record:
		return "record"
	case plan.Forget:
		return "forget"
	case plan.ForgetMailbox:
		return "forget-mailbox"
	}
	return fmt.Sprintf("%T", op)
}

// done is the end of an account's run as JSON.
func (a *Account) done(o Outcome, took time.Duration) record {
	res, seconds := &o.Result, took.Seconds()
	r := record{
		Event: "done", Account: a.name, Exit: &o.Exit, Seconds: &seconds, Bytes: &res.Bytes, DryRun: o.DryRun,
		Counts: &counts{
			Fetched: res.Pulled, Sent: res.Pushed, Moved: res.Moved, Flagged: res.Flagged, Removed: res.Removed, Paired: res.Paired, Left: res.Left,
			Held: res.Held, Aside: len(res.SetAside), Failed: len(res.Failures), Looked: res.Looked, Total: res.Total,
		},
	}
	if l := res.Remaining; l.Messages > 0 {
		r.Remaining = &remaining{l.Messages, l.Bytes}
	}
	if o.Err != nil {
		r.Text = a.p.Clean(o.Err.Error())
	}
	return r
}

func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}
