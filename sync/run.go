package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	gosync "sync"
	"sync/atomic"
	"time"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"golang.org/x/sync/errgroup"
)

// ErrRefused is the error of a run that a guard stopped before it looked at any
// mailbox: nothing was created and nothing removed.
var ErrRefused = errors.New("refused")

// Run brings both sides of an account to the same state. The error is what
// stopped the run as a whole; what failed for one mailbox or message alone is
// in the result, with everything that was done.
func Run(ctx context.Context, o Options) (Result, error) {
	r := newRun(o)
	r.started = r.now()
	o.Limit.meter(o.Wire)
	err := r.run(ctx)
	r.result.SetAside = r.leftAside()
	if o.DryRun || errors.Is(err, errStep) {
		return r.result, err
	}
	return r.result, errors.Join(err, r.recordRun(ctx, err))
}

// run is the state of one run.
type run struct {
	Options
	boxes map[mail.Mailbox]*box
	order []*box // INBOX first, then by name
	trash mail.Mailbox

	runID   int64
	started mail.UnixTime

	root mail.RootState
	// noMailboxes says that the server's LIST was empty.
	noMailboxes bool
	intents     []mail.Intent
	quarantine  []mail.Quarantined // as base has it
	// renamed are the renames of mailboxes that were carried out, or in a dry run
	// would be, and renameHolds what there is to tell of them.
	renamed     []plan.RenameMailbox
	renameHolds []plan.Hold
	nextID      atomic.Int64 // of intents

	incomplete map[place]mail.Incomplete // messages of which octets are kept
	unkept     error                     // why nothing is kept of large messages in this run
	putOff     map[place]bool            // messages that are fetched after all others; guarded by mu

	slots     chan struct{} // one for each worker
	pace      pace          // of fetching
	deliver   chan delivery
	recording chan struct{}    // held by who commits what was delivered
	transfers gosync.WaitGroup // batches being fetched or delivered
	// stopTransfers ends the phase of transfers early.
	stopTransfers context.CancelFunc

	diskFull atomic.Bool       // stop pulling
	trashed  atomic.Bool       // messages were moved to the trash mailbox
	denied   atomic.Bool       // the server never had a message that it said it took
	found    map[mail.Key]bool // files that turned up again
	// trashing is held by whose messages are being copied to the trash mailbox. It guards
	// trashDoubt: of some that were, nobody knows what became of them.
	trashing   chan struct{}
	trashDoubt bool

	homes map[int64]mail.Mailbox // of the rows that the plan was made from, by ID

	mu      gosync.Mutex // guards result, journal, failedContent and the order of events
	result  Result
	journal journal
	// failedContent holds the hashes of messages that could not be brought to
	// their new place: what holds the same content elsewhere must not be removed.
	failedContent map[mail.Hash]bool
	errs          []error // of work that nobody waits for by itself
}

func newRun(o Options) *run {
	if o.Policy == nil {
		o.Policy = func(mail.Mailbox, mail.Role) conflict.Policy { return conflict.Policy{} }
	}
	if o.Wanted == nil {
		o.Wanted = func(mail.Mailbox, mail.Role) bool { return true }
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Large <= 0 {
		o.Large = 1 << 20
	}
	if o.Patience == nil {
		o.Patience = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}
	}
	return &run{
		Options: o, boxes: map[mail.Mailbox]*box{}, failedContent: map[mail.Hash]bool{},
		slots: make(chan struct{}, o.Workers), recording: make(chan struct{}, 1),
		trashing: make(chan struct{}, 1),
	}
}

func (r *run) now() mail.UnixTime { return mail.UnixTime(r.Now().Unix()) }

func (r *run) run(ctx context.Context) error {
	if err := r.list(ctx); err != nil {
		return err
	}
	if !r.DryRun {
		if err := r.recover(ctx); err != nil {
			return err
		}
	}
	if err := r.observe(ctx); err != nil {
		return err
	}
	if err := r.plan(ctx); err != nil {
		return err
	}
	if r.DryRun {
		return nil
	}
	if err := r.listKept(ctx); err != nil {
		return err
	}
	if err := r.apply(ctx); err != nil {
		return err
	}
	r.result.Paired = paired(r.result.Plan)
	r.unasked()
	if err := r.forgetCopies(ctx); err != nil {
		return err
	}
	if err := r.complete(ctx); err != nil {
		return err
	}
	if err := r.checkpoint(ctx); err != nil {
		return err
	}
	return r.tidyKept(ctx)
}

// each runs f for the boxes, as many at a time as there are workers. An error
// of one mailbox is that mailbox's alone; one that ends the run, ends it.
func (r *run) each(ctx context.Context, boxes []*box, f func(context.Context, *box) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, b := range boxes {
		if ctx.Err() != nil { // although a worker may be free
			return errors.Join(g.Wait(), context.Cause(ctx))
		}
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return errors.Join(g.Wait(), context.Cause(ctx))
		}
		g.Go(func() error {
			defer func() { <-r.slots }()
			if r.Step != nil { // who begins first is the test's to say
				if err := r.step("mailbox " + string(b.name)); err != nil {
					return err
				}
			}
			return r.only(b, f(ctx, b))
		})
	}
	return g.Wait()
}

