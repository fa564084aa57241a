package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	gosync "sync"
	"sync/atomic"

	"godwit/mail"
	"godwit/sync/plan"
)

// work is what the plan asks for in one mailbox, by phase.
type work struct {
	b *box

	createServer, createLocal bool

	fetchAll  bool
	fetches   []plan.Fetch
	links     []plan.Fetch     // of what is here, or is fetched before
	replace   bool             // a fetched message takes the place of its row's file
	large     []largeBatch     // of them, what is fetched after all else
	due       atomic.Int64     // messages still to be fetched
	counted   atomic.Bool      // due was set
	uploads   []plan.Operation // plan.Upload all: a copy of each would take the memory that the plan does
	copies    []plan.CopyServer
	moves     []plan.MoveServer
	relocates []plan.MoveLocal

	mu    gosync.Mutex      // guards what follows while messages are transferred
	flags []plan.Operation  // each a StoreServer or a FlagLocal
	anew  map[mail.Key]bool // whose letters are of another mailbox

	renumber bool // the UIDs of base are of another life
	records  []mail.Change

	removeServer []plan.RemoveServer
	removeLocal  []plan.RemoveLocal
	left         []mail.Intent // what edits replaced on the server

	outside []mail.Change // rows of new messages that stay on the server
	putAway []plan.PutAway

	removeMailbox *plan.RemoveMailbox
}

func (w *work) transfers() bool {
	return w.fetchAll || len(w.links)+len(w.fetches)+len(w.uploads)+len(w.copies)+len(w.moves)+len(w.relocates) > 0
}

// onlyRecords tells that both sides agree on all there is to be done, and base alone
// is to learn of it.
func (w *work) onlyRecords() bool {
	return len(w.records) > 0 && !w.b.passed && !w.transfers() && !w.createServer && !w.createLocal && w.removeMailbox == nil &&
		len(w.flags)+len(w.removeServer)+len(w.removeLocal)+len(w.left)+len(w.outside)+len(w.putAway) == 0
}

// assign sorts the plan's operations into the mailboxes' work.
func (r *run) assign(p plan.Plan) (map[mail.Mailbox]*work, error) {
	works := map[mail.Mailbox]*work{}
	for _, operation := range p.Operations {
		if _, done := operation.(plan.RenameMailbox); done {
			continue // before anything was looked into
		}
		b := r.boxes[operation.In()]
		if b == nil {
			return nil, fmt.Errorf("the plan names the mailbox %s, which is not part of the run", operation.In())
		}
		w := works[b.name]
		if w == nil {
			w = &work{b: b}
			works[b.name] = w
		}
		switch op := operation.(type) {
		case plan.Renumber:
			w.renumber = true
		case plan.CreateServer:
			w.createServer = true
		case plan.CreateLocal:
			w.createLocal = true
		case plan.FetchAll:
			w.fetchAll = true
			if s := w.b.server; s != nil && s.Status != nil {
				r.pace.toCome.Add(int64(s.Status.Messages))
			}
		case plan.Fetch:
			if op.Twin != nil {
				w.links = append(w.links, op)
			} else {
				w.fetches = append(w.fetches, op)
				r.pace.toCome.Add(1)
			}
		case plan.Upload:
			w.uploads = append(w.uploads, operation)
		case plan.CopyServer:
			w.copies = append(w.copies, op)
		case plan.MoveServer:
			w.moves = append(w.moves, op)
		case plan.MoveLocal:
			w.relocates = append(w.relocates, op)
		case plan.StoreServer, plan.FlagLocal:
			w.flags = append(w.flags, op)
		case plan.Record:
			if op.Row.Window == mail.Outside && op.Row.ID == 0 {
				w.outside = append(w.outside, mail.PutRow{Row: op.Row})
				continue
			}
			w.records = append(w.records, mail.PutRow{Row: op.Row})
		case plan.Forget:
			w.records = append(w.records, mail.DropRow{ID: op.Row.ID})
		case plan.ForgetMailbox:
			w.records = append(w.records, mail.DropMailbox{Mailbox: op.Mailbox})
		case plan.RemoveServer:
			w.removeServer = append(w.removeServer, op)
		case plan.RemoveLocal:
			w.removeLocal = append(w.removeLocal, op)
		case plan.PutAway:
			w.putAway = append(w.putAway, op)
		case plan.RemoveMailbox:
			w.removeMailbox = &op
		default:
			return nil, fmt.Errorf("the plan has an operation of unknown kind %T", op)
		}
	}
	for _, b := range r.order {
		if len(b.has().doomed) > 0 && works[b.name] == nil {
			works[b.name] = &work{b: b}
		}
	}
	return works, nil
}

