package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

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
// relocate, and not in a dry run, the directories are renamed. It returns what is to
// be recorded after a run that went well, empty for nothing, and what was renamed.
func checkArrangement(ctx context.Context, a *account, relocate, dry bool) (record string, renamed []removal, err error) {
	now := arrangement{Layout: string(a.config.Layout), Map: a.config.Map}
	if settled, err := settleRelocation(ctx, a, now, dry); err != nil || settled != nil {
		return "", settled.renamed(), err
	}
	record, moved, before, err := arrangedOtherwise(ctx, a, now)
	if err != nil || len(moved) == 0 {
		return record, nil, err
	}
	if relocate && !dry {
		r, err := planRelocation(a, before, now, moved)
		if err != nil {
			return "", nil, err
		}
		return "", r.renamed(), r.carryOut(ctx, a)
	}
	const most = 5
	var words []string
	for _, r := range moved[:min(most, len(moved))] {
		words = append(words, r.from+" to "+r.to)
	}
	if n := len(moved) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return "", nil, fmt.Errorf("%w: the layout or map of %s is another one than in its last run, by which directories have other names "+
		"(%s): take the setting back, or have them renamed by godwit sync --relocate; nothing was changed",
		errConfig, a.config.Name, strings.Join(words, ", "))
}

// arrangedOtherwise tells which directories have other names now than in the last run,
// how they were arranged then, and what is to be recorded if none has.
func arrangedOtherwise(ctx context.Context, a *account, now arrangement) (record string, moved []rename, before arrangement, err error) {
	text, err := json.Marshal(now)
	if err != nil {
		return "", nil, before, err
	}
	recorded, err := a.base.Meta(ctx, arrangementMeta)
	if err != nil {
		return "", nil, before, err
	}
	if recorded == "" {
		return string(text), nil, before, nil
	}
	if err := json.Unmarshal([]byte(recorded), &before); err != nil {
		return "", nil, before, fmt.Errorf("how the Maildir was arranged: %w", err)
	}
	if now.equal(before) {
		return "", nil, before, nil
	}
	moved, err = rearranged(ctx, a, before)
	return string(text), moved, before, err
}

// sameArrangement refuses a look at a Maildir that is arranged otherwise than in the
// last run: it would find every mailbox gone. Nothing is changed.
func sameArrangement(ctx context.Context, a *account) error {
	_, _, err := checkArrangement(ctx, a, false, true)
	return err
}