// only keeps an error that concerns one mailbox from ending the run: it becomes
// a failure of that mailbox. What ends the run is returned.
func (r *run) only(b *box, err error) error {
	if err == nil || ends(err) {
		return err
	}
	r.fail(Failure{Mailbox: b.name, Err: err})
	return nil
}

// keep remembers an error that ends the run, from work that nobody waits for by
// itself.
func (r *run) keep(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
	r.stopTransfers()
}

func (r *run) kept() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// errStep marks an error from Options.Step: the run has "crashed".
var errStep = errors.New("stopped at a step")

func isStep(err error) bool { return errors.Is(err, errStep) }

// ends tells whether an error concerns the whole run.
func ends(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, mail.ErrOffline) || errors.Is(err, errStep) || errors.Is(err, errBase)
}

// errBase marks an error of the base: without its record nothing may go on.
var errBase = errors.New("state database")

// commit records changes; an error ends the run.
func (r *run) commit(ctx context.Context, changes ...mail.Change) error {
	if len(changes) == 0 {
		return nil
	}
	changes = r.journalled(changes)
	claims, boxes := r.claims(changes)
	// What was done is recorded even when the run is being stopped.
	if err := r.Base.Commit(context.WithoutCancel(ctx), append(claims, changes...)...); err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for _, b := range boxes {
		b.claimed.Store(true)
	}
	if slices.ContainsFunc(changes, isEntry) {
		r.mu.Lock()
		r.journal.begun = true
		r.mu.Unlock()
	}
	return nil
}

// claims are checkpoints for mailboxes of which base gets the first rows: with
// nothing but the UIDVALIDITY that their UIDs are of. Should the run die, and the
// mailbox be made anew before the next one, they must not be taken for others.
func (r *run) claims(changes []mail.Change) (claims []mail.Change, boxes []*box) {
	claim := func(m mail.Mailbox, v mail.UIDValidity) {
		b := r.boxes[m]
		if b == nil || v == 0 || b.before.UIDValidity != 0 || b.claimed.Load() || slices.Contains(boxes, b) {
			return
		}
		c := b.checkpointed()
		c.UIDValidity, c.OnServer, c.OnLocal = v, true, c.OnLocal || b.local != nil
		claims, boxes = append(claims, mail.PutCheckpoint{Checkpoint: c}), append(boxes, b)
	}
	for _, change := range changes {
		switch c := change.(type) {
		case mail.PutIntent:
			claim(c.Intent.Mailbox, c.Intent.UIDValidity)
		case mail.PutRow:
			if b := r.boxes[c.Row.Mailbox]; b != nil && c.Row.UID != 0 && !b.claimed.Load() {
				claim(c.Row.Mailbox, b.validity())
			}
		case mail.PutCheckpoint:
			return nil, nil // of those that are done
		}
	}
	return claims, boxes
}

func (r *run) step(name string) error {
	if r.Step == nil {
		return nil
	}
	if err := r.Step(name); err != nil {
		return fmt.Errorf("%w %s: %w", errStep, name, err)
	}
	return nil
}

// fail notes something that could not be done. The mailbox's checkpoint stays
// where it was, so that the next run tries again.
func (r *run) fail(f Failure) {
	if b := r.boxes[f.Mailbox]; b != nil {
		b.unfinished.Store(true)
	}
	if errors.Is(f.Err, mail.ErrDisk) {
		r.diskFull.Store(true)
	}
	r.tell(Failed{f}, func(res *Result) { res.Failures = append(res.Failures, f) })
}

// tell counts what happened and passes the event on.
func (r *run) tell(e Event, count func(*Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if count != nil {
		count(&r.result)
	}
	r.noteMailbox(e)
	if r.Events != nil && e != nil {
		r.Events(e)
	}
}

// recordRun writes the run's record, and what failed, for `status`.
func (r *run) recordRun(ctx context.Context, err error) error {
	res := &r.result
	rec := mail.RunRecord{
		ID: r.runID, Command: r.command(), Started: r.started, Ended: r.now(), Pulled: res.Pulled, Pushed: res.Pushed,
		Flagged: res.Flagged, Removed: res.Removed, Relocate: res.Moved, Paired: res.Paired,
	}
	switch {
	case err != nil:
		rec.Summary = err.Error()
	case res.Guarded():
		rec.Summary = "something was held back by a guard"
	case res.Incomplete():
		rec.Summary = "done in part"
	case res.Remaining.Messages > 0:
		rec.Summary = "stopped at its limit"
	}
	changes := append(r.asideChanges(), mail.PutRun{Run: rec})
	if len(r.boxes) > 0 {
		problems, perr := r.Base.Problems(context.WithoutCancel(ctx))
		if perr != nil {
			return perr
		}
		for _, p := range problems {
			if b := r.boxes[p.Mailbox]; b != nil && !b.unfinished.Load() && err == nil {
				changes = append(changes, mail.ClearProblems{Mailbox: p.Mailbox})
			}
		}
	}
	for _, f := range res.Failures {
		if f.Next != 0 {
			continue // it is set aside, which tells more
		}
		changes = append(changes, mail.PutProblem{Problem: mail.Problem{
			Mailbox: f.Mailbox, UID: f.UID, Key: f.Key, Reason: f.Err.Error(), Since: rec.Ended, Last: rec.Ended, Count: 1,
		}})
	}
	return r.commit(ctx, changes...)
}