// apply carries out the plan, phase by phase: what makes a copy comes before
// anything that removes one.
func (r *run) apply(ctx context.Context) error {
	works, err := r.assign(r.result.Plan)
	if err != nil || len(works) == 0 && !slices.ContainsFunc(r.order, func(b *box) bool { return b.passed }) {
		return err
	}
	if err := r.distrust(ctx); err != nil {
		return err
	}
	if err := r.flush(ctx, works); err != nil {
		return err
	}
	// What costs little comes first: flags, and removals where nothing that is
	// brought may be what somebody else's removal is about.
	early := onlyFetches(works)
	if err := r.renumber(ctx, works, early); err != nil {
		return err
	}
	for _, b := range r.order {
		if w := works[b.name]; w != nil {
			if err := r.only(b, r.create(ctx, w)); err != nil {
				return err
			}
			if err := r.applyWindow(ctx, b); err != nil {
				return err
			}
			if err := r.putOutside(ctx, b, w.outside); err != nil {
				return err
			}
		}
	}
	for _, b := range r.order {
		if err := r.putPassed(ctx, b); err != nil {
			return err
		}
	}
	if err := r.changeAllFlags(ctx, works); err != nil {
		return err
	}
	if early {
		if err := r.remove(ctx, works); err != nil {
			return err
		}
	}
	for _, some := range r.inTurn(works) {
		if err := r.transfer(ctx, some, r.moveOnServer, r.copyOnServer, r.moveLocally, r.upload, r.fetch); err != nil {
			return r.stopped(ctx, works, err)
		}
	}
	if linking(works) {
		if err := r.transfer(ctx, works, r.link, r.fetch); err != nil {
			return r.stopped(ctx, works, err)
		}
	}
	if err := r.changeAllFlags(ctx, works); err != nil {
		return err
	}
	if !early {
		if err := r.remove(ctx, works); err != nil {
			return err
		}
	}
	if err := r.fetchLarge(ctx, works); err != nil {
		return err
	}
	if err := r.lookBack(ctx); err != nil {
		return err
	}
	return r.removeMailboxes(ctx, works)
}

// changeAllFlags changes the flags that are known to differ by now.
func (r *run) changeAllFlags(ctx context.Context, works map[mail.Mailbox]*work) error {
	return r.eachWork(ctx, works, func(ctx context.Context, w *work) error {
		err := r.changeFlags(ctx, w)
		w.flags = nil
		return err
	})
}

// remove records what both sides agree on, and carries out the removals.
func (r *run) remove(ctx context.Context, works map[mail.Mailbox]*work) error {
	if err := r.record(ctx, works); err != nil {
		return err
	}
	if err := r.lookAgain(ctx, works); err != nil {
		if ends(err) {
			return err
		}
		r.holdRemovals(works, err)
	}
	return r.eachWork(ctx, works, r.removals)
}

// onlyFetches tells that all there is to be transferred are new messages of the
// server. Else what makes a copy comes before anything that removes one.
func onlyFetches(works map[mail.Mailbox]*work) bool {
	for _, w := range works {
		if len(w.links)+len(w.uploads)+len(w.copies)+len(w.moves)+len(w.relocates) > 0 {
			return false
		}
		for i := range w.fetches {
			if w.fetches[i].Row != nil {
				return false
			}
		}
	}
	return true
}

// inTurn are the mailboxes whose transfers come one after the other: INBOX first,
// where not all may be transferred, and else all at a time.
func (r *run) inTurn(works map[mail.Mailbox]*work) []map[mail.Mailbox]*work {
	inbox := works[mail.Inbox]
	if !r.limited() || inbox == nil || len(works) == 1 {
		return []map[mail.Mailbox]*work{works}
	}
	others := maps.Clone(works)
	delete(others, mail.Inbox)
	return []map[mail.Mailbox]*work{{mail.Inbox: inbox}, others}
}

// stopped records what is complete in a run whose transfers err ends.
func (r *run) stopped(ctx context.Context, works map[mail.Mailbox]*work, err error) error {
	if isStep(err) {
		return err
	}
	return errors.Join(err, r.checkpointPulled(ctx, works))
}

// transfer is the phase that brings messages to where they are not, by these
// ways one after the other.
func (r *run) transfer(ctx context.Context, works map[mail.Mailbox]*work, ways ...func(context.Context, *work) error) error {
	return r.bringing(ctx, func(ctx context.Context) error {
		return r.eachWork(ctx, works, func(_ context.Context, w *work) error {
			if !w.transfers() {
				return nil
			}
			for _, f := range ways {
				if err := r.only(w.b, f(ctx, w)); err != nil {
					r.stopTransfers()
					return err
				}
			}
			return nil
		})
	})
}

