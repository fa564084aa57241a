package maildir

import (
	"context"
	"errors"

	"godwit/mail"
)

// SetFlags changes flags by renaming and makes the renames durable. A message
// in new/ that gets a flag moves to cur/. Letters that mean nothing to us stay
// (lower-case ones not when the change is to be made anew), and keywords that have no letter left are passed over. One result a message:
// nil, [mail.ErrGone], [ErrBusy], or what failed. An error of the whole call says
// that what was renamed may not be durable.
func (a *Account) SetFlags(ctx context.Context, m mail.Mailbox, changes []mail.KeyFlags) ([]error, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	b, err := a.openAll(m)
	if err != nil {
		return nil, explain("set flags in", m, "", err)
	}
	defer b.close()
	var added mail.Keywords
	keys := make([]mail.Key, len(changes))
	for i, c := range changes {
		keys[i] = c.Key
		if c.Delta.Add.Keywords != added {
			added = added.Union(c.Delta.Add.Keywords)
		}
	}
	table, err := a.lettersFor(ctx, b, added)
	if err != nil {
		return nil, explain("keywords of", m, "", err)
	}
	var touchedNew, touchedCur bool
	results, err := a.withFiles(ctx, b, keys, func(i int, e entry) error {
		name := changed(e, changes[i], table)
		if name == e.name {
			return nil
		}
		err := b.in(e).move(e.name, b.cur, name)
		touchedCur = touchedCur || err == nil
		touchedNew = touchedNew || err == nil && e.isNew
		return err
	})
	// What was renamed is made durable even if the rest was given up.
	if touchedCur {
		err = errors.Join(err, b.cur.sync())
	}
	if touchedNew {
		err = errors.Join(err, b.new.sync())
	}
	for i, r := range results {
		results[i] = explain("set flags of", m, keys[i], r)
	}
	return results, explain("set flags in", m, "", err)
}

// changed is the name in cur/ of a file after a change of its flags; its own
// name when nothing changes that a name can tell.
func changed(e entry, c mail.KeyFlags, t mail.KeywordTable) string {
	f := parseName(e.name)
	g := f
	if c.Anew {
		g.letters = 0
	}
	g.system = g.system&^c.Delta.Remove.System | c.Delta.Add.System
	g.letters = g.letters&^encode(t, c.Delta.Remove.Keywords) | encode(t, c.Delta.Add.Keywords)
	if g.system == f.system && g.letters == f.letters {
		return e.name
	}
	return g.String()
}
