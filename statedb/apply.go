package statedb

import (
	"fmt"
	"strconv"

	"godwit/mail"
)

// keptRuns is how many runs are remembered: two weeks of one every five minutes.
const keptRuns = 4096

// apply carries out one change within the transaction, a row at once or with others.
func (w *committer) apply(change mail.Change) error {
	if c, is := change.(mail.PutRow); is {
		return wrap(w.putRow(c.Row), "row", c.Row.Mailbox, c.Row.UID, c.Row.Key)
	}
	if err := w.putWaiting(); err != nil {
		return err
	}
	switch change := change.(type) {
	case mail.DropUIDs:
		return wrap(w.dropUIDs(change.Mailbox), "UIDs", change.Mailbox, 0, "")
	case mail.DropRow:
		return w.exec("drop_row", change.ID)
	case mail.PutIntent:
		i := change.Intent
		return wrap(w.putIntent(i), "intent", i.Mailbox, i.UID, i.Key)
	case mail.DropIntent:
		return w.exec("drop_intent", change.ID)
	case mail.PutCheckpoint:
		return wrap(w.putCheckpoint(change.Checkpoint), "checkpoint", change.Checkpoint.Mailbox, 0, "")
	case mail.DropMailbox:
		return wrap(w.dropMailbox(change.Mailbox), "mailbox", change.Mailbox, 0, "")
	case mail.RenameMailboxes:
		return w.renameMailboxes(change.Names)
	case mail.PutProblem:
		return wrap(w.putProblem(change.Problem), "problem", change.Problem.Mailbox, change.Problem.UID, change.Problem.Key)
	case mail.ClearProblems:
		return w.exec("clear_problems", string(change.Mailbox))
	case mail.PutQuarantined:
		q := change.Quarantined
		return wrap(w.putQuarantined(q), "message set aside", q.Mailbox, q.UID, q.Key)
	case mail.DropQuarantined:
		return w.exec("drop_quarantined", string(change.Mailbox), int64(change.UID), string(change.Key))
	case mail.PutRun:
		return w.putRun(change.Run)
	case mail.PutOperation:
		return wrap(w.putOperation(change.Operation), "operation", change.Operation.Mailbox, change.Operation.UID(), change.Operation.Key)
	case mail.DropOperation:
		return w.exec("drop_operation", change.Run, change.Seq)
	case mail.ForgetOperations:
		return w.forgetOperations(change)
	}
	return fmt.Errorf("change of unknown kind %T", change)
}

// wrap names what an error is about.
func wrap(err error, what string, m mail.Mailbox, u mail.UID, k mail.Key) error {
	switch {
	case err == nil:
		return nil
	case u != 0:
		return fmt.Errorf("%s %s UID %s: %w", what, m, u, err)
	case k != "":
		return fmt.Errorf("%s %s %q: %w", what, m, string(k), err)
	}
	return fmt.Errorf("%s %s: %w", what, m, err)
}

func (w *committer) exec(name string, args ...any) error {
	_, err := w.c.exec(name, args...)
	return err
}

// mailbox returns the identifier of a mailbox, and makes the mailbox known.
func (w *committer) mailbox(m mail.Mailbox) (int64, error) {
	if id, ok := w.mailboxes[m]; ok {
		return id, nil
	}
	if m == "" {
		return 0, errNoName
	}
	id, err := w.c.mailboxID(m)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		added, err := w.c.exec("new_mailbox", string(m))
		if err != nil {
			return 0, err
		}
		if id, err = added.LastInsertId(); err != nil {
			return 0, err
		}
	}
	w.mailboxes[m] = id
	return id, nil
}

// dropUIDs takes the UIDs from the rows of a mailbox that have a key.
func (w *committer) dropUIDs(m mail.Mailbox) error {
	id, err := w.c.mailboxID(m)
	if err != nil {
		return err
	}
	return w.exec("drop_uids", id)
}

// nextRowName is where the identifier of the next new row stands in meta.
const nextRowName = "next_row"

// rowID hands out the identifier of a new row, and sees that no given one is
// handed out later.
func (w *committer) rowID(given int64) (int64, error) {
	if err := w.knowNextRow(); err != nil {
		return 0, err
	}
	switch {
	case given < 0:
		return 0, errBadID
	case given == 0:
		given = w.nextRow
	}
	if given >= w.nextRow {
		w.nextRow = given + 1
		w.newRows = true
	}
	return given, nil
}

