package sync

import (
	"context"
	"fmt"

	"godwit/conflict"
	"godwit/mail"

	"golang.org/x/sync/errgroup"
)

// Durability costs the same for one message as for a thousand, so what all
// workers fetched meets here: each turn of the loop makes durable whatever
// arrived during the last one. For a crash after each step see [Steps].

// mostDelivered bounds how many messages one turn takes, and so how many wait.
const mostDelivered = 512

// deliverers is how many groups are delivered side by side: while one waits for the
// disk, the other's files get their names, which is work for the processor.
const deliverers = 2

// delivery is a batch of messages of one mailbox, written to tmp/.
type delivery struct {
	b      *box
	staged []arrival
	// done is told, once, that the batch is recorded, or why it is not.
	done func(error)
}

// arrival is a message in tmp/ and the row that shall stand for it.
type arrival struct {
	staged   mail.Staged
	row      mail.Row
	replaces mail.Key // the file that it takes the place of; empty: none
	why      conflict.Reason
	twin     mail.Mailbox // whose file has the same content; empty: the body was transferred
}

type deliverer struct {
	r  *run
	in <-chan delivery
	// recorded are changes of the last turn that wait to be committed with the
	// next one's intents, and whom to tell then.
	recorded []mail.Change
	waiting  []delivery
}

// deliverAll delivers what comes until in is closed, and returns what ended it.
func (r *run) deliverAll(ctx context.Context, in <-chan delivery) error {
	var hands errgroup.Group
	for range deliverers {
		d := &deliverer{r: r, in: in}
		hands.Go(func() error { return d.run(ctx) })
	}
	return hands.Wait()
}

// run delivers until in is closed, and returns what ended it: after that it
// discards what comes. An error that concerns a batch alone is told to those who
// wait for it. What is in hand when ctx ends is brought to its end, which takes
// less than undoing it.
func (d *deliverer) run(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var failed error
	end := func(err error) {
		failed = err
		d.tell(err)
	}
	for {
		group, open := d.next(failed == nil)
		if failed != nil {
			d.discard(ctx, group, failed)
		} else if err := d.turn(ctx, group); err != nil {
			d.discard(ctx, group, err)
			if ends(err) {
				end(err)
			}
		}
		if open {
			continue
		}
		if failed == nil && len(d.waiting) > 0 {
			if err := d.commit(ctx, nil); err != nil {
				end(err)
			}
		}
		return failed
	}
}

// next takes what has arrived. It waits for something only when there is
// nothing left to commit.
func (d *deliverer) next(working bool) (group []delivery, open bool) {
	count := 0
	if !working || len(d.waiting) == 0 {
		first, ok := <-d.in
		if !ok {
			return nil, false
		}
		group, count = append(group, first), len(first.staged)
	}
	for count < mostDelivered {
		select {
		case more, ok := <-d.in:
			if !ok {
				return group, false
			}
			group, count = append(group, more), count+len(more.staged)
		default:
			return group, true
		}
	}
	return group, true
}

// turn brings one group through all steps but the last, which it takes for the
// group before.
func (d *deliverer) turn(ctx context.Context, group []delivery) error {
	if len(group) == 0 {
		return d.commit(ctx, nil)
	}
	r := d.r
	var staged []mail.Staged
	var intents, rows []mail.Change
	for _, g := range group {
		for _, a := range g.staged {
			id := r.nextID.Add(1)
			staged = append(staged, a.staged)
			intents = append(intents, mail.PutIntent{Intent: mail.Intent{
				ID: id, Kind: mail.IntentDeliver, Mailbox: g.b.name, UIDValidity: g.b.validity(),
				UID: a.row.UID, Key: a.row.Key, Flags: a.row.Flags, Content: a.row.Content, OldRow: a.row.ID,
				FromKey: a.replaces,
			}})
			rows = append(rows, mail.PutRow{Row: a.row}, mail.DropIntent{ID: id})
		}
	}
	if err := r.step("deliver.staged"); err != nil {
		return err
	}
	if err := r.Local.Settle(ctx, staged); err != nil {
		return fmt.Errorf("making messages durable: %w", err)
	}
	if err := r.step("deliver.settled"); err != nil {
		return err
	}
	if err := d.commit(ctx, intents); err != nil {
		return err
	}
	if err := r.step("deliver.intended"); err != nil {
		return err
	}
	for _, g := range group {
		g.b.wroteLocal.Store(true)
	}
	if err := r.Local.Place(ctx, staged); err != nil {
		return fmt.Errorf("moving messages into place: %w", err)
	}
	if err := r.step("deliver.placed"); err != nil {
		return err
	}
	if err := d.replaced(ctx, group); err != nil {
		return err
	}
	d.recorded, d.waiting = rows, group
	return nil
}

// replaced takes away the files whose place others have taken.
func (d *deliverer) replaced(ctx context.Context, group []delivery) error {
	for _, g := range group {
		var keys []mail.Key
		for _, a := range g.staged {
			if a.replaces != "" {
				keys = append(keys, a.replaces)
			}
		}
		if len(keys) == 0 {
			continue
		}
		if _, err := d.r.Local.Remove(ctx, g.b.name, keys, d.r.runID); err != nil {
			return fmt.Errorf("replacing what the server altered: %w", err)
		}
	}
	return nil
}

// commit records the group before, together with this one's intents.
func (d *deliverer) commit(ctx context.Context, intents []mail.Change) error {
	if err := d.record(ctx, intents); err != nil {
		return err
	}
	if len(d.recorded) > 0 {
		if err := d.r.step("deliver.recorded"); err != nil {
			return err
		}
	}
	d.tell(nil)
	return nil
}

// record commits with the rows what the journal says of them: an entry that grows
// with each group, so that no older one may be committed behind a newer.
func (d *deliverer) record(ctx context.Context, intents []mail.Change) error {
	changes := d.recorded
	if len(d.waiting) > 0 {
		d.r.recording <- struct{}{}
		defer func() { <-d.r.recording }()
		for _, g := range d.waiting {
			changes = append(changes, d.r.placedEntries(g)...)
		}
	}
	return d.r.commit(ctx, append(changes, intents...)...)
}

// tell reports on the deliveries whose rows were waiting.
func (d *deliverer) tell(err error) {
	for _, w := range d.waiting {
		w.done(err)
	}
	d.recorded, d.waiting = nil, nil
}

// discard removes what was fetched for nothing. After a "crash" it leaves
// everything as a crash would.
func (d *deliverer) discard(ctx context.Context, group []delivery, why error) {
	for _, g := range group {
		if !isStep(why) {
			var staged []mail.Staged
			for _, a := range g.staged {
				staged = append(staged, a.staged)
			}
			// What cannot be removed is swept by the next run.
			if err := d.r.Local.Discard(ctx, staged); err != nil {
				why = fmt.Errorf("%w (and %w)", why, err)
			}
		}
		g.done(why)
	}
}
