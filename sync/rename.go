package sync

import (
	"context"
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// lists are the mailboxes of the three trees, as listed.
type lists struct {
	server []mail.ServerMailbox
	local  []mail.LocalMailbox
	known  []mail.Checkpoint
}

// rename finds the mailboxes that were renamed on one side, and renames them on
// the other and in base, before anything is looked into: whatever else happened
// to their messages is then seen under the new name, and none is transferred. What
// is not proved is left to the planner, which moves messages one by one. The lists
// are brought up to date.
func (r *run) rename(ctx context.Context, l *lists) error {
	if r.Restored || r.NewRoot && !r.root.Marker || !slices.ContainsFunc(l.server, func(s mail.ServerMailbox) bool { return s.Name == mail.Inbox }) {
		return nil // what is listed is not to be trusted
	}
	names := r.names(l)
	suspects := plan.Suspects(names)
	suspects = slices.DeleteFunc(suspects, func(s plan.Suspect) bool {
		return r.Only != nil && !r.Only(s.From) && !r.Only(s.To)
	})
	if len(suspects) == 0 {
		return r.forgetRenames(ctx)
	}
	var proved []plan.Suspect
	for _, s := range suspects {
		is, err := r.isRenamed(ctx, l, s)
		if err != nil {
			if ends(err) {
				return err
			}
			r.fail(Failure{Mailbox: s.To, Err: fmt.Errorf("finding out whether this is %s under another name: %w", s.From, err)})
		}
		if is {
			proved = append(proved, s)
		}
	}
	renaming := plan.Renames(names, proved)
	r.renamed, r.renameHolds = renaming.Operations, renaming.Holds
	if r.DryRun {
		l.leaveOut(renaming)
		return nil
	}
	if len(renaming.Names)+len(renaming.Operations) == 0 {
		return r.forgetRenames(ctx)
	}
	return r.carryOutRenames(ctx, l, renaming)
}

// names is what the planner has to know of the mailboxes.
func (r *run) names(l *lists) plan.Names {
	n := plan.Names{
		Known: l.known, Server: l.server, Local: l.local,
		Unwanted: map[mail.Mailbox]bool{}, Policies: map[mail.Mailbox]conflict.Policy{},
	}
	for _, i := range r.intents {
		if i.Kind == mail.IntentRename {
			n.Intended = append(n.Intended, mail.NewName{From: i.From, To: i.Mailbox})
		}
	}
	roles := map[mail.Mailbox]mail.Role{}
	for _, s := range l.server {
		roles[s.Name] = s.Role
		n.Unwanted[s.Name] = !r.Wanted(s.Name, s.Role)
	}
	for _, m := range l.local {
		n.Unwanted[m.Name] = !r.Wanted(m.Name, roles[m.Name])
	}
	for _, c := range l.known {
		n.Unwanted[c.Mailbox] = !r.Wanted(c.Mailbox, roles[c.Mailbox])
		n.Policies[c.Mailbox] = r.Policy(c.Mailbox, roles[c.Mailbox])
	}
	return n
}

// carryOutRenames renames on the server, in the Maildir, and then in base, which
// takes all the names at once. A run that dies in between finds each mailbox again
// by what proved it before, or by the intent.
func (r *run) carryOutRenames(ctx context.Context, l *lists, renaming plan.Renaming) error {
	if err := r.forgetRenames(ctx); err != nil {
		return err
	}
	var intents []mail.Change
	for _, n := range renaming.Names {
		i := mail.Intent{ID: r.nextID.Add(1), Kind: mail.IntentRename, Mailbox: n.To, From: n.From}
		r.intents = append(r.intents, i)
		intents = append(intents, mail.PutIntent{Intent: i})
	}
	if err := r.commit(ctx, intents...); err != nil {
		return err
	}
	if err := r.step("rename.intended"); err != nil {
		return err
	}
	failed := false
	var done []plan.RenameMailbox
	for _, op := range renaming.Operations {
		if failed {
			break // what follows may need it
		}
		var err error
		if op.On == plan.OnServer {
			err = r.Server.Rename(ctx, op.From, op.Mailbox)
		} else {
			err = r.Local.RenameMailbox(ctx, op.From, op.Mailbox)
		}
		if err != nil {
			if ends(err) {
				return err
			}
			r.fail(Failure{Mailbox: op.Mailbox, Err: err})
			failed = true
			continue
		}
		done = append(done, op)
		l.renamed(op)
		if err := r.step(renameSteps[op.On]); err != nil {
			return err
		}
	}
	if err := r.recordRenames(ctx, l, renaming, failed); err != nil {
		return err
	}
	r.renamed = done
	for _, op := range done {
		side := OnServer
		if op.On == plan.OnLocal {
			side = OnLocal
		}
		r.tell(Changed{Mailbox: op.Mailbox, Side: side, What: "rename", Detail: string(op.From), Reason: op.Reason},
			func(res *Result) { res.Renamed++ })
	}
	return r.step("rename.recorded")
}

// renameSteps are what a rename on each side is called.
var renameSteps = map[plan.Side]string{plan.OnServer: "rename.server", plan.OnLocal: "rename.local"}

// recordRenames gives base the new names. After a failure, only of the mailboxes
// that have theirs wherever they are; the others are known under the old name
// until they are renamed, or their messages moved.
func (r *run) recordRenames(ctx context.Context, l *lists, renaming plan.Renaming, failed bool) error {
	names := renaming.Names
	if failed {
		names = slices.DeleteFunc(slices.Clone(names), func(n mail.NewName) bool {
			return l.has(n.From) || !l.has(n.To)
		})
	}
	called := map[mail.Mailbox]mail.Mailbox{}
	for _, n := range names {
		called[n.From] = n.To
	}
	var changes []mail.Change
	if len(names) > 0 {
		changes = append(changes, mail.RenameMailboxes{Names: names})
	}
	kept := r.intents[:0]
	for _, i := range r.intents {
		if i.Kind == mail.IntentRename {
			changes = append(changes, mail.DropIntent{ID: i.ID})
			continue
		}
		for _, m := range []*mail.Mailbox{&i.Mailbox, &i.From} {
			if to, renamed := called[*m]; renamed {
				*m = to
			}
		}
		kept = append(kept, i)
	}
	r.intents = kept
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	for i := range r.quarantine {
		if to, renamed := called[r.quarantine[i].Mailbox]; renamed {
			r.quarantine[i].Mailbox = to
		}
	}
	for i := range l.known {
		if to, renamed := called[l.known[i].Mailbox]; renamed {
			l.known[i].Mailbox = to
		}
	}
	return nil
}

// forgetRenames drops the intents of an earlier run: what it had not done is
// decided anew.
func (r *run) forgetRenames(ctx context.Context) error {
	if r.DryRun {
		return nil
	}
	var drops []mail.Change
	r.intents = slices.DeleteFunc(r.intents, func(i mail.Intent) bool {
		if i.Kind != mail.IntentRename {
			return false
		}
		drops = append(drops, mail.DropIntent{ID: i.ID})
		return true
	})
	return r.commit(ctx, drops...)
}

// renamed is what the lists are after a rename.
func (l *lists) renamed(op plan.RenameMailbox) {
	if op.On == plan.OnServer {
		for i := range l.server {
			l.server[i].Name = plan.Moved(l.server[i].Name, op.From, op.Mailbox)
		}
		return
	}
	for i := range l.local {
		l.local[i].Name = plan.Moved(l.local[i].Name, op.From, op.Mailbox)
	}
}

// has tells that either side has a mailbox of that name.
func (l *lists) has(m mail.Mailbox) bool {
	return slices.ContainsFunc(l.server, func(s mail.ServerMailbox) bool { return s.Name == m }) ||
		slices.ContainsFunc(l.local, func(s mail.LocalMailbox) bool { return s.Name == m })
}

// leaveOut takes the mailboxes out of the lists that a dry run would rename: what
// else it would do in them, it cannot see.
func (l *lists) leaveOut(renaming plan.Renaming) {
	out := map[mail.Mailbox]bool{}
	for _, n := range renaming.Names {
		out[n.From], out[n.To] = true, true
	}
	for _, op := range renaming.Operations {
		out[op.From], out[op.Mailbox] = true, true
	}
	l.server = slices.DeleteFunc(l.server, func(s mail.ServerMailbox) bool { return out[s.Name] })
	l.local = slices.DeleteFunc(l.local, func(s mail.LocalMailbox) bool { return out[s.Name] })
	l.known = slices.DeleteFunc(l.known, func(c mail.Checkpoint) bool { return out[c.Mailbox] })
}
