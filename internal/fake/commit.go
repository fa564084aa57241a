package fake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/mail"
)

// Commit implements sync.Base.
func (b *Base) Commit(ctx context.Context, changes ...mail.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fault, err := b.enter("Commit", About(changes))
	if err == nil {
		err = b.step("Base.Commit")
	}
	if err != nil {
		return err
	}
	if err := b.commit(changes); err != nil {
		return err
	}
	return errors.Join(fault.error(), b.step("Base.Commit done"))
}

// About tells how many changes there are and what the first one is.
func About(changes []mail.Change) string {
	if len(changes) == 0 {
		return "0"
	}
	var m mail.Mailbox
	switch c := changes[0].(type) {
	case mail.PutRow:
		m = c.Row.Mailbox
	case mail.DropUIDs:
		m = c.Mailbox
	case mail.PutIntent:
		m = c.Intent.Mailbox
	case mail.PutCheckpoint:
		m = c.Checkpoint.Mailbox
	case mail.DropMailbox:
		m = c.Mailbox
	case mail.PutProblem:
		m = c.Problem.Mailbox
	case mail.ClearProblems:
		m = c.Mailbox
	case mail.PutQuarantined:
		m = c.Quarantined.Mailbox
	case mail.DropQuarantined:
		m = c.Mailbox
	}
	return fmt.Sprintf("%d: %T %s", len(changes), changes[0], m)
}

func (b *Base) commit(changes []mail.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.state.clone()
	for _, c := range changes {
		if err := next.apply(c); err != nil {
			return err
		}
	}
	b.state = next
	return nil
}

func (s *baseState) apply(change mail.Change) error {
	switch c := change.(type) {
	case mail.PutRow:
		return s.putRow(c.Row)
	case mail.DropUIDs:
		for id, r := range s.rows {
			if r.Mailbox == c.Mailbox && r.Key != "" {
				r.UID = 0
				s.rows[id] = r
			}
		}
	case mail.DropRow:
		delete(s.rows, c.ID)
	case mail.PutIntent:
		return s.putIntent(c.Intent)
	case mail.DropIntent:
		s.intents = slices.DeleteFunc(s.intents, func(i mail.Intent) bool { return i.ID == c.ID })
	case mail.PutCheckpoint:
		if c.Checkpoint.Mailbox == "" {
			return errors.New("checkpoint without a mailbox name")
		}
		s.mailboxes[c.Checkpoint.Mailbox] = c.Checkpoint
	case mail.DropMailbox:
		s.dropMailbox(c.Mailbox)
	case mail.RenameMailboxes:
		return s.renameMailboxes(c.Names)
	case mail.PutProblem:
		s.putProblem(c.Problem)
	case mail.ClearProblems:
		s.clearProblems(c.Mailbox)
	case mail.PutQuarantined:
		return s.putQuarantined(c.Quarantined)
	case mail.DropQuarantined:
		s.dropQuarantined(func(q mail.Quarantined) bool { return q.Mailbox == c.Mailbox && q.UID == c.UID && q.Key == c.Key })
	case mail.PutRun:
		s.putRun(c.Run)
	case mail.PutOperation:
		return s.putOperation(c.Operation)
	case mail.DropOperation:
		s.journal = slices.DeleteFunc(s.journal, func(o mail.Operation) bool { return o.Run == c.Run && o.Seq == c.Seq })
	case mail.ForgetOperations:
		s.forgetOperations(c)
	default:
		return fmt.Errorf("change of unknown kind %T", change)
	}
	return nil
}

func (s *baseState) putRow(r mail.Row) error {
	switch {
	case r.Mailbox == "":
		return errors.New("row without a mailbox name")
	case r.UID == 0 && r.Key == "":
		return fmt.Errorf("row of %s with neither UID nor key", r.Mailbox)
	case r.Window == mail.Outside && (r.Key != "" || r.UID == 0):
		return fmt.Errorf("row of %s outside of its window, with key %q and UID %d", r.Mailbox, r.Key, r.UID)
	case r.ID < 0:
		return fmt.Errorf("row of %s with a negative ID", r.Mailbox)
	case r.ID == 0:
		r.ID = s.nextRow
	}
	s.nextRow = max(s.nextRow, r.ID+1)
	for id, other := range s.rows {
		if other.Mailbox == r.Mailbox && (r.UID != 0 && other.UID == r.UID || r.Key != "" && other.Key == r.Key) {
			delete(s.rows, id)
		}
	}
	r.Content.MessageID = "" // as the real one: not kept
	s.rows[r.ID] = r
	if _, known := s.mailboxes[r.Mailbox]; !known {
		s.mailboxes[r.Mailbox] = mail.Checkpoint{Mailbox: r.Mailbox}
	}
	return nil
}

func (s *baseState) putIntent(i mail.Intent) error {
	if i.Mailbox == "" {
		return errors.New("intent without a mailbox name")
	}
	if i.Kind < mail.IntentDeliver || i.Kind >= mail.IntentKinds {
		return fmt.Errorf("intent of unknown kind %d", i.Kind)
	}
	at := slices.IndexFunc(s.intents, func(j mail.Intent) bool { return j.ID == i.ID })
	if at >= 0 {
		s.intents[at] = i
		return nil
	}
	s.intents = append(s.intents, i)
	return nil
}

