package statedb

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"godwit/mail"
)

// read runs f on a reading connection.
func (db *DB) read(ctx context.Context, operation string, f func(c *conn) error) error {
	c, err := db.reader(ctx)
	if err == nil {
		err = f(c)
		err = db.release(c, err)
	}
	return db.explain(operation, err)
}

// readSnapshot is read where several queries have to see the same moment.
func (db *DB) readSnapshot(ctx context.Context, operation string, f func(c *conn) error) error {
	return db.read(ctx, operation, func(c *conn) error {
		if _, err := c.exec("begin_read"); err != nil {
			return err
		}
		err := f(c)
		_, end := c.exec("rollback")
		return errors.Join(err, end)
	})
}

// each runs a query and calls f for each row.
func (c *conn) each(f func(r *result) error, name string, args ...any) error {
	r, err := c.query(name, args...)
	if err != nil {
		return err
	}
	for r.next() {
		if err := f(r); err != nil {
			return errors.Join(err, r.close())
		}
	}
	return r.close()
}

// mailboxID returns zero when base does not know the mailbox.
func (c *conn) mailboxID(m mail.Mailbox) (id int64, err error) {
	err = c.each(func(r *result) error {
		id = r.integer(0)
		return nil
	}, "mailbox_id", string(m))
	return id, err
}

// scanRow reads the columns that every query of rows begins with.
func (r *result) scanRow(row *mail.Row) error {
	system, inode, content, err := unpackFacts(r.blob(3))
	if err != nil {
		return err
	}
	content.EmailID = r.text(5)
	row.ID = r.integer(0)
	row.UID = mail.UID(r.integer(1))
	row.Key = mail.Key(r.text(2))
	row.Flags.System = system
	// Neighbours mostly have equal keywords: one string for all of them.
	if k := r.text(4); k != string(row.Flags.Keywords) {
		row.Flags.Keywords = mail.Keywords(k)
	}
	row.Content = content
	row.Date = mail.UnixTime(r.integer(6))
	row.Inode = inode
	row.Window = windowOf(r.blob(3))
	return nil
}

// Checkpoints implements sync.Base. A mailbox that has rows but was never
// checkpointed is among them, all zero.
func (db *DB) Checkpoints(ctx context.Context) ([]mail.Checkpoint, error) {
	var all []mail.Checkpoint
	err := db.read(ctx, "read the checkpoints of", func(c *conn) error {
		return c.each(func(r *result) error {
			all = append(all, mail.Checkpoint{
				Mailbox:     mail.Mailbox(r.text(0)),
				MailboxID:   r.text(1),
				UIDValidity: mail.UIDValidity(r.integer(2)),
				UIDNext:     mail.UID(r.integer(3)),
				ModSeq:      mail.ModSeq(r.integer(4)),
				Messages:    uint32(r.integer(5)),
				Stamp: mail.Stamp{
					Cur:  mail.DirStamp{Inode: uint64(r.integer(6)), MTime: r.integer(7), CTime: r.integer(8)},
					New:  mail.DirStamp{Inode: uint64(r.integer(9)), MTime: r.integer(10), CTime: r.integer(11)},
					Racy: r.integer(12) != 0,
				},
				OnServer: r.integer(13) != 0,
				OnLocal:  r.integer(14) != 0,
				Window:   r.text(15),
				Letters:  r.text(16),
			})
			return nil
		}, "checkpoints")
	})
	return all, err
}

// Counts implements sync.Base.
func (db *DB) Counts(ctx context.Context, m mail.Mailbox) (n mail.Counts, err error) {
	err = db.readSnapshot(ctx, "count the rows of "+string(m)+" in", func(c *conn) error {
		id, err := c.mailboxID(m)
		if err != nil {
			return err
		}
		return c.each(func(r *result) error {
			n = mail.Counts{Server: int(r.integer(0)), Local: int(r.integer(1)), Outside: int(r.integer(2))}
			return nil
		}, "counts", id)
	})
	return n, err
}

// Total implements sync.Base.
func (db *DB) Total(ctx context.Context) (n mail.Counts, err error) {
	err = db.read(ctx, "count the rows of", func(c *conn) error {
		return c.each(func(r *result) error {
			n = mail.Counts{Server: int(r.integer(0)), Local: int(r.integer(1)), Outside: int(r.integer(2))}
			return nil
		}, "total")
	})
	return n, err
}

// RowsByUID implements sync.Base. All of the rows are of one moment. After an
// error, which comes with an empty row, the iteration is over.
func (db *DB) RowsByUID(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error] {
	return db.rows(ctx, m, "rows_by_uid")
}

// RowsByKey implements sync.Base, as RowsByUID does.
func (db *DB) RowsByKey(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error] {
	return db.rows(ctx, m, "rows_by_key")
}

// OutsideRows implements sync.Base, as RowsByUID does.
func (db *DB) OutsideRows(ctx context.Context, m mail.Mailbox, from mail.UID) iter.Seq2[mail.Row, error] {
	return db.rows(ctx, m, "outside_rows", int64(from))
}

// HighestUIDs implements sync.Base.
func (db *DB) HighestUIDs(ctx context.Context, m mail.Mailbox, n int) (mail.UIDSet, error) {
	var uids mail.UIDSet
	err := db.readSnapshot(ctx, "find the highest UIDs of "+string(m)+" in", func(c *conn) error {
		id, err := c.mailboxID(m)
		if err != nil || id == 0 || n <= 0 {
			return err
		}
		return c.each(func(r *result) error {
			uids.Add(mail.UID(r.integer(0)))
			return nil
		}, "highest_uids", id, int64(n))
	})
	return uids, err
}

