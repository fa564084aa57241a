package maildir

import (
	"context"
	"errors"

	"godwit/mail"
)

// Flush makes durable the names that messages have in a mailbox now, whoever
// gave them: a mail reader, which need not care, or a run of ours that died.
func (a *Account) Flush(ctx context.Context, m mail.Mailbox) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := a.openAll(m)
	if err != nil {
		return explain("flush", m, "", err)
	}
	defer b.close()
	return explain("flush", m, "", errors.Join(b.cur.sync(), b.new.sync()))
}

// FlushMany is Flush for many mailboxes, all of which have failed when any of them
// could not be made durable: what a second attempt says would prove nothing. One
// result a mailbox.
func (a *Account) FlushMany(ctx context.Context, mailboxes []mail.Mailbox) []error {
	errs := make([]error, len(mailboxes))
	var items []item
	for i, m := range mailboxes {
		if errs[i] = ctx.Err(); errs[i] != nil {
			continue
		}
		b, err := a.openAll(m)
		if err != nil {
			errs[i] = explain("flush", m, "", err)
			continue
		}
		defer b.close()
		items = append(items, item{dir: b.cur}, item{dir: b.new})
	}
	if len(items) == 0 {
		return errs
	}
	if err := a.durable.flush(items); err != nil {
		for i, m := range mailboxes {
			if errs[i] == nil {
				errs[i] = explain("flush", m, "", err)
			}
		}
	}
	return errs
}