func (w *committer) knowNextRow() error {
	if w.nextRow != 0 {
		return nil
	}
	text, err := w.c.meta(nextRowName)
	if err != nil {
		return err
	}
	if w.nextRow, err = strconv.ParseInt(text, 10, 64); err != nil {
		return fmt.Errorf("%w: next_row: %w", ErrCorrupt, err)
	}
	return nil
}

// storeNextRow ends a transaction in which rows were added.
func (w *committer) storeNextRow() error {
	if !w.newRows {
		return nil
	}
	w.newRows = false
	return w.exec("put_meta", nextRowName, strconv.FormatInt(w.nextRow, 10))
}

func (w *committer) putIntent(i mail.Intent) error {
	if w.nextSeq == 0 {
		if err := w.c.each(func(r *result) error {
			w.nextSeq = r.integer(0)
			return nil
		}, "next_seq"); err != nil {
			return err
		}
	}
	if i.Mailbox == "" {
		return errNoName
	}
	if i.Kind < mail.IntentDeliver || i.Kind >= mail.IntentKinds {
		return fmt.Errorf("unknown kind %d", i.Kind)
	}
	packed := packFacts(i.Flags.System, 0, i.Content, 0)
	var oldRow any
	if i.OldRow != 0 {
		oldRow = i.OldRow
	}
	w.nextSeq++
	return w.exec("put_intent", i.ID, w.nextSeq-1, int64(i.Kind), string(i.Mailbox), int64(i.UIDValidity),
		uidOrNull(i.UID), orNull(i.Key), packed[:], orNull(i.Flags.Keywords), orNull(i.Content.EmailID),
		orNull(i.Content.MessageID), int64(i.Floor), orNull(i.From), orNull(i.FromKey), oldRow)
}

func (w *committer) putCheckpoint(p mail.Checkpoint) error {
	if p.Mailbox == "" {
		return errNoName
	}
	s := p.Stamp
	return w.exec("put_checkpoint", string(p.Mailbox), p.MailboxID, int64(p.UIDValidity), int64(p.UIDNext),
		int64(p.ModSeq), int64(p.Messages),
		int64(s.Cur.Inode), s.Cur.MTime, s.Cur.CTime, int64(s.New.Inode), s.New.MTime, s.New.CTime,
		truth(s.Racy), truth(p.OnServer), truth(p.OnLocal), p.Window, p.Letters)
}

func (w *committer) dropMailbox(m mail.Mailbox) error {
	id, err := w.c.mailboxID(m)
	if err != nil {
		return err
	}
	delete(w.mailboxes, m)
	for _, step := range []struct {
		name string
		arg  any
	}{
		{"drop_rows_of_mailbox", id},
		{"drop_mailbox", id},
		{"drop_intents_of_mailbox", string(m)},
		{"clear_problems", string(m)},
		{"drop_quarantined_of_mailbox", string(m)},
	} {
		if err := w.exec(step.name, step.arg); err != nil {
			return err
		}
	}
	return nil
}

// renameMailboxes goes by names that no mailbox has, since names may be
// exchanged.
func (w *committer) renameMailboxes(names []mail.NewName) error {
	clear(w.mailboxes)
	passing := func(i int) string { return fmt.Sprintf("\n%d", i) }
	for _, statement := range []string{"rename_mailbox", "rename_mailbox_of_intents", "rename_from_of_intents", "rename_mailbox_of_problems", "rename_mailbox_of_quarantined"} {
		for i, n := range names {
			if n.To == "" {
				return errNoName
			}
			if err := w.exec(statement, passing(i), string(n.From)); err != nil {
				return fmt.Errorf("rename mailbox %s: %w", n.From, err)
			}
		}
		for i, n := range names {
			if err := w.exec(statement, string(n.To), passing(i)); err != nil {
				return fmt.Errorf("rename mailbox %s to %s: %w", n.From, n.To, err)
			}
		}
	}
	return nil
}

func (w *committer) putProblem(p mail.Problem) error {
	return w.exec("put_problem", string(p.Mailbox), int64(p.UID), string(p.Key), p.Reason,
		int64(p.Since), int64(p.Last), int64(max(p.Count, 1)))
}

func (w *committer) putRun(r mail.RunRecord) error {
	var id any
	if r.ID != 0 {
		id = r.ID
	}
	if err := w.exec("put_run", id, int64(r.Started), int64(r.Ended), int64(r.Exit), r.Summary,
		int64(r.Pulled), int64(r.Pushed), int64(r.Flagged), int64(r.Removed), int64(r.Relocate), r.Command, int64(r.Paired)); err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	return w.exec("forget_runs", int64(keptRuns))
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
