package undo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"godwit/mail"
)

// Steps are the points that [Carrier.Step] is called at.
var Steps = []string{
	"undo.begun",    // the run is recorded
	"undo.done",     // a step was taken
	"undo.recorded", // … and written down
}

// Carrier carries a plan out, as the run Run.
type Carrier struct {
	*Undo
	Run  mail.RunRecord
	Step func(name string) error
	// Told, when not nil, hears of each step that was taken, and what the message is
	// about.
	Told func(s Step, subject string)

	// Entries counts the journal's of this run, Touched are the mailboxes that are
	// to be synchronised now, and Done counts messages.
	Entries int64
	Touched map[mail.Mailbox]bool
	Done    int
	Removed bool // something that an undo had brought back

	waiting []mail.Change
	moves   map[mail.Mailbox]*mail.Observation // what the server has in mailboxes
	fresh   map[mail.Mailbox]*mail.Observation // what base does not know of there
}

// mostWaiting is how many steps are written down together.
const mostWaiting = 64

// Carry takes the steps. What cannot be done for one message alone is returned
// as left; the error is what ended it all.
func (c *Carrier) Carry(ctx context.Context, p *Plan) (left []Left, err error) {
	if c.Step == nil {
		c.Step = func(string) error { return nil }
	}
	c.Touched = map[mail.Mailbox]bool{}
	c.moves, c.fresh = map[mail.Mailbox]*mail.Observation{}, map[mail.Mailbox]*mail.Observation{}
	if err := c.Base.Commit(ctx, mail.PutRun{Run: c.Run}); err != nil {
		return nil, err
	}
	if err := c.Step("undo.begun"); err != nil {
		return nil, err
	}
	for i := range p.Steps {
		if err = ctx.Err(); err != nil {
			break
		}
		s := &p.Steps[i]
		why, subject := "", ""
		if c.Told != nil {
			subject = c.Subject(ctx, s)
		}
		if why, err = c.take(ctx, s); err != nil {
			break
		}
		if why != "" {
			left = append(left, Left{Entry: s.Entries[0], Why: why})
			continue
		}
		if c.Told != nil {
			c.Told(*s, subject)
		}
		if err = c.Step("undo.done"); err != nil {
			return left, err // as a crash would have it
		}
		if len(c.waiting) >= mostWaiting {
			if err = c.record(ctx); err != nil {
				return left, err
			}
		}
	}
	for _, l := range p.Left {
		if l.Fine {
			c.mark(l.Entry)
		}
	}
	return left, errors.Join(err, c.record(ctx))
}

// record writes down what was done.
func (c *Carrier) record(ctx context.Context) error {
	if len(c.waiting) == 0 {
		return nil
	}
	if err := c.Base.Commit(context.WithoutCancel(ctx), c.waiting...); err != nil {
		return err
	}
	c.waiting = nil
	return c.Step("undo.recorded")
}

// did adds an entry to the journal.
func (c *Carrier) did(o mail.Operation) mail.Operation {
	if o.Seq == 0 {
		c.Entries++
		o.Run, o.Seq = c.Run.ID, c.Entries
	}
	if o.Count == 0 {
		o.Count = 1
	}
	if o.Kind != mail.OperationFlags {
		o.Before = o.Flags
	}
	c.waiting = append(c.waiting, mail.PutOperation{Operation: o})
	return o
}

// mark notes that entries were taken back.
func (c *Carrier) mark(entries ...mail.Operation) {
	for _, o := range entries {
		o.Undone = c.Run.ID
		c.waiting = append(c.waiting, mail.PutOperation{Operation: o})
	}
}

// take takes one step. why tells what keeps it from being taken.
func (c *Carrier) take(ctx context.Context, s *Step) (why string, err error) {
	o := mail.Operation{
		Kind: mail.OperationRestored, Side: mail.SideLocal, Mailbox: s.Mailbox, Key: s.Key, Content: s.Content, Flags: s.Flags,
	}
	switch s.Kind {
	case Restore:
		_, err = c.Local.RestoreTrashed(ctx, s.file, s.Mailbox, s.Key, s.Flags)
		if errors.Is(err, mail.ErrGone) {
			return "its file is not in the trash any more", nil
		}
		if s.Entries[0].Kind == mail.OperationLeft {
			// Not as a restoration: to take that back would be to remove the message.
			o.Kind, o.Reason = mail.OperationArrived, "put back, though it is outside of the mailbox's window"
		}
	case MoveFile:
		o.Other, o.OtherKey = s.From, s.FromKey
		if s.Entries[0].Kind != mail.OperationRemoved {
			o.Kind = mail.OperationMoved
		}
		if err = c.Local.Create(ctx, s.Mailbox); err == nil {
			// With its letters as they are: the engine reads them by the table of the
			// mailbox where base knows the message.
			_, err = c.Local.MoveAsItIs(ctx, s.From, s.FromKey, s.Mailbox, s.Key)
		}
		if errors.Is(err, mail.ErrGone) {
			return fmt.Sprintf("it is not in %s any more", s.From), nil
		}
		c.Touched[s.From] = true
	case MoveServer:
		o, why, err = c.moveServer(ctx, s)
		c.Touched[s.From] = true
	case Copy:
		err = c.copy(ctx, s)
		if errors.Is(err, mail.ErrGone) {
			return fmt.Sprintf("its copy is not in %s any more", s.From), nil
		}
	case Flag:
		return c.flag(ctx, s)
	case Remove:
		return c.remove(ctx, s)
	}
	if errors.Is(err, fs.ErrExist) {
		return "another file has its name", nil
	}
	if err != nil || why != "" {
		return why, err
	}
	c.Touched[s.Mailbox] = true
	c.Done++
	c.did(o)
	c.mark(s.Entries...)
	return "", nil
}

