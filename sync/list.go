package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"

	"golang.org/x/sync/errgroup"
)

// list finds out what mailboxes there are on both sides and in base, all three
// at the same time, and whether the Maildir is the one that base knows.
func (r *run) list(ctx context.Context) error {
	var server []mail.ServerMailbox
	var local []mail.LocalMailbox
	var known []mail.Checkpoint
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		server, err = r.Server.Mailboxes(gctx, r.wanted)
		return err
	})
	g.Go(func() (err error) {
		if r.root, err = r.Local.Root(gctx); err != nil {
			return err
		}
		if r.root.Exists {
			local, err = r.Local.Mailboxes(gctx)
		}
		return err
	})
	g.Go(func() (err error) {
		if known, err = r.Base.Checkpoints(gctx); err != nil {
			return err
		}
		if r.intents, err = r.Base.Intents(gctx); err != nil {
			return err
		}
		if r.quarantine, err = r.Base.Quarantine(gctx); err != nil {
			return err
		}
		last, err := r.Base.LastRuns(gctx, 1)
		if err == nil && len(last) > 0 {
			r.runID = last[0].ID
		}
		r.runID = max(r.runID, r.After) + 1
		if r.Begun != nil {
			r.runID, r.started = r.Begun.Run.ID, r.Begun.Run.Started
			r.journal.begun, r.journal.last = true, r.Begun.Entries
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	for _, i := range r.intents {
		r.nextID.Store(max(r.nextID.Load(), i.ID))
	}
	if err := r.checkRoot(ctx, known); err != nil {
		return err
	}
	r.noMailboxes = len(server) == 0
	r.leaveUnsubscribed(server)
	l := lists{server, local, known}
	if err := r.rename(ctx, &l); err != nil {
		return err
	}
	r.merge(l.server, l.local, l.known)
	r.takeAside(r.quarantine)
	return nil
}

func (r *run) wanted(m mail.Mailbox, role mail.Role) bool {
	return r.Wanted(m, role) && (r.Only == nil || r.Only(m))
}

// checkRoot refuses a Maildir that is not the one base was written with: most
// likely a disk that is not mounted, whose emptiness must not be read as the
// user's removing everything.
func (r *run) checkRoot(ctx context.Context, known []mail.Checkpoint) error {
	had := slices.ContainsFunc(known, func(c mail.Checkpoint) bool { return c.OnLocal })
	switch {
	case r.root.Marker && r.root.Account != r.Account:
		return fmt.Errorf("%w: the Maildir belongs to the account %q, as its marker .godwit says", ErrRefused, r.root.Account)
	case had && !r.root.Exists && !r.NewRoot:
		return fmt.Errorf("%w: the Maildir is gone, and it held mail when it was last seen; is its disk mounted? Nothing was created or removed", ErrRefused)
	case had && !r.root.Marker && !r.NewRoot:
		return fmt.Errorf("%w: the Maildir's marker .godwit is gone; is this the right directory, and its disk mounted? Nothing was created or removed", ErrRefused)
	}
	if r.DryRun || r.root.Exists && r.root.Marker {
		return nil
	}
	return r.Local.Init(ctx)
}

// merge joins the three lists of mailboxes.
func (r *run) merge(server []mail.ServerMailbox, local []mail.LocalMailbox, known []mail.Checkpoint) {
	get := func(m mail.Mailbox) *box {
		b := r.boxes[m]
		if b == nil {
			b = &box{name: m, before: unknown}
			r.boxes[m] = b
		}
		return b
	}
	roles := map[mail.Mailbox]mail.Role{}
	for i, s := range server {
		roles[s.Name] = s.Role
		if s.Role == mail.RoleTrash && (r.Trash == "" || r.Trash == "auto") && r.trash == "" {
			r.trash = s.Name
		}
		if r.wanted(s.Name, s.Role) {
			get(s.Name).server = &server[i]
		}
	}
	if r.Trash != "" && r.Trash != "auto" && r.Trash != "none" {
		r.trash = mail.Mailbox(r.Trash)
	}
	for i, l := range local {
		if r.wanted(l.Name, roles[l.Name]) {
			get(l.Name).local = &local[i]
		}
	}
	for i, c := range known {
		if r.wanted(c.Mailbox, roles[c.Mailbox]) {
			b := get(c.Mailbox)
			b.before, b.recorded = &known[i], true
		}
	}
	r.order = make([]*box, 0, len(r.boxes))
	for _, b := range r.boxes {
		b.role = roles[b.name]
		b.policy = r.Policy(b.name, b.role)
		if r.Parts != nil {
			b.parts = r.Parts(b.name, b.role)
		}
		r.openWindow(b)
		r.order = append(r.order, b)
	}
	slices.SortFunc(r.order, func(a, b *box) int {
		switch {
		case a.name == b.name:
			return 0
		case a.name == mail.Inbox:
			return -1
		case b.name == mail.Inbox:
			return 1
		}
		return strings.Compare(string(a.name), string(b.name))
	})
	r.result.Total = len(r.order)
}