func (db *DB) rows(ctx context.Context, m mail.Mailbox, name string, args ...any) iter.Seq2[mail.Row, error] {
	return func(yield func(mail.Row, error) bool) {
		stopped := false
		err := db.readSnapshot(ctx, "read the rows of "+string(m)+" in", func(c *conn) error {
			id, err := c.mailboxID(m)
			if err != nil {
				return err
			}
			row := mail.Row{Mailbox: m}
			n := 0
			r, err := c.query(name, append([]any{id}, args...)...)
			if err != nil {
				return err
			}
			for !stopped && r.next() {
				// Looking at the context takes a lock.
				if n++; n%256 == 0 && ctx.Err() != nil {
					return errors.Join(ctx.Err(), r.close())
				}
				if err := r.scanRow(&row); err != nil {
					return errors.Join(err, r.close())
				}
				stopped = !yield(row, nil)
			}
			return r.close()
		})
		if err != nil && !stopped {
			yield(mail.Row{}, err)
		}
	}
}

// FindUIDs implements sync.Base.
func (db *DB) FindUIDs(ctx context.Context, m mail.Mailbox, uids mail.UIDSet) ([]mail.Row, error) {
	var found []mail.Row
	err := db.readSnapshot(ctx, "find UIDs of "+string(m)+" in", func(c *conn) error {
		id, err := c.mailboxID(m)
		if err != nil || id == 0 {
			return err
		}
		for _, span := range uids.Ranges() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.collect(&found, m, "rows_of_uids", id, int64(span.Low), int64(span.High)); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// FindKeys implements sync.Base.
func (db *DB) FindKeys(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.Row, error) {
	var found []mail.Row
	err := db.readSnapshot(ctx, "find keys of "+string(m)+" in", func(c *conn) error {
		id, err := c.mailboxID(m)
		if err != nil || id == 0 {
			return err
		}
		seen := make(map[mail.Key]bool, len(keys))
		for _, k := range keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			if seen[k] {
				continue
			}
			seen[k] = true
			if err := c.collect(&found, m, "row_of_key", id, string(k)); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// collect appends the rows of a query to found.
func (c *conn) collect(found *[]mail.Row, m mail.Mailbox, name string, args ...any) error {
	return c.each(func(r *result) error {
		row := mail.Row{Mailbox: m}
		err := r.scanRow(&row)
		*found = append(*found, row)
		return err
	}, name, args...)
}

// FindContent implements sync.Base, by reading every row of the account: about
// 15 ms for 100,000 rows, for one hash or for thousands.
func (db *DB) FindContent(ctx context.Context, hashes []mail.Hash) ([]mail.Row, error) {
	wanted := make(map[mail.Hash]bool, len(hashes))
	var prefixes []string
	for _, h := range hashes {
		if !h.IsZero() && !wanted[h] { // zero is "not known", and equals nothing
			wanted[h] = true
			prefixes = append(prefixes, strconv.FormatInt(hashPrefix(h), 10))
		}
	}
	if len(wanted) == 0 {
		return nil, ctx.Err()
	}

	var found []mail.Row
	err := db.read(ctx, "find content in", func(c *conn) error {
		return c.each(func(r *result) error {
			row := mail.Row{Mailbox: mail.Mailbox(r.text(7))}
			if err := r.scanRow(&row); err != nil {
				return err
			}
			if wanted[row.Content.Hash] {
				found = append(found, row)
			}
			return ctx.Err()
		}, "rows_of_hashes", "["+strings.Join(prefixes, ",")+"]")
	})
	return found, err
}

// FindLike implements sync.Base, by an index on the dates. The rows come by their
// identifiers.
func (db *DB) FindLike(ctx context.Context, likes []mail.Likeness) ([]mail.Row, error) {
	wanted := make(map[mail.Likeness]bool, len(likes))
	dates := make(map[mail.UnixTime]bool, len(likes))
	var texts []string
	for _, l := range likes {
		if l.Date == 0 || l.Size < 0 { // "not known" equals nothing
			continue
		}
		wanted[l] = true
		if !dates[l.Date] {
			dates[l.Date] = true
			texts = append(texts, strconv.FormatInt(int64(l.Date), 10))
		}
	}
	if len(wanted) == 0 {
		return nil, ctx.Err()
	}
	var found []mail.Row
	err := db.read(ctx, "find dates in", func(c *conn) error {
		return c.each(func(r *result) error {
			row := mail.Row{Mailbox: mail.Mailbox(r.text(7))}
			if err := r.scanRow(&row); err != nil {
				return err
			}
			if wanted[mail.Likeness{Size: row.Content.Size, Date: row.Date}] {
				found = append(found, row)
			}
			return ctx.Err()
		}, "rows_of_dates", "["+strings.Join(texts, ",")+"]")
	})
	slices.SortFunc(found, func(a, b mail.Row) int { return cmp.Compare(a.ID, b.ID) })
	return found, err
}

// PartialRows implements sync.Base.
func (db *DB) PartialRows(ctx context.Context) ([]mail.Row, error) {
	var found []mail.Row
	err := db.read(ctx, "find partial messages in", func(c *conn) error {
		return c.each(func(r *result) error {
			row := mail.Row{Mailbox: mail.Mailbox(r.text(7))}
			err := r.scanRow(&row)
			found = append(found, row)
			return err
		}, "partial_rows")
	})
	return found, err
}
