package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"godwit/internal/ui"
	"godwit/mail"
	"godwit/statedb"
	"godwit/sync"
)

// mend repairs what was found, in an order in which dying at any moment has no
// later run take anything for removed: what is missing comes back first, while
// base still says that it is to be there; then base forgets the messages whose two
// sides differ, and each side's version is new to the other.
func (v *verifying) mend(ctx context.Context, a *account, show *ui.Account) (int, error) {
	code, err := v.keepAll(ctx, a, show, false)
	if err != nil || len(v.differ) == 0 {
		v.repaired(code, err)
		return code, err
	}
	if err := forget(ctx, a.base, v.differ); err != nil {
		return code, err
	}
	// What was changed in place has the header and the size that it had.
	again, err := v.keepAll(ctx, a, show, true)
	v.repaired(worst(code, again), err)
	return worst(code, again), err
}

// repaired tells what the runs of a repair did.
func (v *verifying) repaired(code int, err error) {
	mark := ui.Good
	if code != exitDone || err != nil {
		mark = ui.Doubtful
	}
	did := strings.Join(ui.Tally(&v.did), ", ")
	switch {
	case err != nil && did == "":
		return // the error says it
	case did == "":
		did = "nothing had to be fetched or sent, the record alone was put right"
	}
	v.say("repaired: "+did, mark)
}

// keepAll is a run that looks at everything and removes nothing.
func (v *verifying) keepAll(ctx context.Context, a *account, show *ui.Account, byHash bool) (int, error) {
	after, err := runsInTrash(ctx, a)
	if err != nil {
		return exitDone, err
	}
	ready, err := a.ready(ctx, false, false)
	if err != nil {
		return exitDone, err
	}
	options := engineOptions(a, sync.Options{
		KeepAll: true, Full: true, ByHash: byHash, Retry: true, After: after, Only: v.t.filter(), Events: show.Event,
	})
	result, err := a.run(ctx, ready, options)
	v.did.Pulled, v.did.Pushed, v.did.Moved = v.did.Pulled+result.Pulled, v.did.Pushed+result.Pushed, v.did.Moved+result.Moved
	v.did.Flagged, v.did.Removed = v.did.Flagged+result.Flagged, v.did.Removed+result.Removed
	code := exitOf(result, err)
	if v.p.JSON() {
		show.Done(ui.Outcome{Result: result, Err: err, Exit: code})
	}
	for _, hint := range slices.Concat(failureHints(a.config.Name, &result), outcomeHints(a.config.Name, &result, false)) {
		v.p.Hint(hint)
	}
	return code, err
}

// forget has base know nothing of some messages, and nothing of how far their
// mailboxes were brought: the next run lists both sides whole and pairs what is
// the same.
func forget(ctx context.Context, base *statedb.DB, rows map[mail.Mailbox][]int64) error {
	known, err := base.Checkpoints(ctx)
	if err != nil {
		return err
	}
	var changes []mail.Change
	for _, c := range known {
		ids := rows[c.Mailbox]
		if len(ids) == 0 {
			continue
		}
		c.UIDNext, c.ModSeq, c.Messages, c.Stamp = 0, 0, 0, mail.Stamp{}
		changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
		for _, id := range ids {
			changes = append(changes, mail.DropRow{ID: id})
		}
	}
	return base.Commit(context.WithoutCancel(ctx), changes...)
}

// damaged tells of a database that is not sound, and with --repair sets it aside
// and has both sides paired anew by their contents.
func (v *verifying) damaged(ctx context.Context, o opening, show *ui.Account, why error) int {
	name := v.t.account.Name
	v.p.Error(name, errorText(why))
	if !v.repair {
		if !v.p.JSON() {
			v.p.Hint("godwit verify --repair " + name + " sets the file aside and pairs both sides anew by their contents; nothing is removed")
		}
		v.done(exitPart, "damaged")
		return exitPart
	}
	code, err := v.rebuild(ctx, o, show)
	v.done(worst(code, exitCode(err)), "damaged")
	return worst(code, report(v.p, name, because(ctx, err)))
}

// rebuild begins a new database. The damaged one is kept beside it.
func (v *verifying) rebuild(ctx context.Context, o opening, show *ui.Account) (int, error) {
	var moved string
	o.before = func(database string) (err error) {
		moved, err = statedb.SetAside(database, "damaged-"+time.Now().UTC().Format("20060102T150405.000Z"))
		return err
	}
	a, err := openAccount(ctx, v.t.account, o)
	if err != nil {
		return exitDone, err
	}
	v.say("the damaged database is "+moved+" now; both sides are paired anew by their contents", ui.Neutral)
	if v.t.only != nil {
		v.t = &target{account: v.t.account} // a new record is one of all mailboxes
	}
	code, err := v.keepAll(ctx, a, show, false)
	v.repaired(code, err)
	if err != nil {
		err = fmt.Errorf("%w (the record is built by whatever run comes next)", err)
	}
	return code, errors.Join(err, a.Close())
}
