package undo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
)

// ErrUnknown: the journal knows no such run or message.
var ErrUnknown = errors.New("the journal knows nothing of it")

// Wish is what the user wants taken back. The zero Wish: the removals of the last
// run that made any.
type Wish struct {
	Runs     []int64  // all that they did
	Messages []string // removals of these: Message-ID, key, or the beginning of a hash
}

// IsHash tells that a text can be the beginning of a content's hash, and returns
// its digits.
func IsHash(text string) (digits string, is bool) {
	digits = strings.TrimPrefix(strings.ToLower(text), "sha256:")
	return digits, len(digits) >= 6 && len(digits) <= 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Is tells that an entry is about the message that a text names, as far as the
// entry says so itself.
func Is(o *mail.Operation, text string) bool {
	if o.Key == mail.Key(text) || o.OtherKey == mail.Key(text) {
		return text != ""
	}
	if digits, is := IsHash(text); is && !o.Content.Hash.IsZero() && strings.HasPrefix(hex.EncodeToString(o.Content.Hash[:]), digits) {
		return true
	}
	return SameMessageID(o.Content.MessageID, text)
}

// SameMessageID compares with or without angle brackets.
func SameMessageID(id, text string) bool {
	return id != "" && strings.Trim(id, "<>") == strings.Trim(text, "<>")
}

// choose finds the entries that a wish is about, the newest first.
func (u *Undo) choose(ctx context.Context, w Wish) ([]mail.Operation, error) {
	runs, err := u.Base.LastRuns(ctx, 1<<30)
	if err != nil {
		return nil, err
	}
	if len(w.Runs)+len(w.Messages) == 0 {
		return u.lastRemovals(ctx, runs)
	}
	var chosen []mail.Operation
	wanted := slices.Clone(w.Runs)
	slices.Sort(wanted)
	slices.Reverse(wanted)
	for _, run := range slices.Compact(wanted) {
		if !slices.ContainsFunc(runs, func(r mail.RunRecord) bool { return r.ID == run }) {
			return nil, fmt.Errorf("run %d: %w", run, ErrUnknown)
		}
		ops, err := u.Base.Operations(ctx, run)
		if err != nil {
			return nil, err
		}
		slices.Reverse(ops)
		for i := range ops {
			if err := u.revive(ctx, &ops[i]); err != nil {
				return nil, err
			}
		}
		chosen = append(chosen, ops...)
	}
	for _, text := range w.Messages {
		found, err := u.removalsOf(ctx, runs, text)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, found...)
	}
	return chosen, nil
}

func (u *Undo) lastRemovals(ctx context.Context, runs []mail.RunRecord) ([]mail.Operation, error) {
	for _, r := range runs {
		ops, err := u.Base.Operations(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		ops = slices.DeleteFunc(ops, func(o mail.Operation) bool { return o.Kind != mail.OperationRemoved })
		if len(ops) > 0 {
			slices.Reverse(ops)
			return ops, nil
		}
	}
	return nil, nil
}

// removalsOf finds the last removal of a message, that nobody took back if there
// is one: by one run, maybe on both sides.
func (u *Undo) removalsOf(ctx context.Context, runs []mail.RunRecord, text string) ([]mail.Operation, error) {
	var latest []mail.Operation
	for _, r := range runs {
		ops, err := u.Base.Operations(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		var found []mail.Operation
		for _, o := range slices.Backward(ops) {
			if o.Kind != mail.OperationRemoved && o.Kind != mail.OperationLeft {
				continue
			}
			is := Is(&o, text)
			if !is && strings.Contains(text, "@") {
				id, err := u.MessageID(ctx, &o)
				if err != nil {
					return nil, err
				}
				is = SameMessageID(id, text)
			}
			if is {
				if err := u.revive(ctx, &o); err != nil {
					return nil, err
				}
				found = append(found, o)
			}
		}
		if slices.ContainsFunc(found, func(o mail.Operation) bool { return o.Undone == 0 }) {
			return found, nil
		}
		if latest == nil {
			latest = found
		}
	}
	if latest == nil {
		return nil, fmt.Errorf("the removal of %q: %w", text, ErrUnknown)
	}
	return latest, nil
}

// MessageID looks for the Message-ID of an entry's message: in the entry, in the
// trash, or in the Maildir. Empty: it cannot be told.
func (u *Undo) MessageID(ctx context.Context, o *mail.Operation) (string, error) {
	if o.Content.MessageID != "" || o.Count != 1 {
		return o.Content.MessageID, nil
	}
	if (o.Kind == mail.OperationRemoved || o.Kind == mail.OperationLeft) && o.Side == mail.SideLocal {
		file, content, err := u.trashed(ctx, o)
		if err != nil {
			return "", err
		}
		if file != nil {
			return content.MessageID, nil
		}
	}
	if o.Content.Hash.IsZero() {
		return "", nil
	}
	rows, err := u.Base.FindContent(ctx, []mail.Hash{o.Content.Hash})
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		if row.Key == "" {
			continue
		}
		c, err := u.Local.Read(ctx, row.Mailbox, row.Key)
		if err == nil {
			return c.MessageID, nil
		}
		if !errors.Is(err, mail.ErrGone) && !errors.Is(err, mail.ErrNoMailbox) {
			return "", err
		}
	}
	return "", nil
}

// revive has an entry count as not taken back where the undo that took it back was
// taken back itself.
func (u *Undo) revive(ctx context.Context, o *mail.Operation) error {
	in, err := u.stands(ctx, o, 0)
	if err == nil && in {
		o.Undone = 0
	}
	return err
}

// mostUndone is how many undos of undos are followed.
const mostUndone = 1000

// stands tells that what an entry did was not taken back in the end.
func (u *Undo) stands(ctx context.Context, o *mail.Operation, depth int) (bool, error) {
	if o.Undone == 0 || depth == mostUndone {
		return o.Undone == 0, nil
	}
	ops, known := u.runs[o.Undone]
	if !known {
		var err error
		if ops, err = u.Base.Operations(ctx, o.Undone); err != nil {
			return false, err
		}
		u.runs[o.Undone] = ops
	}
	for i := range ops {
		if reverses(&ops[i], o) {
			back, err := u.stands(ctx, &ops[i], depth+1)
			return !back, err
		}
	}
	return false, nil
}

// reverses tells that an entry of an undo is the one that took another one back.
func reverses(back, o *mail.Operation) bool {
	same := func() bool {
		return back.Key != "" && (back.Key == o.Key || back.Key == o.OtherKey) ||
			!o.Content.Hash.IsZero() && back.Content.Hash == o.Content.Hash
	}
	switch o.Kind {
	case mail.OperationRemoved:
		return back.Kind == mail.OperationRestored && back.Mailbox == o.Mailbox && same()
	case mail.OperationMoved, mail.OperationRestored:
		if o.Other == "" {
			return back.Kind == mail.OperationRemoved && back.Mailbox == o.Mailbox && same()
		}
		return back.Kind == mail.OperationMoved && back.Mailbox == o.Other && back.Other == o.Mailbox && same()
	case mail.OperationFlags:
		return back.Kind == mail.OperationFlags && back.Mailbox == o.Mailbox &&
			back.Before.Equal(o.Flags) && back.Flags.Equal(o.Before) && !back.UIDs.Intersect(o.UIDs).IsEmpty()
	}
	return false
}
