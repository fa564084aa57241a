package sync

import (
	"errors"
	"maps"
	"slices"

	"godwit/conflict"
	"godwit/mail"
)

// The journal tells afterwards what a run did, for `log`, and how to take it
// back, for `undo`. Whoever carries an operation out adds [run.did], or for mere
// arrivals [run.came], to the changes that record it, so that both are committed
// or neither is. A removal is written by [run.willDo] before it is carried out as
// well: what a run removed before it died must be known. What concerns a mailbox
// as a whole is written for the event that tells it.

// journal is what a run needs to write its own.
type journal struct {
	begun    bool  // the run's record is in base
	last     int64 // number of the last entry
	arrivals map[arrivals]mail.Operation
	waiting  []mail.Change // for the next commit
}

// arrivals are messages that came to one side of a mailbox: one entry, which
// grows.
type arrivals struct {
	mailbox mail.Mailbox
	side    mail.OperationSide
	from    mail.Mailbox // whose files they were made from; empty: they crossed the network
}

// mostRanges bounds how much of an entry is written again when it grows.
const mostRanges = 64

// did is the change that writes an operation down. It fills in the run and the
// number, where the operation has none yet.
func (r *run) did(o mail.Operation) mail.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entry(&o)
}

func (r *run) entry(o *mail.Operation) mail.Change {
	if o.Seq == 0 {
		r.journal.last++
		o.Run, o.Seq = r.runID, r.journal.last
	}
	if o.Count == 0 && o.Kind != mail.OperationMailbox {
		o.Count = 1
	}
	if o.Kind != mail.OperationFlags {
		o.Before = o.Flags
	}
	return mail.PutOperation{Operation: *o}
}

// willDo numbers operations and returns the changes that announce them.
func (r *run) willDo(ops []mail.Operation) []mail.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := make([]mail.Change, len(ops))
	for i := range ops {
		ops[i].Intended = true
		changes[i] = r.entry(&ops[i])
		ops[i].Intended = false
	}
	return changes
}

// didNot takes announcements back.
func didNot(ops []mail.Operation) []mail.Change {
	var changes []mail.Change
	for _, o := range ops {
		changes = append(changes, mail.DropOperation{Run: o.Run, Seq: o.Seq})
	}
	return changes
}

// notDone takes back what was announced and then refused. Where the answer is
// not known, the announcements stay.
func notDone(ops []mail.Operation, err error) []mail.Change {
	if ends(err) || errors.Is(err, mail.ErrUncertain) {
		return nil
	}
	return didNot(ops)
}

// came is the change that notes messages which came to a side, without a word on
// each: a first run brings them by the hundred thousand.
func (r *run) came(side mail.OperationSide, b *box, uids mail.UIDSet, from mail.Mailbox) mail.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := arrivals{b.name, side, from}
	o, there := r.journal.arrivals[a]
	if !there || len(o.UIDs.Ranges()) >= mostRanges || o.UIDValidity != b.validity() {
		o = mail.Operation{Kind: mail.OperationArrived, Side: side, Mailbox: b.name, Other: from, UIDValidity: b.validity()}
	}
	var all mail.UIDSet // not the one that an earlier commit may be reading
	all.AddSet(o.UIDs)
	all.AddSet(uids)
	o.UIDs, o.Count = all, all.Len()
	change := r.entry(&o)
	if r.journal.arrivals == nil {
		r.journal.arrivals = map[arrivals]mail.Operation{}
	}
	r.journal.arrivals[a] = o
	return change
}

// about is an operation on one message.
func (b *box) about(kind mail.OperationKind, side mail.OperationSide, row mail.Row, why conflict.Reason) mail.Operation {
	return mail.Operation{
		Kind: kind, Side: side, Mailbox: b.name, UIDValidity: b.validity(), UIDs: mail.UIDs(row.UID), Key: row.Key,
		Content: row.Content, Flags: row.Flags, Reason: inWords(why),
	}
}

func inWords(why conflict.Reason) string {
	if why == conflict.NoReason {
		return ""
	}
	return why.String()
}

// noteMailbox writes down an event that concerns a mailbox as a whole. Called
// with the lock held.
func (r *run) noteMailbox(e Event) {
	c, is := e.(Changed)
	if !is || c.UID != 0 || c.Key != "" {
		return
	}
	side := mail.SideServer
	if c.Side == OnLocal {
		side = mail.SideLocal
	}
	detail := c.What
	if c.Detail != "" {
		detail += " " + c.Detail
	}
	o := mail.Operation{Kind: mail.OperationMailbox, Side: side, Mailbox: c.Mailbox, Detail: detail, Reason: inWords(c.Reason)}
	r.journal.waiting = append(r.journal.waiting, r.entry(&o))
}

