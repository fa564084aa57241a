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
