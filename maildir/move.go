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
	m, err := a.beginMove(from, to, newKey)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	defer m.close()
	if err := m.free(a, newKey); err != nil {
		return mail.LocalMessage{}, err
	}
	return m.carryOut(ctx, a, k, func(e entry) (fileName, bool, string) {
		f := parseName(e.name)
		f.key = string(newKey)
		if e.isNew {
			return f, true, f.base()
		}
		return f, false, f.String()
	})
}

func (a *Account) relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	m, err := a.beginMove(from, to, newKey)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	defer m.close()
	oldTable, err := readTable(m.source.top)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	table, err := a.lettersFor(ctx, m.target, flags.Keywords)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	if !a.isFresh(newKey) && (newKey != k || from != to) {
		if err := m.free(a, newKey); err != nil {
			return mail.LocalMessage{}, err
		}
	}
	return m.carryOut(ctx, a, k, func(e entry) (fileName, bool, string) {
		f := parseName(e.name)
		unknown := f.letters &^ meaning(oldTable) &^ meaning(table)
		f.key, f.system, f.letters = string(newKey), flags.System, encode(table, flags.Keywords)|unknown
		isNew, name := f.place()
		if isNew && (!flags.IsZero() || !e.isNew) {
			isNew, name = false, f.String() // what somebody has seen in cur/ is not new again
		}
		return f, isNew, name
	})
}

// move is a file on its way from one mailbox to another, which may be the same.
type move struct {
	source, target *box
	same           bool
}

// beginMove opens both mailboxes; the second one may be half made.
func (a *Account) beginMove(from, to mail.Mailbox, newKey mail.Key) (*move, error) {
	if err := checkKey(newKey); err != nil {
		return nil, err
	}
	source, err := a.open(from)
	if err != nil {
		return nil, err
	}
	target, err := a.openAll(to)
	if err != nil {
		source.close()
		return nil, err
	}
	return &move{source: source, target: target, same: from == to}, nil
}

func (m *move) close() {
	m.target.close()
	m.source.close()
}

// free fails when a file of the target has the key.
func (m *move) free(a *Account, k mail.Key) error {
	there, err := a.present(m.target, map[mail.Key]bool{k: true})
	if err != nil {
		return err
	}
	if _, taken := there[k]; taken {
		return errors.Join(errExists, errors.New("the key is taken there"))
	}
	return nil
}

// carryOut renames the file to what name says it is called then, and where: in
// new/ or in cur/.
func (m *move) carryOut(ctx context.Context, a *Account, k mail.Key, name func(entry) (f fileName, isNew bool, text string)) (mail.LocalMessage, error) {
	var moved mail.LocalMessage
	var left, entered dir
	err := a.withFile(ctx, m.source, k, func(e entry) error {
		f, isNew, text := name(e)
		left, entered = m.source.in(e), m.target.in(entry{isNew: isNew})
		if !m.same || isNew != e.isNew || text != e.name {
			if err := left.move(e.name, entered, text); err != nil {
				return err
			}
		}
		moved = mail.LocalMessage{Key: mail.Key(f.key), System: f.system, Letters: f.letters.String(), Inode: e.inode, New: isNew}
		return nil
	})
	if err != nil {
		return mail.LocalMessage{}, err
	}
	// The new name first: a power cut between the two leaves both, not neither.
	return moved, errors.Join(entered.sync(), left.sync())
}
