package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// A message that fails for a reason of its own is set aside: base remembers it,
// so that the mailbox's checkpoint can advance without it, and it is tried again
// when its time has come. Until then it is no secret to the planner: a message of
// the server that is set aside can still turn out to be a file's, and a file the
// one that left another mailbox. Only its transfer is not planned.

// aside is what is known of one message that is set aside.
type aside struct {
	mail.Quarantined
	due     bool   // it is to be tried in this run
	inode   uint64 // of the file as it was seen in this run; zero: not seen
	failed  bool   // it was, and failed
	settled bool   // it is set aside no more
	changed bool   // base does not say so yet
}

// asideID names a message within a mailbox: one of the two is given.
type asideID struct {
	uid mail.UID
	key mail.Key
}

// explainer is a server that can tell why a message was not delivered.
type explainer interface {
	// Refusal returns what was wrong with the answer when the message was fetched
	// last; nil when the server gave none, or nothing was.
	Refusal(m mail.Mailbox, v mail.UIDValidity, u mail.UID) error
}

// takeAside gives the mailboxes what base says is set aside in them.
func (r *run) takeAside(all []mail.Quarantined) {
	now := r.now()
	for _, q := range all {
		if b := r.boxes[q.Mailbox]; b != nil {
			b.setAside(asideID{q.UID, q.Key}, &aside{Quarantined: q, due: r.Retry || q.Due(now)})
		}
	}
}

func (b *box) setAside(id asideID, a *aside) {
	if b.aside == nil {
		b.aside = map[asideID]*aside{}
	}
	b.aside[id] = a
}

// anyDue tells whether anything of one side is to be tried again.
func (b *box) anyDue(server bool) bool {
	for id, a := range b.aside {
		if a.due && server == (id.uid != 0) {
			return true
		}
	}
	return false
}

// withAside marks the items that are set aside, and adds the messages of the
// server that no observation told of, since the checkpoint is behind them.
func (d *differ) withAside(ctx context.Context) error {
	b := d.b
	if len(b.aside) == 0 {
		return nil
	}
	b.withoutFiles()
	items := map[mail.UID]*plan.Item{}
	var uids mail.UIDSet
	for i := range d.items {
		switch item := &d.items[i]; {
		case item.Base != nil && item.Base.UID != 0:
			items[item.Base.UID] = item
		case item.Base == nil && item.Server != nil:
			items[item.Server.UID] = item
		}
	}
	for id := range b.aside {
		uids.Add(id.uid)
	}
	rows, err := d.r.Base.FindUIDs(ctx, b.name, uids)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	known := map[mail.UID]bool{}
	for _, row := range rows {
		known[row.UID] = true
	}
	o := b.observed
	for uid := range uids.All() {
		a := b.aside[asideID{uid: uid}]
		item := items[uid]
		switch {
		case o == nil:
		case o.UIDValidity != a.UIDValidity, o.Removed(uid):
			a.settled = true
		case item != nil:
			item.SetAside = !a.due && item.ServerState != conflict.Gone
		case !known[uid]:
			m := mail.ServerMessage{UID: uid, Content: mail.Content{Size: a.Size, EmailID: a.EmailID}}
			d.items = append(d.items, plan.Item{Server: &m, ServerState: conflict.Here, SetAside: !a.due})
		}
	}
	return nil
}

// withoutFiles notes which of the files that are set aside are there no more.
func (b *box) withoutFiles() {
	if b.listing == nil || !b.listing.Settled {
		return
	}
	for id, a := range b.aside {
		if _, there := b.listing.Find(id.key); id.key != "" && !there {
			a.settled = true
		}
	}
}

// asideFile looks up what is set aside of a file; nil when nothing is. Another
// file under the same key is tried at once.
func (b *box) asideFile(m *mail.LocalMessage) *aside {
	a := b.aside[asideID{key: m.Key}]
	if a != nil {
		a.inode = m.Inode
		a.due = a.due || a.Inode != m.Inode
	}
	return a
}

