package statedb

import (
	"fmt"

	"godwit/mail"
)

const (
	// rowsAtOnce is how many new rows one statement stores.
	rowsAtOnce = 8
	rowColumns = 9
)

// putRow stores a row; a new one not before there are some, or anything else is done.
func (w *committer) putRow(r mail.Row) error {
	if r.UID == 0 && r.Key == "" {
		return errNoSide
	}
	if r.Window > mail.Brought || r.Window == mail.Outside && (r.Key != "" || r.UID == 0) {
		return errBadWindow
	}
	mailbox, err := w.mailbox(r.Mailbox)
	if err != nil {
		return err
	}
	given := r.ID != 0
	if r.ID, err = w.rowID(r.ID); err != nil {
		return err
	}
	packed := packFacts(r.Flags.System, r.Inode, r.Content, r.Window)
	var hash any
	if !r.Content.Hash.IsZero() {
		hash = hashPrefix(r.Content.Hash)
	}
	uid, key, keywords, email, date := uidOrNull(r.UID), orNull(r.Key), orNull(r.Flags.Keywords), orNull(r.Content.EmailID), dateOrNull(r.Date)
	if !given {
		w.waiting = append(w.waiting, hash, r.ID, mailbox, uid, key, packed, keywords, email, date)
		if len(w.waiting) < rowsAtOnce*rowColumns {
			return nil
		}
		return w.putWaiting()
	}
	if err := w.putWaiting(); err != nil {
		return err
	}
	if w.renumbers {
		done, err := w.c.exec("renumber_row", uid, hash, r.ID, mailbox, key, packed, keywords, email, date)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err != nil || n == 1 {
			return err
		}
		w.renumbers = false
	}
	return w.exec("put_row", hash, r.ID, mailbox, uid, key, packed, keywords, email, date)
}

// putWaiting stores the new rows that wait.
func (w *committer) putWaiting() error {
	if len(w.waiting) == 0 {
		return nil
	}
	defer func() { w.waiting = w.waiting[:0] }()
	if len(w.waiting) == rowsAtOnce*rowColumns {
		return w.exec("put_8_rows", w.waiting...)
	}
	for at := 0; at < len(w.waiting); at += rowColumns {
		if err := w.exec("put_row", w.waiting[at:at+rowColumns]...); err != nil {
			return fmt.Errorf("new row %v: %w", w.waiting[at+1], err)
		}
	}
	return nil
}
