package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
	"godwit/maildir"
)

// A relocation brings the directories of an account's mailboxes to where another
// layout or map has them. Names may be exchanged, and one may be free only when
// another mailbox has left it. So it has two passes: in the first one every mailbox
// leaves its place, for its new one where nobody is or was, else for a place aside;
// in the second those come to theirs. All of it, and the pass, stands in the state
// database before anything is moved, and each move can be repeated: a run that dies
// is finished by the next one, and taken back where the setting was taken back.

// relocationMeta is the name in the state database of the relocation under way.
const relocationMeta = "relocation"

type relocation struct {
	Before arrangement `json:"before"`
	After  arrangement `json:"after"`
	First  []removal   `json:"first"`
	Second []removal   `json:"second,omitempty"`
	Pass   int         `json:"pass"` // the one that was begun last
}

// removal is a directory on its way, below the Maildir's root.
type removal struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// planRelocation arranges the moves. It fails where a mailbox is in the way that
// does not leave.
func planRelocation(a *account, before, after arrangement, moved []rename) (*relocation, error) {
	r := &relocation{Before: before, After: after, Pass: 1}
	leaves := map[string]bool{}
	for _, m := range moved {
		leaves[m.from] = true
	}
	for i, m := range moved {
		occupied, err := a.local.Occupied(m.to)
		if err != nil {
			return nil, err
		}
		if occupied && !leaves[m.to] {
			return nil, fmt.Errorf("%w: the directory %s is to be that of %s, and is another mailbox's: rename that first; nothing was changed",
				errConfig, m.to, m.mailbox)
		}
		if !leaves[m.to] {
			r.First = append(r.First, removal{m.from, m.to})
			continue
		}
		aside := fmt.Sprintf("%s%d", mail.PassingName, i+1)
		if after.Layout != string(maildir.MaildirPlusPlus) {
			aside = "." + aside
		}
		r.First = append(r.First, removal{m.from, aside})
		r.Second = append(r.Second, removal{aside, m.to})
	}
	return r, nil
}

// renamed tells which directories get which names in the end; of nothing, none.
func (r *relocation) renamed() []removal {
	if r == nil {
		return nil
	}
	ends := map[string]string{}
	for _, m := range r.Second {
		ends[m.From] = m.To
	}
	all := slices.Clone(r.First)
	for i, m := range all {
		if end, aside := ends[m.To]; aside {
			all[i].To = end
		}
	}
	return all
}

// tellRenamed tells what was renamed for another layout or map.
func tellRenamed(p *ui.Printer, account string, renamed []removal) {
	if len(renamed) == 0 {
		return
	}
	if p.Level() == ui.Verbose && !p.JSON() {
		for _, m := range renamed {
			p.Print(p.Clean(fmt.Sprintf("%s: the directory %s is %s now", account, m.From, m.To)))
		}
	}
	p.Remark(account, ui.Plural(len(renamed), "directory was", "directories were")+" renamed, as the layout and the map have it now")
}

// settleRelocation finishes what a run that died had begun, or takes it back. It
// returns what was carried out; nil: there was nothing.
func settleRelocation(ctx context.Context, a *account, now arrangement, dry bool) (*relocation, error) {
	text, err := a.base.Meta(ctx, relocationMeta)
	if err != nil || text == "" {
		return nil, err
	}
	var r relocation
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, fmt.Errorf("the relocation under way: %w", err)
	}
	switch {
	case dry:
		return nil, fmt.Errorf("%w: an earlier run was stopped while it renamed the directories of %s; the next run that is no dry run finishes that",
			errConfig, a.config.Name)
	case now.equal(r.After):
		return &r, r.carryOut(ctx, a)
	case now.equal(r.Before):
		// The setting was taken back: all the way there, whatever was moved, and back.
		if err := r.carryOut(ctx, a); err != nil {
			return nil, err
		}
		moved, err := rearranged(ctx, a, r.After)
		if err != nil {
			return nil, err
		}
		back, err := planRelocation(a, r.After, r.Before, moved)
		if err != nil {
			return nil, err
		}
		return back, back.carryOut(ctx, a)
	}
	return nil, fmt.Errorf("%w: an earlier run was stopped while it renamed the directories of %s for another layout or map than there is now: "+
		"go back to one of these two settings", errConfig, a.config.Name)
}

// carryOut moves what is not moved yet, and records how the Maildir is arranged.
func (r *relocation) carryOut(ctx context.Context, a *account) error {
	for pass, moves := range [][]removal{r.First, r.Second} {
		if pass+1 < r.Pass {
			continue
		}
		r.Pass = pass + 1
		if err := r.record(ctx, a); err != nil {
			return err
		}
		for _, m := range moves {
			if crashStep != nil {
				if err := crashStep("relocate.directory"); err != nil {
					return err
				}
			}
			if err := a.local.Bring(ctx, m.From, m.To); err != nil {
				return fmt.Errorf("%w; the next run goes on from here", err)
			}
		}
	}
	text, err := json.Marshal(r.After)
	if err != nil {
		return err
	}
	if err := a.base.SetMeta(ctx, arrangementMeta, string(text)); err != nil {
		return err
	}
	return a.base.SetMeta(ctx, relocationMeta, "")
}

func (r *relocation) record(ctx context.Context, a *account) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return a.base.SetMeta(ctx, relocationMeta, string(text))
}

// rename is the directory of a mailbox, before and now.
type rename struct {
	mailbox  mail.Mailbox
	from, to string
}

// rearranged tells which directories of known mailboxes are not where they are to
// be now, the deepest first.
func rearranged(ctx context.Context, a *account, before arrangement) ([]rename, error) {
	old, err := openMaildir(&config.Account{
		Name: a.config.Name, Maildir: a.config.Maildir, Layout: config.Layout(before.Layout), Map: before.Map,
	}, a.state)
	if err != nil {
		return nil, err
	}
	known, err := a.base.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	at, err := old.Directories(ctx)
	if err != nil && !errors.Is(err, maildir.ErrCollision) { // some were renamed by hand
		return nil, err
	}
	var moved []rename
	for _, c := range known {
		from, found := at[c.Mailbox]
		if !found {
			from = old.Directory(c.Mailbox)
		}
		to := a.local.Directory(c.Mailbox)
		if !c.OnLocal || from == to {
			continue
		}
		// One that was renamed by hand, or by a run that died, is where it is to be.
		stamp, err := a.local.Stamp(ctx, c.Mailbox)
		if err == nil && stamp.Cur.Inode == c.Stamp.Cur.Inode {
			continue
		}
		moved = append(moved, rename{c.Mailbox, from, to})
	}
	slices.SortFunc(moved, func(x, y rename) int {
		return cmp.Or(strings.Count(y.from, "/")-strings.Count(x.from, "/"), strings.Compare(x.from, y.from))
	})
	return moved, nil
}