// unreadable takes an item whose file cannot be read out of the plan, and tells
// whether anything of it stays in: what the server did about the message is to be
// seen, and waits. A file that stands for a row is looked at again by each run,
// lest the row be taken for what the file holds.
func (d *differ) unreadable(item *plan.Item) (stays bool) {
	if item.Base == nil {
		d.b.addAsideFile(*item.Local)
		return false
	}
	d.b.rescan = true
	item.LocalState, item.Local = conflict.Unknown, nil
	return item.ServerState != conflict.Same && item.ServerState != conflict.Never
}

// hides tells whether a message that is missing may be one of the mailbox's files
// that cannot be read.
func (b *box) hides() bool {
	for _, a := range b.aside {
		if a.Tried == mail.AttemptRead && !a.Known && !a.settled {
			return true
		}
	}
	return false
}

// acquit notes, in a run in which no message is missing anywhere, that none that
// will be missed later can be one of the files that could not be read before this
// run began.
func (r *run) acquit() {
	for _, b := range r.order {
		if b.looked && (b.unsettled || b.listing != nil && !b.listing.Settled || b.unfinished.Load()) {
			return
		}
		for i := range b.items {
			if state := b.items[i].LocalState; state == conflict.Gone || state == conflict.Unknown {
				return
			}
		}
	}
	for _, b := range r.order {
		for _, a := range b.aside {
			if a.Tried == mail.AttemptRead && !a.Known && !a.failed && r.Only == nil {
				a.Known, a.changed = true, true
			}
		}
	}
}

// fetchable leaves out the messages whose time has not come.
func (b *box) fetchable(all mail.UIDSet) mail.UIDSet {
	var not mail.UIDSet
	for id, a := range b.aside {
		switch {
		case id.uid == 0:
		case !all.Contains(id.uid) || a.UIDValidity != b.validity():
			a.settled = true
		case !a.due:
			not.Add(id.uid)
		}
	}
	return all.Minus(not)
}

// put sets a message aside that was tried and failed, and tells. What is known
// of it is in q: where it is, and what it is.
func (r *run) putAside(b *box, q mail.Quarantined, tried mail.Attempt, err error) {
	reason := showable(err.Error())
	q.Mailbox = b.name
	id := asideID{q.UID, q.Key}
	r.mu.Lock()
	if old := b.aside[id]; old != nil && old.UIDValidity == q.UIDValidity && old.Inode == q.Inode {
		q.First, q.Tries, q.Next, q.Known = old.First, old.Tries, old.Next, old.Known
	}
	q = q.Failed(r.now(), tried, reason)
	b.setAside(id, &aside{Quarantined: q, failed: true, changed: true})
	r.mu.Unlock()
	f := Failure{Mailbox: b.name, UID: q.UID, Key: q.Key, Err: err, Next: q.Next}
	r.tell(Failed{f}, func(res *Result) { res.Failures = append(res.Failures, f) })
}

// asideUpload sets a file aside that the server refused. A file that is new can be
// left out of all that follows. One that was edited stays seen as long as its
// directory is read; any other that continues a row is to be seen again whole.
func (r *run) asideUpload(w *work, s *sending) {
	b := w.b
	q := mail.Quarantined{Key: s.local.Key, Inode: s.local.Inode, Size: s.intent.Content.Size}
	r.putAside(b, q, mail.AttemptAppend, fmt.Errorf("%s: %w", sendingVerb[s.intent.Kind], s.err))
	switch home := r.homes[s.intent.OldRow]; {
	case s.intent.OldRow == 0:
		r.mu.Lock()
		b.addAsideFile(s.local)
		r.mu.Unlock()
	case s.intent.UID != 0 && home == b.name:
		b.rescan = true
	default:
		b.unfinished.Store(true)
		r.unfinish(home)
	}
}

// noLongerAside notes that a message that was set aside got where it was to go.
func (r *run) noLongerAside(b *box, u mail.UID, k mail.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := b.aside[asideID{u, k}]; a != nil {
		a.settled = true
	}
}