// bringing has f bring messages while somebody delivers them, until both are
// done.
func (r *run) bringing(ctx context.Context, f func(context.Context) error) error {
	// Batches that idle workers took outlive the work on their mailbox, so that
	// all have the phase's context and end with it.
	ctx, r.stopTransfers = context.WithCancel(ctx)
	defer r.stopTransfers()
	r.deliver = make(chan delivery, 2*r.Workers)
	finished := make(chan error, 1)
	go func() { finished <- r.deliverAll(ctx, r.deliver) }()
	err := f(ctx)
	r.transfers.Wait()
	close(r.deliver)
	return errors.Join(err, <-finished, r.kept())
}

// eachWork runs f over the mailboxes that have work and whose creation did not
// fail.
func (r *run) eachWork(ctx context.Context, works map[mail.Mailbox]*work, f func(context.Context, *work) error) error {
	var boxes []*box
	for _, b := range r.order {
		if works[b.name] != nil {
			boxes = append(boxes, b)
		}
	}
	return r.each(ctx, boxes, func(ctx context.Context, b *box) error { return f(ctx, works[b.name]) })
}

// create makes the mailbox on the side that lacks it.
func (r *run) create(ctx context.Context, w *work) error {
	if w.createServer {
		if err := r.Server.Create(ctx, w.b.name); err != nil {
			return r.drop(w, fmt.Errorf("creating the mailbox on the server: %w", err))
		}
		if err := r.createdHere(ctx, w.b); err != nil {
			return r.drop(w, fmt.Errorf("selecting the new mailbox: %w", err))
		}
		w.b.created = true
		w.b.server = &mail.ServerMailbox{Name: w.b.name}
		r.tell(Changed{Mailbox: w.b.name, Side: OnServer, What: "create"}, nil)
	}
	if w.createLocal {
		if err := r.Local.Create(ctx, w.b.name); err != nil {
			return r.drop(w, fmt.Errorf("creating the mailbox in the Maildir: %w", err))
		}
		w.b.created = true
		w.b.local = &mail.LocalMailbox{Name: w.b.name}
		w.b.wroteLocal.Store(true)
		r.tell(Changed{Mailbox: w.b.name, Side: OnLocal, What: "create"}, nil)
	}
	return nil
}

// drop gives up all work of a mailbox, since it cannot exist on a side.
func (r *run) drop(w *work, err error) error {
	for _, op := range uploadsOf(w.uploads) {
		r.lostUpload(op)
	}
	for _, op := range w.fetches {
		r.unfinishRow(op.Row)
	}
	for _, op := range w.copies {
		r.lost(op.Content.Hash)
	}
	for _, op := range w.moves {
		r.lost(op.Content.Hash)
		r.unfinishRow(&op.Row)
	}
	for _, op := range w.relocates {
		r.lost(op.Row.Content.Hash)
		r.unfinishRow(&op.Row)
	}
	for _, c := range w.records {
		if put, is := c.(mail.PutRow); is {
			r.unfinishRow(&put.Row)
		}
	}
	w.clear()
	return err
}

// clear takes all work away.
func (w *work) clear() {
	w.large = nil
	w.fetchAll, w.links, w.fetches, w.uploads, w.copies, w.moves, w.relocates = false, nil, nil, nil, nil, nil, nil
	w.flags, w.records, w.removeServer, w.removeLocal, w.left = nil, nil, nil, nil, nil
	w.outside, w.putAway, w.removeMailbox = nil, nil, nil
}

// later leaves a change of flags on the server to its phase.
func (w *work) later(op plan.StoreServer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flags = append(w.flags, op)
}

// laterHere leaves a change of flags in the Maildir to its phase.
func (w *work) laterHere(op plan.FlagLocal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flags = append(w.flags, op)
}

// rewrite has a file's letters written anew with its flags.
func (w *work) rewrite(k mail.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.anew == nil {
		w.anew = map[mail.Key]bool{}
	}
	w.anew[k] = true
}

// lost notes that a message did not get to its new place: what holds its content
// elsewhere stays.
func (r *run) lost(h mail.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failedContent[h] = true
}

// lostUpload is lost for an upload. The row that it was to continue may be of
// another mailbox, which has to see again what became of it.
func (r *run) lostUpload(op plan.Upload) {
	r.lost(op.Content.Hash)
	r.unfinishRow(op.Row)
}

// unfinishRow keeps the checkpoint where it was of the mailbox that a row is said
// to be in, and of the one that base has it in: a message that both sides moved
// is given as it is on one of them.
func (r *run) unfinishRow(row *mail.Row) {
	if row != nil {
		r.unfinish(row.Mailbox)
		r.unfinish(r.homes[row.ID])
	}
}

func (r *run) isLost(h mail.Hash) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !h.IsZero() && r.failedContent[h]
}

// unfinish keeps a mailbox's checkpoint where it was.
func (r *run) unfinish(m mail.Mailbox) {
	if b := r.boxes[m]; b != nil {
		b.unfinished.Store(true)
	}
}