// journalled adds to the changes of a commit what waits for it, and the run's
// record before the first entry of its journal.
func (r *run) journalled(changes []mail.Change) []mail.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.journal.waiting) > 0 {
		changes = slices.Concat(changes, r.journal.waiting)
		r.journal.waiting = nil
	}
	if r.journal.begun || !slices.ContainsFunc(changes, isEntry) {
		return changes
	}
	// Two that are committed side by side may both bring it.
	return append([]mail.Change{mail.PutRun{Run: mail.RunRecord{ID: r.runID, Started: r.started, Command: r.command()}}}, changes...)
}

func isEntry(c mail.Change) bool {
	_, is := c.(mail.PutOperation)
	return is
}

func (r *run) command() string {
	if r.Begun != nil {
		return r.Begun.Run.Command
	}
	return ""
}

// flagEntries are the entries for changed flags: one for all messages that were
// changed alike.
func (r *run) flagEntries(b *box, all []*flagging) []mail.Change {
	type alike struct {
		before, after mail.Flags
		side          mail.OperationSide
		why           conflict.Reason
	}
	groups := map[alike]*mail.Operation{}
	var order []*mail.Operation
	for _, f := range all {
		if f.failed || f.server.IsZero() && f.local.IsZero() {
			continue
		}
		local := f.local
		if f.anew {
			// What letters of another mailbox happen to mean here, no message had.
			local.Add.Keywords, local.Remove.Keywords = "", ""
		}
		g := alike{undone(f.server, undone(local, f.row.Flags)), f.row.Flags, mail.SideServer, f.reason}
		if f.server.IsZero() {
			g.side = mail.SideLocal
		}
		o := groups[g]
		if o == nil || f.row.UID == 0 {
			made := b.about(mail.OperationFlags, g.side, f.row, g.why)
			made.Before, made.Count = g.before, 1
			o = &made
			groups[g] = o
			order = append(order, o)
			continue
		}
		o.UIDs.Add(f.row.UID)
		o.Key, o.Content = "", mail.Content{}
	}
	var changes []mail.Change
	for _, o := range order {
		if o.UIDs.Len() > 1 {
			o.Count = o.UIDs.Len()
		}
		changes = append(changes, r.did(*o))
	}
	return changes
}

// sentEntries are the entries for what arrived on the server.
func (r *run) sentEntries(b *box, sends []*sending) []mail.Change {
	var changes []mail.Change
	var new mail.UIDSet
	for _, s := range sends {
		if s.err != nil {
			continue
		}
		row := mail.Row{UID: s.uid, Key: s.intent.Key, Content: s.intent.Content, Flags: s.flags}
		if entry, one := b.sentEntry(s.intent, row, s.step.Reason, s.source); one {
			changes = append(changes, r.did(entry))
		} else {
			new.Add(s.uid)
		}
	}
	if !new.IsEmpty() {
		changes = append(changes, r.came(mail.SideServer, b, new, ""))
	}
	return changes
}

// sentEntry is the entry for one message that arrived on the server, unless it is
// new and nothing else can be said of it.
func (b *box) sentEntry(in mail.Intent, row mail.Row, why conflict.Reason, source mail.Key) (entry mail.Operation, one bool) {
	kind := mail.OperationCopied
	switch {
	case in.Kind == mail.IntentUpload && in.UID != 0:
		kind = mail.OperationEdited
	case in.Kind == mail.IntentUpload && in.OldRow == 0:
		return mail.Operation{}, false
	case in.Kind == mail.IntentUpload:
		kind = mail.OperationArrived
	case in.OldRow != 0:
		kind = mail.OperationMoved
	}
	entry = b.about(kind, mail.SideServer, row, why)
	entry.Other, entry.OtherUID, entry.OtherKey = in.From, in.UID, source
	return entry, true
}

// placedEntries are the entries for a batch that was brought into the Maildir.
func (r *run) placedEntries(d delivery) []mail.Change {
	var changes []mail.Change
	new := map[mail.Mailbox]mail.UIDSet{}
	for _, a := range d.staged {
		switch {
		case a.replaces != "":
			entry := d.b.about(mail.OperationReplaced, mail.SideLocal, a.row, conflict.NoReason)
			entry.OtherKey = a.replaces
			changes = append(changes, r.did(entry))
		case a.row.ID != 0:
			entry := d.b.about(mail.OperationArrived, mail.SideLocal, a.row, a.why)
			entry.Other = a.twin
			changes = append(changes, r.did(entry))
		default:
			uids := new[a.twin]
			uids.Add(a.row.UID)
			new[a.twin] = uids
		}
	}
	for _, from := range slices.Sorted(maps.Keys(new)) {
		changes = append(changes, r.came(mail.SideLocal, d.b, new[from], from))
	}
	return changes
}
