package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/mail"
	"godwit/sync/plan"
)

// Removals to the trash mailbox of a server that has no MOVE. They are a COPY, a STORE
// and an EXPUNGE, and between any two of them the connection or the power may go. The
// message is where it was then, and its copy is in the trash: to begin anew would put
// a second one there. So before the COPY base learns what is about to be copied, and
// from which UID on the trash mailbox is new; a run that finds such an intent looks
// for the copies there, and where the plan still has their messages removed, expunges
// these alone. The plan decides as if there were no copy: whoever wants the message
// back meanwhile has it back.
//
// What two runs, or two mailboxes, copy must not be taken for one another's. So one
// mailbox's messages are copied at a time, and none any more in a run that does not
// know what became of some.

// trashing is a message of which a run that died, or did not hear, made a copy.
type trashing struct {
	intent mail.Intent
	copy   mail.UID // in the trash mailbox; zero: that could not be looked into
	gone   bool     // the message is removed, and the intent dropped
}

// copies tells that what goes from the mailbox to the trash is copied, and then removed.
func (b *box) copies() bool { return b.server == nil || !b.server.Moves }

// inTrash is the copy of a message that is in the trash mailbox already.
func (b *box) inTrash(uid mail.UID, trash mail.Mailbox) *trashing {
	if t := b.has().trashed[uid]; t != nil && t.intent.From == trash {
		return t
	}
	return nil
}

// errTrashDoubt is told of removals that wait, since the copies of others are in doubt.
var errTrashDoubt = errors.New("what became of other messages that were on their way to the trash mailbox is not known; it is removed in the next run")

// copying returns, with the trash mailbox to itself, the intents of messages that are
// about to be copied there, and what gives the trash mailbox to others.
func (r *run) copying(ctx context.Context, b *box, rows []mail.Row, trash mail.Mailbox) (intents []mail.Intent, done func(), err error) {
	select {
	case r.trashing <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	done = func() { <-r.trashing }
	if r.trashDoubt {
		done()
		return nil, nil, errTrashDoubt
	}
	floor := mail.UID(1)
	o, err := r.Server.List(ctx, trash)
	switch {
	case errors.Is(err, mail.ErrNoMailbox): // it is made when it is needed
	case err != nil:
		done()
		return nil, nil, fmt.Errorf("looking at the trash mailbox %s: %w", trash, err)
	default:
		floor = max(floor, o.UIDNext)
		if o.Present != nil && !o.Present.IsEmpty() { // not every server tells UIDNEXT
			floor = max(floor, o.Present.Max()+1)
		}
	}
	for _, row := range rows {
		intents = append(intents, mail.Intent{
			ID: r.nextID.Add(1), Kind: mail.IntentTrash, Mailbox: b.name, UIDValidity: b.validity(), UID: row.UID,
			Flags: row.Flags, Content: row.Content, Floor: floor, From: trash, OldRow: row.ID,
		})
	}
	return intents, done, nil
}

// intendCopies is copying, where the server has to copy what it is to move; else there
// is nothing to be intended.
func (r *run) intendCopies(ctx context.Context, b *box, trash mail.Mailbox, order []mail.UID, ops map[mail.UID]plan.RemoveServer) (intents []mail.Intent, done func(), err error) {
	if trash == "" || !b.copies() {
		return nil, func() {}, nil
	}
	rows := make([]mail.Row, len(order))
	for i, uid := range order {
		rows[i] = ops[uid].Row
	}
	return r.copying(ctx, b, rows, trash)
}

func dropped(intents []mail.Intent) []mail.Change {
	var changes []mail.Change
	for _, in := range intents {
		changes = append(changes, mail.DropIntent{ID: in.ID})
	}
	return changes
}

// copied finds out which messages of a mailbox were copied to the trash, and not
// removed, when a run ended. Of those that were not, nothing was done.
func (r *run) copied(ctx context.Context, b *box, intents []mail.Intent) error {
	byTrash := map[mail.Mailbox][]mail.Intent{}
	var order []mail.Mailbox
	var settled []mail.Change
	for _, in := range intents {
		if !b.selectable() || in.UIDValidity != b.statusValidity(in) || r.Restored {
			settled = append(settled, mail.DropIntent{ID: in.ID})
			continue
		}
		if byTrash[in.From] == nil {
			order = append(order, in.From)
		}
		byTrash[in.From] = append(byTrash[in.From], in)
	}
	for _, trash := range order {
		found, err := r.findCopies(ctx, trash, byTrash[trash])
		if err != nil {
			err = fmt.Errorf("looking for what was copied to the trash mailbox %s: %w", trash, err)
			if ends(err) {
				return err
			}
			// These messages stay where they are; all else goes on.
			r.fail(Failure{Mailbox: b.name, Err: err})
		}
		for _, in := range byTrash[trash] {
			uid, there := found[in.ID]
			if !there && err == nil {
				settled = append(settled, mail.DropIntent{ID: in.ID})
				continue
			}
			extra := b.own()
			if extra.trashed == nil {
				extra.trashed = map[mail.UID]*trashing{}
			}
			extra.trashed[in.UID] = &trashing{intent: in, copy: uid}
		}
	}
	return r.commit(ctx, settled...)
}

// findCopies looks for copies in a trash mailbox: intent ID -> UID. It looks again as
// long as one is missing, for a server can be at work on a COPY whose connection has
// ended. What base knows there by now may be one of them, too: it was fetched since.
func (r *run) findCopies(ctx context.Context, trash mail.Mailbox, intents []mail.Intent) (map[int64]mail.UID, error) {
	floor := intents[0].Floor
	for _, in := range intents {
		floor = min(floor, in.Floor)
	}
	seen := map[mail.UID]mail.Content{}
	for i := 0; ; i++ {
		listed, err := r.Server.List(ctx, trash)
		if errors.Is(err, mail.ErrNoMailbox) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		found := map[int64]mail.UID{}
		if listed.Present != nil {
			candidates := listed.Present.Intersect(mail.UIDSpan(max(floor, 1), ^mail.UID(0)))
			if err := r.identifySent(ctx, &box{name: trash}, listed.UIDValidity, intents, candidates, seen); err != nil {
				return nil, err
			}
			found = claim(intents, candidates, seen)
		}
		if len(found) == len(intents) || i >= len(r.Patience) {
			return found, nil
		}
		select {
		case <-time.After(r.Patience[i]):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// forgetCopies drops the intents of messages that were copied to the trash, and that
// the plan does not have removed any more. Where a mailbox was not settled, as one whose
// removals a guard holds, they stay for the run that removes them.
func (r *run) forgetCopies(ctx context.Context) error {
	var changes []mail.Change
	for _, b := range r.order {
		if b.unfinished.Load() || !b.looked {
			continue
		}
		for _, t := range b.has().trashed {
			if !t.gone {
				changes = append(changes, mail.DropIntent{ID: t.intent.ID})
			}
		}
	}
	return r.commit(ctx, changes...)
}