// asideOnServer tells whether a message of the server is set aside that base has
// no flags of.
func (b *box) asideOnServer() bool {
	for id, a := range b.aside {
		if id.uid != 0 && !a.settled {
			return true
		}
	}
	return false
}

// isAside tells whether a message of the server is set aside.
func (b *box) isAside(u mail.UID) bool {
	a := b.aside[asideID{uid: u}]
	return a != nil && !a.settled
}

// ofItsOwn tells whether a message failed for a reason of its own. What another
// message would have met as well is tried again by each run.
func ofItsOwn(err error) bool {
	for _, other := range []error{
		mail.ErrOffline, mail.ErrUncertain, mail.ErrOverQuota, mail.ErrNotNow, mail.ErrGone, mail.ErrChanging,
		mail.ErrNoMailbox, mail.ErrUIDValidity, mail.ErrReadOnly, errEdited, errNotFound,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return !ends(err)
}

// mostReason is how many octets of a reason are kept.
const mostReason = 300

// showable is a reason on one line, without control characters.
func showable(text string) string {
	text = strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		switch {
		case unicode.IsControl(c):
			return ' '
		case c == unicode.ReplacementChar || unicode.Is(unicode.Cf, c):
			return -1
		}
		return c
	}, text)), " ")
	if len(text) > mostReason {
		text = strings.ToValidUTF8(text[:mostReason], "") + "…"
	}
	return text
}

// settleAside finds out which of the messages that are set aside are so no more,
// after all is done: those that both sides have now, those that are gone, and those
// that the window has not.
func (r *run) settleAside(ctx context.Context) error {
	for _, b := range r.order {
		if len(b.aside) == 0 || !b.looked || b.unsettled {
			continue
		}
		var uids mail.UIDSet
		var keys []mail.Key
		for id := range b.aside {
			uids.Add(id.uid)
			if id.key != "" {
				keys = append(keys, id.key)
			}
		}
		byUID, err := r.Base.FindUIDs(ctx, b.name, uids)
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		byKey, err := r.Base.FindKeys(ctx, b.name, keys)
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		held := map[mail.UID]bool{} // rows whose file is still to be fetched
		for i := range b.items {
			if item := &b.items[i]; item.Base != nil && item.SetAside {
				held[item.Base.UID] = true
			}
		}
		for _, row := range byUID {
			outside := row.Window == mail.Outside && !b.window.Has(row.UID, row.Date, row.Flags)
			if a := b.aside[asideID{uid: row.UID}]; outside || row.Key != "" && !a.failed && !held[row.UID] {
				a.settled = true
			}
		}
		for _, row := range byKey {
			a := b.aside[asideID{key: row.Key}]
			if row.UID != 0 && (row.Inode == a.Inode || row.Inode == a.inode) && !a.failed {
				a.settled = true
			}
		}
		for _, a := range b.aside {
			if a.Tried == mail.AttemptFetch && !b.policy.Mode.Pulls() || a.Tried == mail.AttemptAppend && !b.policy.Mode.Pushes() {
				a.settled = true // nobody wants it to be brought any more
			}
		}
	}
	return nil
}

// asideChanges are what base does not know yet of what is set aside; once.
func (r *run) asideChanges() []mail.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	var changes []mail.Change
	for _, b := range r.order {
		for id, a := range b.aside {
			switch {
			case a.settled:
				changes = append(changes, mail.DropQuarantined{Mailbox: b.name, UID: id.uid, Key: id.key})
				delete(b.aside, id)
			case a.changed:
				a.changed = false
				changes = append(changes, mail.PutQuarantined{Quarantined: a.Quarantined})
			}
		}
	}
	return changes
}

// leftAside is what the run left alone.
func (r *run) leftAside() []mail.Quarantined {
	var left []mail.Quarantined
	for _, b := range r.order {
		for _, a := range b.aside {
			if !a.failed && !a.settled {
				left = append(left, a.Quarantined)
			}
		}
	}
	return left
}