// copy makes a file of the content that another one has.
func (c *Carrier) copy(ctx context.Context, s *Step) error {
	read, err := c.Local.Read(ctx, s.From, s.FromKey)
	if err != nil {
		return err
	}
	if err := c.Local.Create(ctx, s.Mailbox); err != nil {
		return err
	}
	body, size, err := c.Local.Open(ctx, s.From, s.FromKey)
	if err != nil {
		return err
	}
	staged, err := c.Local.Stage(ctx, s.Mailbox, mail.Delivery{Flags: s.Flags, Date: read.Date, Size: size, Key: s.Key}, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	all := []mail.Staged{staged}
	if err := c.Local.Settle(ctx, all); err != nil {
		return errors.Join(err, c.Local.Discard(context.WithoutCancel(ctx), all))
	}
	return c.Local.Place(ctx, all)
}

// flag changes the flags of several messages back.
func (c *Carrier) flag(ctx context.Context, s *Step) (why string, err error) {
	changes := make([]mail.KeyFlags, len(s.Keys))
	for i, k := range s.Keys {
		changes[i] = mail.KeyFlags{Key: k, Delta: s.Delta}
	}
	results, err := c.Local.SetFlags(ctx, s.Mailbox, changes)
	if err != nil {
		return "", err
	}
	var done []mail.Key
	for i, err := range results {
		switch {
		case err == nil:
			done = append(done, s.Keys[i])
		case errors.Is(err, mail.ErrGone):
		default:
			return "", err
		}
	}
	if len(done) == 0 {
		return fmt.Sprintf("it is not in %s any more", s.Mailbox), nil
	}
	was := s.Entries[0]
	o := mail.Operation{
		Kind: mail.OperationFlags, Side: mail.SideLocal, Mailbox: s.Mailbox, UIDValidity: was.UIDValidity, Count: len(done),
		Before: was.Flags, Flags: was.Before,
	}
	rows, err := c.Base.FindKeys(ctx, s.Mailbox, done)
	if err != nil {
		return "", err
	}
	o.UIDs = uidsOf(rows)
	if len(done) == 1 {
		o.Key, o.Content = done[0], s.Content
	}
	c.Touched[s.Mailbox] = true
	c.Done += len(done)
	c.did(o)
	c.mark(s.Entries...)
	return "", nil
}

// remove moves a file to the trash that an undo had brought back. As every
// removal it is announced.
func (c *Carrier) remove(ctx context.Context, s *Step) (why string, err error) {
	o := mail.Operation{
		Kind: mail.OperationRemoved, Side: mail.SideLocal, Mailbox: s.Mailbox, Key: s.Key, Content: s.Content, Flags: s.Flags, Intended: true,
	}
	o = c.did(o)
	if err := c.record(ctx); err != nil {
		return "", err
	}
	results, err := c.Local.Remove(ctx, s.Mailbox, []mail.Key{s.Key}, c.Run.ID)
	if err != nil {
		return "", err
	}
	if errors.Is(results[0], mail.ErrGone) {
		c.waiting = append(c.waiting, mail.DropOperation{Run: o.Run, Seq: o.Seq})
		return fmt.Sprintf("it is not in %s any more", s.Mailbox), nil
	}
	if results[0] != nil {
		return "", results[0]
	}
	o.Intended, c.Removed = false, true
	c.did(o)
	c.Touched[s.Mailbox] = true
	c.Done++
	c.mark(s.Entries...)
	return "", nil
}

// moveServer moves a message back on the server: one that the Maildir does not
// have, because it does without the trash mailbox.
func (c *Carrier) moveServer(ctx context.Context, s *Step) (o mail.Operation, why string, err error) {
	there, err := c.onServer(ctx, s.From)
	if errors.Is(err, mail.ErrNoMailbox) {
		return o, fmt.Sprintf("the mailbox %s is not on the server any more", s.From), nil
	}
	if err != nil {
		return o, "", err
	}
	uid, content, err := c.find(ctx, s.From, there, s.UID, s.Content)
	if err != nil {
		return o, "", err
	}
	if uid == 0 {
		return o, fmt.Sprintf("it is not in %s on the server any more", s.From), nil
	}
	// Without MOVE, an undo that was killed may have left a copy where the message
	// is to be.
	back, err := c.isBack(ctx, s.Mailbox, content)
	if errors.Is(err, mail.ErrNoMailbox) {
		back, err = 0, c.Server.Create(ctx, s.Mailbox)
	}
	if err != nil {
		return o, "", err
	}
	o = mail.Operation{
		Kind: mail.OperationRestored, Side: mail.SideServer, Mailbox: s.Mailbox, Other: s.From, OtherUID: uid,
		Key: "", Content: content, Flags: s.Flags,
	}
	if back != 0 {
		o.UIDs = mail.UIDs(back)
		return o, "", nil
	}
	moved, err := c.Server.Move(ctx, s.From, there.UIDValidity, mail.UIDs(uid), s.Mailbox)
	if err != nil {
		return o, "", err
	}
	if len(moved) == 0 {
		return o, fmt.Sprintf("it is not in %s on the server any more", s.From), nil
	}
	if moved[0].To != 0 {
		o.UIDs = mail.UIDs(moved[0].To)
	}
	there.Messages = slices.DeleteFunc(there.Messages, func(m mail.ServerMessage) bool { return m.UID == uid })
	return o, "", nil
}

// onServer lists a mailbox on the server, once.
func (c *Carrier) onServer(ctx context.Context, m mail.Mailbox) (*mail.Observation, error) {
	if o := c.moves[m]; o != nil {
		return o, nil
	}
	if len(c.moves) == 0 {
		if _, err := c.Server.Mailboxes(ctx, func(mail.Mailbox, mail.Role) bool { return false }); err != nil {
			return nil, err
		}
	}
	o, err := c.Server.Observe(ctx, m, mail.Since{})
	if err == nil {
		c.moves[m] = o
	}
	return o, err
}

// find finds a message by the UID that it is said to have, else by its content,
// the newest first. What is not proved to be it, is not it.
func (c *Carrier) find(ctx context.Context, m mail.Mailbox, there *mail.Observation, said mail.UID, content mail.Content) (mail.UID, mail.Content, error) {
	var candidates []mail.UID
	for _, msg := range slices.Backward(there.Messages) {
		size := content.Size < 0 || msg.Content.Size < 0 || msg.Content.Size == content.Size
		switch {
		case !size && msg.UID != said:
		case msg.UID == said:
			candidates = append([]mail.UID{msg.UID}, candidates...)
		default:
			candidates = append(candidates, msg.UID)
		}
	}
	for chunk := range slices.Chunk(candidates, 200) {
		set := mail.UIDs(chunk...)
		contents, err := c.Server.Identify(ctx, m, there.UIDValidity, set, false)
		if err != nil {
			return 0, content, err
		}
		for _, uid := range chunk {
			found, ok := contents[uid]
			if !ok {
				continue
			}
			if found.Compare(content) == mail.Unsure {
				whole, err := c.Server.Identify(ctx, m, there.UIDValidity, mail.UIDs(uid), true)
				if err != nil {
					return 0, content, err
				}
				found = whole[uid]
			}
			if found.Compare(content) == mail.Same {
				if !content.Hash.IsZero() {
					found.Hash = content.Hash
				}
				return uid, found, nil
			}
		}
	}
	return 0, content, nil
}

// isBack looks for a content among what is new in a mailbox, and not brought there
// by this run, that base does not know of; each message is found once.
func (c *Carrier) isBack(ctx context.Context, m mail.Mailbox, content mail.Content) (mail.UID, error) {
	fresh := c.fresh[m]
	if fresh == nil {
		var err error
		if fresh, err = c.freshOn(ctx, m); err != nil {
			return 0, err
		}
		c.fresh[m] = fresh
	}
	uid, _, err := c.find(ctx, m, fresh, 0, content)
	if uid != 0 {
		fresh.Messages = slices.DeleteFunc(fresh.Messages, func(msg mail.ServerMessage) bool { return msg.UID == uid })
	}
	return uid, err
}

// freshOn lists what base does not know of in a mailbox on the server.
func (c *Carrier) freshOn(ctx context.Context, m mail.Mailbox) (*mail.Observation, error) {
	known, err := c.Base.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	o, err := c.Server.Observe(ctx, m, mail.Since{})
	if err != nil {
		return nil, err
	}
	floor := mail.UID(1)
	for _, k := range known {
		if k.Mailbox == m && k.UIDValidity == o.UIDValidity {
			floor = k.UIDNext
		}
	}
	rows, err := c.Base.FindUIDs(ctx, m, mail.UIDSpan(floor, ^mail.UID(0)))
	if err != nil {
		return nil, err
	}
	recorded := uidsOf(rows)
	fresh := &mail.Observation{UIDValidity: o.UIDValidity}
	for _, msg := range o.Messages {
		if msg.UID >= floor && !recorded.Contains(msg.UID) {
			fresh.Messages = append(fresh.Messages, msg)
		}
	}
	return fresh, nil
}
