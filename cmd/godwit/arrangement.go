package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"godwit/internal/config"
	"godwit/mail"
)

// arrangementMeta is the name in the state database under which stands how the
// Maildir was arranged when it was last synchronised.
const arrangementMeta = "arrangement"

// arrangement is how mailboxes become directories: another one than before would
// look as if all of them had been removed and others made.
type arrangement struct {
	Layout string                        `json:"layout"`
	Map    map[mail.Mailbox]mail.Mailbox `json:"map,omitempty"`
}

func (a arrangement) equal(b arrangement) bool {
	return a.Layout == b.Layout && maps.Equal(a.Map, b.Map)
}

// checkArrangement refuses a run over a Maildir whose layout or map is another one
// than in the last run, where that would put a mailbox that is known elsewhere; with
// relocate the directories are renamed. It returns what is to be recorded after a run that went well; empty for nothing.
func checkArrangement(ctx context.Context, a *account, relocate bool) (record string, err error) {
	now := arrangement{Layout: string(a.config.Layout), Map: a.config.Map}
	text, err := json.Marshal(now)
	if err != nil {
		return "", err
	}
	recorded, err := a.base.Meta(ctx, arrangementMeta)
	if err != nil {
		return "", err
	}
	if recorded == "" {
		return string(text), nil
	}
	var before arrangement
	if err := json.Unmarshal([]byte(recorded), &before); err != nil {
		return "", fmt.Errorf("how the Maildir was arranged: %w", err)
	}
	if now.equal(before) {
		return "", nil
	}
	moved, err := rearranged(ctx, a, before)
	if err != nil || len(moved) == 0 {
		return string(text), err
	}
	if relocate {
		for _, r := range moved {
			if err := a.local.Bring(ctx, r.from, r.mailbox); err != nil {
				return "", fmt.Errorf("%w; nothing else was done", err)
			}
		}
		return string(text), nil
	}
	const most = 5
	var words []string
	for _, r := range moved[:min(most, len(moved))] {
		words = append(words, r.from+" to "+r.to)
	}
	if n := len(moved) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return "", fmt.Errorf("%w: the layout or map of %s is another one than in its last run, by which directories have other names "+
		"(%s): take the setting back, or have them renamed by godwit sync --relocate; nothing was changed",
		errConfig, a.config.Name, strings.Join(words, ", "))
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
	var moved []rename
	for _, c := range known {
		from, to := old.Directory(c.Mailbox), a.local.Directory(c.Mailbox)
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
