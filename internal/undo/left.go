package undo

import (
	"context"
	"slices"

	"godwit/mail"
)

// left plans to bring a file back that left because its message is outside of its
// mailbox's window. The server has the message: the run that follows finds that the
// file is its, and lets it stay.
func (u *Undo) left(ctx context.Context, o mail.Operation) (*Step, *Left, error) {
	if o.Intended {
		intents, err := u.Base.Intents(ctx)
		if err != nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(intents, func(i mail.Intent) bool { return i.Kind == mail.IntentLeave && i.Key == o.Key }) {
			return nil, &Left{Entry: o, Why: "the run died when it was about to put it away, and what became of it is settled by the next sync"}, nil
		}
	}
	rows, err := u.Base.FindUIDs(ctx, o.Mailbox, o.UIDs)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(rows, func(row mail.Row) bool { return row.Key != "" }) {
		return nil, &Left{Entry: o, Why: "it is here again", Fine: true}, nil
	}
	l, err := u.listing(ctx, o.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	if l != nil {
		if _, found := l.Find(o.Key); found {
			return nil, &Left{Entry: o, Why: "its file is there", Fine: true}, nil
		}
	}
	file, content, err := u.trashed(ctx, &o)
	switch {
	case err != nil:
		return nil, nil, err
	case file == nil:
		return nil, &Left{Entry: o, Why: "its file is not in the trash any more; godwit fetch --message-id brings it"}, nil
	case content.Partial > 0:
		return nil, &Left{Entry: o, Why: "only a part of it was here; godwit fetch --message-id brings it"}, nil
	}
	u.files[file.Path()] = true
	step := &Step{Kind: Restore, Mailbox: o.Mailbox, Content: content.Content, file: *file}
	step.Flags = u.kept(o.Mailbox, mail.Flags{System: file.System, Keywords: o.Flags.Keywords})
	step.Key, err = u.freeKey(ctx, o.Mailbox, o.Key)
	return step, nil, err
}