func (s *baseState) dropMailbox(m mail.Mailbox) {
	for id, r := range s.rows {
		if r.Mailbox == m {
			delete(s.rows, id)
		}
	}
	delete(s.mailboxes, m)
	s.intents = slices.DeleteFunc(s.intents, func(i mail.Intent) bool { return i.Mailbox == m })
	s.clearProblems(m)
	s.dropQuarantined(func(q mail.Quarantined) bool { return q.Mailbox == m })
}

func (s *baseState) putQuarantined(q mail.Quarantined) error {
	if q.Mailbox == "" || (q.UID == 0) == (q.Key == "") {
		return fmt.Errorf("message set aside of mailbox %q, UID %d, key %q", q.Mailbox, q.UID, q.Key)
	}
	s.dropQuarantined(func(o mail.Quarantined) bool { return q.Mailbox == o.Mailbox && q.UID == o.UID && q.Key == o.Key })
	s.aside = append(s.aside, q)
	return nil
}

func (s *baseState) dropQuarantined(which func(mail.Quarantined) bool) {
	s.aside = slices.DeleteFunc(s.aside, which)
}

func (s *baseState) renameMailboxes(names []mail.NewName) error {
	to := map[mail.Mailbox]mail.Mailbox{}
	for _, n := range names {
		if n.To == "" {
			return errors.New("rename without a mailbox name")
		}
		to[n.From] = n.To
	}
	called := func(m *mail.Mailbox) {
		if n, renamed := to[*m]; renamed {
			*m = n
		}
	}
	mailboxes := map[mail.Mailbox]mail.Checkpoint{}
	for _, c := range s.mailboxes {
		called(&c.Mailbox)
		if _, taken := mailboxes[c.Mailbox]; taken {
			return fmt.Errorf("rename to %s, which another mailbox is called", c.Mailbox)
		}
		mailboxes[c.Mailbox] = c
	}
	s.mailboxes = mailboxes
	for id, r := range s.rows {
		called(&r.Mailbox)
		s.rows[id] = r
	}
	for i := range s.intents {
		called(&s.intents[i].Mailbox)
		called(&s.intents[i].From)
	}
	for i := range s.aside {
		called(&s.aside[i].Mailbox)
	}
	problems := s.problems
	s.problems = nil
	for _, p := range problems {
		called(&p.Mailbox)
		s.putProblem(p)
	}
	return nil
}

func (s *baseState) putProblem(p mail.Problem) {
	p.Count = max(p.Count, 1)
	at := slices.IndexFunc(s.problems, func(q mail.Problem) bool {
		return q.Mailbox == p.Mailbox && q.UID == p.UID && q.Key == p.Key
	})
	if at < 0 {
		s.problems = append(s.problems, p)
		return
	}
	p.Since = s.problems[at].Since
	p.Count += s.problems[at].Count
	s.problems[at] = p
}

func (s *baseState) clearProblems(m mail.Mailbox) {
	s.problems = slices.DeleteFunc(s.problems, func(p mail.Problem) bool { return p.Mailbox == m })
}

func (s *baseState) putRun(r mail.RunRecord) {
	if r.ID == 0 {
		r.ID = 1
		if n := len(s.runs); n > 0 {
			r.ID = s.runs[n-1].ID + 1
		}
	}
	at, found := slices.BinarySearchFunc(s.runs, r.ID, func(r mail.RunRecord, id int64) int { return int(r.ID - id) })
	if found {
		s.runs[at] = r
	} else {
		s.runs = slices.Insert(s.runs, at, r)
	}
	newest := s.runs[len(s.runs)-1].ID
	s.runs = slices.DeleteFunc(s.runs, func(r mail.RunRecord) bool { return r.ID <= newest-keptRuns && !s.didSomething(r.ID) })
}

// didSomething tells that the journal knows something of a run.
func (s *baseState) didSomething(run int64) bool {
	return slices.ContainsFunc(s.journal, func(o mail.Operation) bool { return o.Run == run })
}

func (s *baseState) putOperation(o mail.Operation) error {
	switch {
	case o.Mailbox == "" || o.Run <= 0:
		return errors.New("operation without a mailbox or a run")
	case o.Kind < mail.OperationArrived || o.Kind >= mail.OperationKinds:
		return fmt.Errorf("operation of unknown kind %d", o.Kind)
	case o.Side != mail.SideServer && o.Side != mail.SideLocal:
		return fmt.Errorf("operation on the unknown side %d", o.Side)
	}
	if o.Mark == 0 {
		o.Mark = s.nextRow
	}
	at, found := slices.BinarySearchFunc(s.journal, o, func(a, b mail.Operation) int {
		return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Seq, b.Seq))
	})
	if found {
		s.journal[at] = o
	} else {
		s.journal = slices.Insert(s.journal, at, o)
	}
	return nil
}

func (s *baseState) forgetOperations(f mail.ForgetOperations) {
	old := map[int64]bool{}
	newest := int64(0)
	for _, r := range s.runs {
		old[r.ID] = r.Started < f.Before && !slices.Contains(f.Keep, r.ID)
		newest = max(newest, r.ID)
	}
	s.journal = slices.DeleteFunc(s.journal, func(o mail.Operation) bool { return old[o.Run] })
	s.runs = slices.DeleteFunc(s.runs, func(r mail.RunRecord) bool { return old[r.ID] && r.ID < newest })
}
