package statedb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"godwit/mail"
)

func (w *committer) putOperation(o mail.Operation) error {
	switch {
	case o.Mailbox == "":
		return errNoName
	case o.Run <= 0:
		return errors.New("no run is given")
	case o.Kind < mail.OperationArrived || o.Kind >= mail.OperationKinds:
		return fmt.Errorf("unknown kind %d", o.Kind)
	case o.Side != mail.SideServer && o.Side != mail.SideLocal:
		return fmt.Errorf("unknown side %d", o.Side)
	}
	if err := w.knowNextRow(); err != nil {
		return err
	}
	if o.Mark == 0 {
		o.Mark = w.nextRow
	}
	var uids, before, undone, facts any
	if !o.UIDs.IsEmpty() {
		uids = o.UIDs.String()
	}
	if !o.Before.Equal(o.Flags) {
		before = int64(o.Before.System)
	}
	if o.Undone != 0 {
		undone = o.Undone
	}
	if o.Content != (mail.Content{}) || !o.Flags.IsZero() {
		packed := packFacts(o.Flags.System, 0, o.Content, 0)
		facts = packed[:]
	}
	return w.exec("put_operation", o.Run, o.Seq, int64(o.Kind), int64(o.Side), truth(o.Intended), string(o.Mailbox),
		orNull(o.Other), int64(o.UIDValidity), uids, int64(o.Count), uidOrNull(o.OtherUID),
		orNull(o.Key), orNull(o.OtherKey), facts, orNull(o.Content.EmailID), orNull(o.Content.MessageID),
		orNull(o.Flags.Keywords), before, orNull(o.Before.Keywords), orNull(o.Reason), orNull(o.Detail), o.Mark, undone)
}

func (w *committer) forgetOperations(f mail.ForgetOperations) error {
	if f.Keep == nil {
		f.Keep = []int64{}
	}
	keep, err := json.Marshal(f.Keep)
	if err != nil {
		return err
	}
	for _, name := range []string{"forget_operations", "forget_old_runs"} {
		if err := w.exec(name, int64(f.Before), string(keep)); err != nil {
			return err
		}
	}
	return nil
}

// Operations returns what a run did, in that order.
func (db *DB) Operations(ctx context.Context, run int64) ([]mail.Operation, error) {
	var all []mail.Operation
	err := db.read(ctx, "read the journal of", func(c *conn) error {
		return c.each(func(r *result) error {
			o, err := r.operation()
			all = append(all, o)
			return err
		}, "operations", run)
	})
	return all, err
}

// OldestOperation tells when the first run began that the journal knows something
// of; zero when the journal is empty.
func (db *DB) OldestOperation(ctx context.Context) (started mail.UnixTime, err error) {
	err = db.read(ctx, "read the journal of", func(c *conn) error {
		return c.each(func(r *result) error {
			started = mail.UnixTime(r.integer(0))
			return nil
		}, "oldest_operation")
	})
	return started, err
}

// JournalSize tells how many runs are known, and how many entries the journal has.
func (db *DB) JournalSize(ctx context.Context) (runs, entries int, err error) {
	err = db.read(ctx, "measure the journal of", func(c *conn) error {
		return c.each(func(r *result) error {
			runs, entries = int(r.integer(0)), int(r.integer(1))
			return nil
		}, "journal_size")
	})
	return runs, entries, err
}

func (r *result) operation() (o mail.Operation, err error) {
	o = mail.Operation{
		Run: r.integer(0), Seq: r.integer(1), Kind: mail.OperationKind(r.integer(2)), Side: mail.OperationSide(r.integer(3)),
		Intended: r.integer(4) != 0, Mailbox: mail.Mailbox(r.text(5)), Other: mail.Mailbox(r.text(6)),
		UIDValidity: mail.UIDValidity(r.integer(7)), Count: int(r.integer(9)), OtherUID: mail.UID(r.integer(10)),
		Key: mail.Key(r.text(11)), OtherKey: mail.Key(r.text(12)),
		Reason: r.text(19), Detail: r.text(20), Mark: r.integer(21), Undone: r.integer(22),
	}
	if o.UIDs, err = parseUIDs(r.text(8)); err != nil {
		return o, err
	}
	if packed := r.blob(13); packed != nil {
		if o.Flags.System, _, o.Content, err = unpackFacts(packed); err != nil {
			return o, err
		}
		o.Content.EmailID, o.Content.MessageID = r.text(14), r.text(15)
	}
	o.Flags.Keywords = mail.Keywords(r.text(16))
	o.Before = o.Flags
	if r.values[17] != nil {
		o.Before = mail.Flags{System: mail.System(r.integer(17)), Keywords: mail.Keywords(r.text(18))}
	}
	return o, nil
}

// parseUIDs reads what UIDSet.String writes.
func parseUIDs(text string) (set mail.UIDSet, err error) {
	if text == "" {
		return set, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, ":")
		if !ranged {
			high = low
		}
		from, ferr := strconv.ParseUint(low, 10, 32)
		to, terr := strconv.ParseUint(high, 10, 32)
		if err := errors.Join(ferr, terr); err != nil {
			return set, fmt.Errorf("%w: UIDs %q: %w", ErrCorrupt, text, err)
		}
		set.AddRange(mail.UID(from), mail.UID(to))
	}
	return set, nil
}
