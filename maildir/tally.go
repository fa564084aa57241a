package maildir

import (
	"context"

	"godwit/mail"
)

// Tally is Scan without a listing: it reads the directories as often and waits as
// long, and holds nothing. It makes no keys of its own: two files with one key
// count twice, so that no set of distinct keys has the same sum.
func (a *Account) Tally(ctx context.Context, m mail.Mailbox) (mail.Tally, error) {
	b, err := a.open(m)
	if err != nil {
		return mail.Tally{}, explain("scan", m, "", err)
	}
	defer b.close()
	var t mail.Tally
	settled, err := a.settle(ctx, b, func(s mail.Stamp) {
		t = mail.Tally{Stamp: s}
	}, func(name string, _ bool, inode uint64) {
		if f := parseName(name); f.key != "" {
			t.Sum.Add(mail.Key(f.key), f.system, f.letters.String(), inode)
		}
	}, func() (bool, error) { return false, nil })
	if err == nil {
		t.Settled = settled
		t.Table, err = readTable(b.top)
	}
	if err != nil {
		return mail.Tally{}, explain("scan", m, "", err)
	}
	return t, nil
}
