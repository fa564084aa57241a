package maildir

import (
	"context"
	"errors"

	"godwit/mail"
)

// Relocate moves a file to another mailbox, or another key, with the given
// flags: one rename, never over another file, durable when it returns. Keywords
// become the letters of the target's table. Upper-case letters that mean
// nothing to us stay, lower-case ones as long as the target gives them no
// meaning. It fails with [mail.ErrGone] when the file is not in from.
func (a *Account) Relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	m, err := a.relocate(ctx, from, k, to, newKey, flags)
	return m, explain("move to "+string(to), from, k, err)
}

// MoveAsItIs moves a file to another mailbox under a key that no file has there,
// as a mail reader does: its letters stay as they are, whatever they mean there.
func (a *Account) MoveAsItIs(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) (mail.LocalMessage, error) {
	m, err := a.moveAsItIs(ctx, from, k, to, newKey)
	return m, explain("move to "+string(to), from, k, err)
}

func (a *Account) moveAsItIs(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) (mail.LocalMessage, error) {
	var moved mail.LocalMessage
	if err := checkKey(newKey); err != nil {
		return moved, err
	}
	source, err := a.open(from)
	if err != nil {
		return moved, err
	}
	defer source.close()
	target, err := a.openAll(to)
	if err != nil {
		return moved, err
	}
	defer target.close()
	there, err := a.present(target, map[mail.Key]bool{newKey: true})
	if err != nil {
		return moved, err
	}
	if _, taken := there[newKey]; taken {
		return moved, errors.Join(errExists, errors.New("the key is taken there"))
	}
	var left, entered dir
	err = a.withFile(ctx, source, k, func(e entry) error {
		f := parseName(e.name)
		f.key = string(newKey)
		name := f.String()
		if e.isNew {
			name = f.base()
		}
		left, entered = source.in(e), target.in(e)
		if err := left.move(e.name, entered, name); err != nil {
			return err
		}
		moved = mail.LocalMessage{Key: newKey, System: f.system, Letters: f.letters.String(), Inode: e.inode, New: e.isNew}
		return nil
	})
	if err != nil {
		return mail.LocalMessage{}, err
	}
	// The new name first: a power cut between the two leaves both, not neither.
	return moved, errors.Join(entered.sync(), left.sync())
}

func (a *Account) relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	var moved mail.LocalMessage
	if err := checkKey(newKey); err != nil {
		return moved, err
	}
	source, err := a.open(from)
	if err != nil {
		return moved, err
	}
	defer source.close()
	target, err := a.openAll(to)
	if err != nil {
		return moved, err
	}
	defer target.close()
	oldTable, err := readTable(source.top)
	if err != nil {
		return moved, err
	}
	table, err := a.lettersFor(ctx, target, flags.Keywords)
	if err != nil {
		return moved, err
	}
	if !a.isFresh(newKey) && (newKey != k || from != to) {
		there, err := a.present(target, map[mail.Key]bool{newKey: true})
		if err != nil {
			return moved, err
		}
		if _, taken := there[newKey]; taken {
			return moved, errors.Join(errExists, errors.New("the key is taken there"))
		}
	}
	var left, entered dir
	err = a.withFile(ctx, source, k, func(e entry) error {
		f := parseName(e.name)
		unknown := f.letters &^ meaning(oldTable) &^ meaning(table)
		f.key, f.system, f.letters = string(newKey), flags.System, encode(table, flags.Keywords)|unknown
		isNew, name := f.place()
		if isNew && (!flags.IsZero() || !e.isNew) {
			isNew, name = false, f.String() // what somebody has seen in cur/ is not new again
		}
		left, entered = source.in(e), target.in(entry{isNew: isNew})
		if from != to || isNew != e.isNew || name != e.name {
			if err := left.move(e.name, entered, name); err != nil {
				return err
			}
		}
		moved = mail.LocalMessage{Key: newKey, System: f.system, Letters: f.letters.String(), Inode: e.inode, New: isNew}
		return nil
	})
	if err != nil {
		return mail.LocalMessage{}, err
	}
	// The new name first: a power cut between the two leaves both, not neither.
	return moved, errors.Join(entered.sync(), left.sync())
}
