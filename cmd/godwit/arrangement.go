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
// be recorded after a run that went well; empty for nothing.
func checkArrangement(ctx context.Context, a *account, relocate, dry bool) (record string, err error) {
	now := arrangement{Layout: string(a.config.Layout), Map: a.config.Map}
	if settled, err := settleRelocation(ctx, a, now, dry); err != nil || settled {
		return "", err
	}
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
	if relocate && !dry {
		r, err := planRelocation(a, before, now, moved)
		if err != nil {
			return "", err
		}
		return "", r.carryOut(ctx, a)
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
