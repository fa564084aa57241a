package ui

import (
	"fmt"
	"time"

	"godwit/mail"
	"godwit/sync"
	"godwit/sync/plan"
)

// Account shows one account's run.
type Account struct {
	p     *Printer
	name  string
	begun time.Time
}

// Account begins to show an account's run.
func (p *Printer) Account(name string) *Account {
	a := &Account{p: p, name: name, begun: p.o.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts = max(p.accounts, Width(name))
	if p.o.Progress {
		if p.bars == nil {
			p.bars = newBars(p.o.Err, look{style: p.style(p.o.ErrTerminal), unicode: p.o.Unicode, clean: p.Clean}, p.o.Now)
		}
		p.bars.begin(name)
	}
	return a
}

// Scope names a mailbox of the account as messages do.
func (a *Account) Scope(m mail.Mailbox) string { return scope(a.name, string(m)) }

// Event takes what the engine tells. It is quick, and may be called by many
// goroutines.
func (a *Account) Event(e sync.Event) {
	if a.p.o.JSON {
		a.p.record(a.event(e))
	}
	a.progress(func(b *bars) { b.event(a.name, e) })
	switch e := e.(type) {
	case sync.Failed:
		a.failed(e.Failure)
	case sync.HeldBack:
		if e.Hold.Guard || e.Hold.Incomplete || a.p.chatty() {
			a.p.Warn(a.Scope(e.Hold.Mailbox), e.Hold.Text)
		}
	default:
		if a.p.o.Level == Verbose && !a.p.o.JSON {
			if line := a.line(e); line != "" {
				a.p.Print(line)
			}
		}
	}
}

// Notice shows a text that the server wants the user to know.
func (a *Account) Notice(text string) { a.p.Notice(a.name, text) }

// Notice shows a text that an account's server wants the user to know.
func (p *Printer) Notice(account, text string) { p.notice(account, text, "the server says: ") }

// Remark shows what is to be known about an account's server.
func (p *Printer) Remark(account, text string) { p.notice(account, text, "") }

func (p *Printer) notice(account, text, whose string) {
	if p.o.JSON {
		p.record(record{Event: "notice", Account: account, Text: p.Clean(text)})
	}
	if p.o.Level != Quiet {
		p.Warn(account, whose+text)
	}
}

func (a *Account) progress(f func(*bars)) {
	a.p.mu.Lock()
	bars := a.p.bars
	a.p.mu.Unlock()
	if bars != nil {
		f(bars)
	}
}

func (a *Account) failed(f sync.Failure) {
	text := message(f.UID, f.Key) + f.Err.Error()
	if f.Next != 0 {
		text += " (set aside, and tried again in " + Pause(time.Unix(int64(f.Next), 0).Sub(a.p.o.Now())) + ")"
	}
	a.p.Error(a.Scope(f.Mailbox), text)
}

// message names a message at the beginning of a line; nothing where the line is
// about the whole mailbox.
func message(u mail.UID, k mail.Key) string {
	switch {
	case u != 0:
		return fmt.Sprintf("UID %d: ", u)
	case k != "":
		return string(k) + ": "
	}
	return ""
}

// line is an event for a person; empty when it is not worth one.
func (a *Account) line(e sync.Event) string {
	at := func(m mail.Mailbox, format string, args ...any) string {
		return a.p.Clean(a.Scope(m)) + ": " + a.p.Clean(fmt.Sprintf(format, args...))
	}
	switch e := e.(type) {
	case sync.Listed:
		if e.Moved == 0 {
			return at("", "%s, nothing moved", Plural(e.Total, "mailbox", "mailboxes"))
		}
		return at("", "%s, %s to look into", Plural(e.Total, "mailbox", "mailboxes"), Count(e.Moved))
	case sync.Transferred:
		if e.Side == sync.OnServer {
			return at(e.Mailbox, "sent %s%s", name(e.UID, e.Key), size(e.Bytes))
		}
		return at(e.Mailbox, "fetched %s%s", name(e.UID, e.Key), size(e.Bytes))
	case sync.Changed:
		return at(e.Mailbox, "%s", changed(e))
	case sync.Looking, sync.Planned, sync.Expected, sync.Received, sync.Finished:
		return ""
	case sync.HeldBack, sync.Failed:
		return "" // shown on standard error
	}
	return at("", "%T", e)
}

// changed is what was done on one side, and why.
func changed(e sync.Changed) string {
	where := "locally"
	if e.Side == sync.OnServer {
		where = "on the server"
	}
	text := ""
	switch e.What {
	case "flags":
		text = fmt.Sprintf("flags of %s %s", name(e.UID, e.Key), where)
	case "remove":
		text = fmt.Sprintf("removed %s %s", name(e.UID, e.Key), where)
	case "leave":
		text = fmt.Sprintf("put %s away %s", name(e.UID, e.Key), where)
	case "move":
		text = fmt.Sprintf("moved %s %s", name(e.UID, e.Key), where)
	case "link":
		text = fmt.Sprintf("linked %s %s", name(e.UID, e.Key), where)
	case "copy":
		text = fmt.Sprintf("copied %s %s", name(e.UID, e.Key), where)
	case "create":
		text = "created " + where
	case "rename":
		text = "renamed to this " + where
	case "delete":
		text = "deleted " + where
	default:
		text = fmt.Sprintf("%s %s %s", e.What, name(e.UID, e.Key), where)
	}
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	if reason := because(e.Reason); reason != "" {
		text += ": " + reason
	}
	return text
}

// name is a message in the middle of a line.
func name(u mail.UID, k mail.Key) string {
	switch {
	case u != 0:
		return fmt.Sprintf("UID %d", u)
	case k != "":
		return string(k)
	}
	return "a message"
}

func size(n int64) string {
	if n <= 0 {
		return ""
	}
	return ", " + Bytes(n)
}

// Outcome is how an account's run ended.
type Outcome struct {
	Result sync.Result
	Err    error // what stopped the run as a whole
	Exit   int   // the exit code that it would have alone
	DryRun bool
}

// Done shows how the run ended: a summary, the plan of a dry run. What failed
// was shown when it happened; Err is for the caller to show, with its hints.
func (a *Account) Done(o Outcome) {
	took := a.p.o.Now().Sub(a.begun)
	a.progress(func(b *bars) { b.end(a.name) })
	if a.p.o.JSON {
		if o.DryRun {
			for _, op := range o.Result.Plan.Operations {
				a.p.record(a.operation(op))
			}
		}
		a.p.record(a.done(o, took))
		return
	}
	if o.DryRun && o.Err == nil {
		a.plan(o.Result.Plan)
		return
	}
	if a.p.o.Level == Quiet {
		return
	}
	if a.p.o.Level != Normal || a.p.o.OutTerminal {
		a.p.Print(a.summary(o, took))
	}
	if left := o.Result.Remaining; left.Messages > 0 {
		a.p.Print(a.p.Clean(a.name) + ": " + leftText(left))
	}
}

// leftText says what a limit left to the next run.
func leftText(l sync.Remaining) string {
	are := "are"
	if l.Messages == 1 {
		are = "is"
	}
	return fmt.Sprintf("%s (%s) %s left to the next run", Messages(l.Messages), Bytes(l.Bytes), are)
}

// summary is one line about the whole run.
func (a *Account) summary(o Outcome, took time.Duration) string {
	s := a.p.Style()
	text := list(Tally(&o.Result))
	if text == "" {
		text = "nothing to do"
	}
	mark := Good
	switch {
	case o.Err != nil:
		mark = Bad
		text = "stopped"
		if t := Tally(&o.Result); len(t) > 0 {
			text += " after: " + list(t)
		}
	case o.Result.Guarded():
		mark = Doubtful
		if o.Result.Held > 0 {
			text += ", " + Plural(o.Result.Held, "removal", "removals") + " held back"
		} else { // a mailbox, or all of the account
			text += ", something was held back"
		}
	case o.Exit != 0:
		mark = Doubtful
	}
	if n := len(o.Result.Failures); n > 0 {
		text += ", " + s.Yellow(Count(n)+" failed")
	}
	if n := len(o.Result.SetAside); n > 0 {
		text += ", " + s.Yellow(Count(n)+" set aside")
	}
	tail := "in " + Took(took)
	if o.Result.Bytes > 0 {
		tail = Bytes(o.Result.Bytes) + " " + tail
	}
	a.p.mu.Lock()
	width := a.p.accounts
	a.p.mu.Unlock()
	return fmt.Sprintf("%s %s  %s  %s", a.p.Mark(mark), s.Bold(Pad(a.name, width)), text, s.Dim(tail))
}

// Tally is what a run did, in words; empty when it did nothing.
func Tally(r *sync.Result) []string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, Count(n)+" "+text)
		}
	}
	add(r.Pulled, "fetched")
	add(r.Pushed, "sent")
	add(r.Moved, "moved")
	if r.Renamed > 0 {
		parts = append(parts, Plural(r.Renamed, "mailbox", "mailboxes")+" renamed")
	}
	if r.Deleted > 0 {
		parts = append(parts, Plural(r.Deleted, "mailbox", "mailboxes")+" removed")
	}
	if r.Flagged > 0 {
		parts = append(parts, "flags of "+Count(r.Flagged)+" changed")
	}
	add(r.Removed, "removed")
	add(r.Paired, "paired by content")
	add(r.Left, "left the Maildir")
	return parts
}

// plan prints what a dry run would have done.
func (a *Account) plan(p plan.Plan) {
	sum := describe(p, func(s step) {
		a.p.Print(a.p.Clean(a.Scope(s.mailbox)) + ": " + a.p.Clean(s.text))
	})
	if a.p.o.Level != Quiet || sum != "" {
		if sum == "" {
			sum = "nothing to do"
		}
		a.p.Print(a.p.Style().Bold(a.name) + ": " + sum + a.p.Style().Dim(" (dry run: nothing was changed)"))
	}
}
