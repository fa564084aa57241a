package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// flagging is one message whose flags change on one side or on both.
type flagging struct {
	row           mail.Row
	reason        conflict.Reason
	server, local mail.FlagDelta
	anew, failed  bool
}

func newFlagging(op plan.Operation) *flagging {
	f := &flagging{reason: op.Why()}
	switch op := op.(type) {
	case plan.StoreServer:
		f.row = op.Row
	case plan.FlagLocal:
		f.row = op.Row
	}
	return f
}

// flagsAtOnce is how many messages' flags are changed at a time, so that somebody
// who marks half a million of them as read needs no memory for all at once. A
// server is kept busy by this many, too.
const flagsAtOnce = 16384

// changeFlags brings merged flags to both sides and then to base. Flags may be
// set twice, so that no intent is needed: a run that dies in between finds both
// sides agreeing, or merges again.
func (r *run) changeFlags(ctx context.Context, w *work) error {
	// What one row needs on either side comes together.
	slices.SortStableFunc(w.flags, func(a, b plan.Operation) int {
		x, y := flagged(a), flagged(b)
		return cmp.Or(cmp.Compare(x.uid, y.uid), cmp.Compare(x.key, y.key))
	})
	for rest := w.flags; len(rest) > 0; {
		var some []*flagging
		n := 0
		for ; n < len(rest); n++ {
			last := len(some) - 1
			if last < 0 || flagged(rest[n]) != (identity{some[last].row.UID, some[last].row.Key}) {
				if len(some) == flagsAtOnce {
					break
				}
				some = append(some, newFlagging(rest[n]))
				last++
			}
			switch f := some[last]; op := rest[n].(type) {
			case plan.StoreServer:
				f.server = op.Delta
			case plan.FlagLocal:
				f.local, f.anew = op.Delta, w.anew[op.Row.Key]
			}
		}
		if err := r.changeSomeFlags(ctx, w, some); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// identity is what tells one row of a mailbox from another.
type identity struct {
	uid mail.UID
	key mail.Key
}

// flagged is the row of a StoreServer or a FlagLocal.
func flagged(op plan.Operation) identity {
	switch op := op.(type) {
	case plan.StoreServer:
		return identity{op.Row.UID, op.Row.Key}
	case plan.FlagLocal:
		return identity{op.Row.UID, op.Row.Key}
	}
	return identity{}
}

func (r *run) changeSomeFlags(ctx context.Context, w *work, all []*flagging) error {
	recorded := false
	defer func() {
		for _, f := range all {
			if f.failed || !recorded {
				r.unfinish(r.homes[f.row.ID]) // base has it there still
			}
		}
	}()
	if err := r.store(ctx, w.b, all); err != nil {
		return err
	}
	if err := r.step("flags.server"); err != nil {
		return err
	}
	if err := r.reflag(ctx, w.b, all); err != nil {
		return err
	}
	if err := r.step("flags.local"); err != nil {
		return err
	}
	var changes []mail.Change
	for _, f := range all {
		if !f.failed {
			changes = append(changes, mail.PutRow{Row: f.row})
		}
	}
	changes = append(changes, r.flagEntries(w.b, all)...)
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	recorded = true
	for _, f := range all {
		if f.failed {
			continue
		}
		side, delta := OnServer, f.server
		if f.server.IsZero() {
			side, delta = OnLocal, f.local
		}
		r.tell(Changed{Mailbox: w.b.name, Side: side, What: "flags", UID: f.row.UID, Key: f.row.Key,
			Detail: delta.String(), Reason: f.reason}, func(res *Result) { res.Flagged++ })
	}
	return r.step("flags.recorded")
}

// store changes flags on the server: one command for each distinct change.
func (r *run) store(ctx context.Context, b *box, all []*flagging) error {
	// What this run added carries a newer MODSEQ than was observed, and is ours.
	err := errors.Join(
		r.storeThose(ctx, b, all, b.observedModSeq(), func(u mail.UID) bool { return u < b.floor() }),
		r.storeThose(ctx, b, all, 0, func(u mail.UID) bool { return u >= b.floor() }))
	if err != nil {
		return fmt.Errorf("changing flags on the server: %w", err)
	}
	return nil
}

func (b *box) observedModSeq() mail.ModSeq {
	if b.observed == nil {
		return 0
	}
	return b.observed.ModSeq
}

func (r *run) storeThose(ctx context.Context, b *box, all []*flagging, since mail.ModSeq, those func(mail.UID) bool) error {
	index := map[string]int{}
	var changes []mail.FlagStore
	for _, f := range all {
		if f.server.IsZero() || !those(f.row.UID) {
			continue
		}
		i, ok := index[f.server.String()]
		if !ok {
			i = len(changes)
			index[f.server.String()] = i
			changes = append(changes, mail.FlagStore{Delta: f.server})
		}
		changes[i].UIDs.Add(f.row.UID)
	}
	if len(changes) == 0 {
		return nil
	}
	b.wroteServer.Store(true)
	modified, err := r.Server.Store(ctx, b.name, b.validity(), changes, since)
	if err != nil {
		return err
	}
	if modified.IsEmpty() {
		return nil
	}
	// Somebody else was quicker: what they did is read and merged next time.
	b.unfinished.Store(true)
	for _, f := range all {
		if modified.Contains(f.row.UID) {
			f.failed = true
		}
	}
	return nil
}

// reflag changes flags in the Maildir.
func (r *run) reflag(ctx context.Context, b *box, all []*flagging) error {
	var changes []mail.KeyFlags
	var whose []*flagging
	for _, f := range all {
		if f.failed && !f.anew {
			// The flags were merged with what the server has no more. Written here, they
			// would be what the user added, and be put back on the server.
			continue
		}
		if !f.local.IsZero() || f.anew {
			changes = append(changes, mail.KeyFlags{Key: f.row.Key, Delta: f.local, Anew: f.anew})
			whose = append(whose, f)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	b.wroteLocal.Store(true)
	results, err := r.Local.SetFlags(ctx, b.name, changes)
	if err != nil {
		return fmt.Errorf("changing flags in the Maildir: %w", err)
	}
	for i, err := range results {
		switch {
		case err == nil:
		case errors.Is(err, mail.ErrGone):
			whose[i].failed = true
			b.unfinished.Store(true)
		default:
			whose[i].failed = true
			r.fail(Failure{Mailbox: b.name, Key: whose[i].row.Key, Err: fmt.Errorf("changing flags: %w", err)})
		}
	}
	return nil
}

// removals is the last phase in a mailbox.
func (r *run) removals(ctx context.Context, w *work) error {
	if err := r.removeOnServer(ctx, w); err != nil {
		return err
	}
	if err := r.removeHere(ctx, w); err != nil {
		return err
	}
	return r.leave(ctx, w)
}

// leftIn are the removals in a mailbox of which base has no rows: what edits and
// moves replaced, in this run or in one that died. (Of moves, in the mailbox that
// they came from.)
func (r *run) leftIn(w *work) (here []mail.Intent, elsewhere map[mail.Mailbox][]mail.Intent) {
	elsewhere = map[mail.Mailbox][]mail.Intent{}
	for _, in := range w.left {
		if in.Mailbox == w.b.name {
			here = append(here, in)
		} else {
			elsewhere[in.Mailbox] = append(elsewhere[in.Mailbox], in)
		}
	}
	return append(here, w.b.has().doomed...), elsewhere
}

// finishLeft drops the intents of what is removed, and tells what is kept: that is
// tried again by the next run.
func (r *run) finishLeft(ctx context.Context, intents []mail.Intent, kept mail.UIDSet) error {
	var changes []mail.Change
	for _, in := range intents {
		if kept.Contains(in.UID) {
			r.fail(Failure{Mailbox: in.Mailbox, UID: in.UID, Err: errKept})
		} else {
			changes = append(changes, mail.DropIntent{ID: in.ID})
		}
	}
	return r.commit(ctx, changes...)
}

// removeOnServer removes messages whose files the user removed, to the trash
// mailbox or for good.
func (r *run) removeOnServer(ctx context.Context, w *work) error {
	b := w.b
	here, elsewhere := r.leftIn(w)
	for m, intents := range elsewhere {
		kept, err := r.removeLeft(ctx, m, intents)
		if err != nil {
			return err
		}
		if err := r.finishLeft(ctx, intents, kept); err != nil {
			return err
		}
	}
	rows := map[mail.Mailbox]map[mail.UID]plan.RemoveServer{}
	for _, op := range w.removeServer {
		if r.isLost(op.Row.Content.Hash) || fileIsGone(op) && r.reappeared(op.Row.Key) {
			b.unfinished.Store(true)
			continue
		}
		trash := op.Trash
		if t := b.inTrash(op.Row.UID, trash); t != nil && t.copy == 0 {
			b.unfinished.Store(true)
			continue
		} else if t != nil {
			trash = "" // all that is left is to expunge it
		}
		if rows[trash] == nil {
			rows[trash] = map[mail.UID]plan.RemoveServer{}
		}
		rows[trash][op.Row.UID] = op
	}
	if len(here) > 0 && len(rows[""]) == 0 {
		b.wroteServer.Store(true)
		kept, err := r.removeLeft(ctx, b.name, here)
		if err != nil {
			return err
		}
		if err := r.finishLeft(ctx, here, kept); err != nil {
			return err
		}
		here = nil
	}
	for _, trash := range slices.Sorted(maps.Keys(rows)) { // what is only expunged comes first
		if err := r.removeThose(ctx, b, trash, rows[trash], here); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return r.step("remove.recorded")
}

// removeThose moves messages to the trash mailbox, or without one expunges them, with
// those that edits replaced here.
func (r *run) removeThose(ctx context.Context, b *box, trash mail.Mailbox, ops map[mail.UID]plan.RemoveServer, here []mail.Intent) error {
	order := slices.Sorted(maps.Keys(ops))
	uids := mail.UIDs(order...)
	entries := make([]mail.Operation, len(order))
	for i, uid := range order {
		entries[i] = b.about(mail.OperationRemoved, mail.SideServer, ops[uid].Row, ops[uid].Reason)
		entries[i].Other = ops[uid].Trash
	}
	intents, done, err := r.intendCopies(ctx, b, trash, order, ops)
	if err != nil {
		return fmt.Errorf("removing messages on the server: %w", err)
	}
	defer done()
	announced := r.willDo(entries)
	for _, in := range intents {
		announced = append(announced, mail.PutIntent{Intent: in})
	}
	if err := r.commit(ctx, announced...); err != nil {
		return err
	}
	if err := r.step("remove.intended"); err != nil {
		return err
	}
	b.wroteServer.Store(true)
	all := uids
	if trash == "" && len(here) > 0 {
		// In one command: where the server can only expunge all that are marked, each
		// would keep the other from being expunged.
		all = mail.UIDSet{}
		all.AddSet(uids)
		for _, in := range here {
			all.Add(in.UID)
		}
	}
	kept, went, err := r.toTrash(ctx, b, all, trash)
	if err != nil {
		err = fmt.Errorf("removing messages on the server: %w", err)
		undone := notDone(entries, err)
		if len(undone) > 0 {
			undone = append(undone, dropped(intents)...)
		} else if len(intents) > 0 {
			r.trashDoubt = true // the intents stay: the next run looks
		}
		return errors.Join(err, r.commit(ctx, undone...))
	}
	if trash == "" {
		if err := r.finishLeft(ctx, here, kept); err != nil {
			return err
		}
	}
	if err := r.step("remove.server"); err != nil {
		return err
	}
	changes := dropped(intents)
	var removed []plan.RemoveServer
	for i, uid := range order {
		op := ops[uid]
		if kept.Contains(uid) {
			r.fail(Failure{Mailbox: b.name, UID: uid, Err: errKept})
			changes = append(changes, didNot(entries[i:i+1])...)
			continue
		}
		entries[i].OtherUID = went[uid]
		if t := b.has().trashed[uid]; t != nil { // or of another trash mailbox, that was configured then
			if t.intent.From == op.Trash {
				entries[i].OtherUID = t.copy
			}
			t.gone = true
			changes = append(changes, mail.DropIntent{ID: t.intent.ID})
		}
		changes = append(changes, r.did(entries[i]))
		change := mail.Change(mail.DropRow{ID: op.Row.ID})
		if op.Then != nil {
			change = mail.PutRow{Row: *op.Then}
		}
		changes, removed = append(changes, change), append(removed, op)
	}
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	for _, op := range removed {
		r.tell(Changed{Mailbox: b.name, Side: OnServer, What: "remove", UID: op.Row.UID, Detail: string(op.Trash), Reason: op.Reason},
			func(res *Result) { res.Removed++ })
	}
	return nil
}

// toTrash moves messages to the trash mailbox, making it when it is not there;
// without one it expunges them. went tells under which UIDs they are there, as far
// as the server does.
func (r *run) toTrash(ctx context.Context, b *box, uids mail.UIDSet, trash mail.Mailbox) (kept mail.UIDSet, went map[mail.UID]mail.UID, err error) {
	if trash == "" {
		kept, err = r.Server.Remove(ctx, b.name, b.validity(), uids)
		return kept, nil, err
	}
	moved, err := r.Server.Move(ctx, b.name, b.validity(), uids, trash)
	// Where some were moved, and the mailbox went then, the others wait for the next run.
	if errors.Is(err, mail.ErrNoMailbox) && !errors.Is(err, mail.ErrUncertain) {
		if err = r.Server.Create(ctx, trash); err == nil {
			moved, err = r.Server.Move(ctx, b.name, b.validity(), uids, trash)
		}
	}
	r.trashed.Store(true)
	went = make(map[mail.UID]mail.UID, len(moved))
	for _, m := range moved {
		went[m.From] = m.To
	}
	return mail.UIDSet{}, went, err
}

// removeHere moves files whose messages the server dropped to the local trash.
func (r *run) removeHere(ctx context.Context, w *work) error {
	b := w.b
	var ops []plan.RemoveLocal
	for _, op := range w.removeLocal {
		if r.isLost(op.Row.Content.Hash) {
			b.unfinished.Store(true)
			continue
		}
		ops = append(ops, op)
	}
	ops, err := r.stillToRemove(ctx, b, ops)
	if err != nil || len(ops) == 0 {
		return err
	}
	keys := make([]mail.Key, len(ops))
	entries := make([]mail.Operation, len(ops))
	for i, op := range ops {
		keys[i] = op.Row.Key
		entries[i] = b.about(mail.OperationRemoved, mail.SideLocal, op.Row, op.Reason)
	}
	if err := r.commit(ctx, r.willDo(entries)...); err != nil {
		return err
	}
	if err := r.step("remove.intended"); err != nil {
		return err
	}
	b.wroteLocal.Store(true)
	results, err := r.Local.Remove(ctx, b.name, keys, r.runID)
	if err != nil {
		// What was done of it is not known: the announcements stay.
		return fmt.Errorf("moving files to the trash: %w", err)
	}
	if err := r.step("remove.local"); err != nil {
		return err
	}
	var changes []mail.Change
	for i, err := range results {
		if errors.Is(err, mail.ErrGone) {
			b.unfinished.Store(true) // removed, or renamed: the row tells the next run
			changes = append(changes, didNot(entries[i:i+1])...)
			continue
		}
		if err != nil {
			changes = append(changes, didNot(entries[i:i+1])...)
			r.fail(Failure{Mailbox: b.name, Key: keys[i], Err: fmt.Errorf("moving the file to the trash: %w", err)})
			continue
		}
		changes = append(changes, mail.DropRow{ID: ops[i].Row.ID}, r.did(entries[i]))
	}
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	for i, err := range results {
		if err == nil {
			r.tell(Changed{Mailbox: b.name, Side: OnLocal, What: "remove", UID: ops[i].Row.UID, Key: keys[i], Reason: ops[i].Reason},
				func(res *Result) { res.Removed++ })
		}
	}
	return r.step("remove.recorded")
}
