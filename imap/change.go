package imap

import (
	"context"
	"errors"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

// Store carries out flag changes, one command for each distinct change and
// chunk, pipelined. See the engine's Server for the contract.
func (a *Account) Store(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, changes []mail.FlagStore, unchangedSince mail.ModSeq) (mail.UIDSet, error) {
	x := &storer{ctx: ctx, mailbox: m, validity: v, since: unchangedSince, modified: mail.UIDSet{}}
	var touched mail.UIDSet
	for _, c := range changes {
		both := !c.Delta.Add.IsZero() && !c.Delta.Remove.IsZero()
		for _, part := range []storing{
			{uids: c.UIDs, mode: wire.StoreAdd, flags: c.Delta.Add},
			{uids: c.UIDs, mode: wire.StoreRemove, flags: c.Delta.Remove, own: both},
		} {
			if part.flags.IsZero() || c.UIDs.IsEmpty() {
				continue
			}
			part.own = part.own || !c.UIDs.Intersect(touched).IsEmpty()
			x.left = append(x.left, part)
		}
		touched.AddSet(c.UIDs)
	}
	if len(x.left) == 0 {
		return mail.UIDSet{}, nil
	}
	err := a.with(ctx, m, x.session)
	if err != nil {
		err = fmt.Errorf("storing flags in %q: %w", string(m), err)
	}
	return x.modified, err
}

// storer is one Store under way.
type storer struct {
	ctx      context.Context
	mailbox  mail.Mailbox
	validity mail.UIDValidity
	since    mail.ModSeq
	left     []storing
	modified mail.UIDSet
}

// storing is one STORE. own says that an earlier one of the same call moves the
// MODSEQ of its messages: with UNCHANGEDSINCE it would stumble over that.
type storing struct {
	uids  mail.UIDSet
	mode  wire.StoreMode
	flags mail.Flags
	own   bool
}

func (x *storer) session(s *session) error {
	var all mail.UIDSet
	for _, part := range x.left {
		all.AddSet(part.uids)
	}
	there, err := s.ensure(x.ctx, x.mailbox, x.validity, all)
	if err != nil {
		return err
	}
	if s.readOnly {
		return mail.ErrReadOnly
	}
	x.modified.AddSet(all.Minus(there)) // not known to be there: not stored
	since := x.since
	if !s.has(goimap.CapCondStore) {
		since = 0
	}
	if since == 0 {
		return x.round(s, there, 0, func(storing) bool { return true })
	}
	// First what is conditional; then the rest, for what the first left alone.
	first := x.round(s, there, since, func(p storing) bool { return !p.own })
	if first != nil && s.conn.Err() != nil {
		return first
	}
	err = x.round(s, there.Minus(x.modified), 0, func(p storing) bool { return p.own })
	if first != nil {
		return first
	}
	return err
}

// round sends, in one flight, those of the STOREs that are chosen, and takes
// them off what is left.
func (x *storer) round(s *session, there mail.UIDSet, since mail.ModSeq, chosen func(storing) bool) error {
	type sent struct {
		part    storing
		command *wire.Command[wire.StoreData]
	}
	var flight []sent
	var left []storing
	for _, part := range x.left {
		if !chosen(part) {
			left = append(left, part)
			continue
		}
		part.uids = part.uids.Intersect(there)
		if !part.uids.IsEmpty() {
			flight = append(flight, sent{part, s.conn.Store(x.ctx, part.uids, part.mode, part.flags, since)})
		}
	}
	var failed error
	for _, f := range flight {
		data, err := f.command.Wait()
		x.modified.AddSet(data.Modified.Intersect(f.part.uids))
		switch {
		case err == nil, hasCode(err, "EXPUNGEISSUED"): // RFC 5530, 3: some are gone, the rest was done
			s.progress = true
			continue
		case s.conn.Err() != nil:
			left = append(left, f.part)
		case hasCode(err, "READ-ONLY"):
			err = fmt.Errorf("%w: %w", mail.ErrReadOnly, err)
		}
		if failed == nil {
			failed = fmt.Errorf("UID %s: %w", shortened(f.part.uids), err)
		}
	}
	x.left = left
	return failed
}

// shortened writes a set for a message, not longer than one would read.
func shortened(uids mail.UIDSet) string {
	text := uids.String()
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return text
}

// Remove marks the messages \Deleted and expunges exactly them. kept are those
// that the server still lists, marked.
func (a *Account) Remove(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) (kept mail.UIDSet, err error) {
	if uids.IsEmpty() {
		return mail.UIDSet{}, nil
	}
	err = a.with(ctx, m, func(s *session) error {
		there, err := s.ensure(ctx, m, v, uids)
		if err != nil {
			return err
		}
		if s.readOnly {
			return mail.ErrReadOnly
		}
		kept, err = s.remove(ctx, there)
		return err
	})
	if err != nil {
		return mail.UIDSet{}, fmt.Errorf("removing from %q: %w", string(m), err)
	}
	return kept, nil
}

// remove marks messages that are there and expunges them. Marking and expunging
// again does no harm.
func (s *session) remove(ctx context.Context, uids mail.UIDSet) (kept mail.UIDSet, err error) {
	if uids.IsEmpty() {
		return mail.UIDSet{}, nil
	}
	deleted := mail.Flags{System: mail.Deleted}
	if !s.has(goimap.CapUIDPlus) {
		return s.removeBare(ctx, uids, deleted)
	}
	// One after the other: Dovecot answers OK to a UID EXPUNGE that was sent along
	// and expunges nothing, when another session's changes came in between.
	if _, err := s.conn.Store(ctx, uids, wire.StoreAdd, deleted, 0).Wait(); err != nil && !hasCode(err, "EXPUNGEISSUED") {
		return mail.UIDSet{}, fmt.Errorf("UID %s: %w", shortened(uids), err)
	}
	kept = uids
	for range 2 {
		if _, err := s.conn.UIDExpunge(ctx, kept).Wait(); err != nil {
			return mail.UIDSet{}, fmt.Errorf("UID %s: %w", shortened(kept), err)
		}
		s.mu.Lock()
		kept = kept.Minus(s.vanished)
		s.mu.Unlock()
		if kept.IsEmpty() {
			break
		}
		// Not every server says VANISHED, or EXPUNGE with a number that we know.
		found, err := s.conn.Search(ctx, wire.SearchCriteria{UIDs: kept}).Wait()
		if err != nil {
			return mail.UIDSet{}, fmt.Errorf("looking for what was expunged: %w", err)
		}
		if kept = kept.Intersect(found); kept.IsEmpty() {
			break
		}
	}
	return kept, nil
}

// removeBare removes without UIDPLUS: EXPUNGE takes every message that is
// marked, so it is sent only when those are ours.
func (s *session) removeBare(ctx context.Context, uids mail.UIDSet, deleted mail.Flags) (kept mail.UIDSet, err error) {
	// One after the other: a search that is sent along may be answered from before
	// the STORE, without what other programs marked meanwhile.
	if _, err := s.conn.Store(ctx, uids, wire.StoreAdd, deleted, 0).Wait(); err != nil && !hasCode(err, "EXPUNGEISSUED") {
		return mail.UIDSet{}, fmt.Errorf("UID %s: %w", shortened(uids), err)
	}
	marked, err := s.conn.Search(ctx, wire.SearchCriteria{Deleted: true}).Wait()
	if err != nil {
		return mail.UIDSet{}, fmt.Errorf("looking for marked messages: %w", err)
	}
	if !marked.Minus(uids).IsEmpty() {
		return marked.Intersect(uids), nil
	}
	if _, err := s.conn.Expunge(ctx).Wait(); err != nil {
		return mail.UIDSet{}, fmt.Errorf("UID %s: %w", shortened(uids), err)
	}
	return mail.UIDSet{}, nil
}

// Copy copies messages to another mailbox on the server.
func (a *Account) Copy(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	x := &transfer{account: a, ctx: ctx, from: from, validity: v, to: to, left: uids}
	return x.run("copying")
}

// Move moves messages to another mailbox on the server: by UID MOVE (RFC 6851),
// or by COPY, STORE and EXPUNGE, each after the one before was confirmed.
func (a *Account) Move(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	x := &transfer{account: a, ctx: ctx, from: from, validity: v, to: to, left: uids, move: true}
	return x.run("moving")
}

// transfer is one Copy or Move under way.
type transfer struct {
	account  *Account
	ctx      context.Context
	from, to mail.Mailbox
	validity mail.UIDValidity
	move     bool
	left     mail.UIDSet // not asked for yet
	copied   mail.UIDSet // copied, and to be removed for a move without MOVE
	pairs    []mail.Copied
}

func (x *transfer) run(doing string) ([]mail.Copied, error) {
	if x.left.IsEmpty() {
		return nil, nil
	}
	err := x.account.with(x.ctx, x.from, x.session)
	if err != nil {
		if !x.copied.IsEmpty() && !errors.Is(err, mail.ErrUncertain) {
			err = fmt.Errorf("%w: copied, but not removed: %w", mail.ErrUncertain, err)
		}
		err = fmt.Errorf("%s from %q to %q: %w", doing, string(x.from), string(x.to), err)
	}
	return x.pairs, err
}

func (x *transfer) session(s *session) error {
	raw, err := x.account.names.raw(x.to)
	if err != nil {
		return err
	}
	var both mail.UIDSet
	both.AddSet(x.left)
	both.AddSet(x.copied)
	there, err := s.ensure(x.ctx, x.from, x.validity, both)
	if err != nil {
		return err
	}
	if x.move && s.readOnly {
		return mail.ErrReadOnly
	}
	native := s.has(goimap.CapMove)
	if x.move && !native && !s.has(goimap.CapUIDPlus) {
		if err := s.mayExpunge(x.ctx, both); err != nil {
			return err
		}
	}
	if err := x.send(s, raw, x.left.Intersect(there), x.move && native); err != nil {
		return err
	}
	if !x.move || native {
		return nil
	}
	kept, err := s.remove(x.ctx, x.copied.Intersect(there))
	if err != nil {
		return err
	}
	if !kept.IsEmpty() {
		return fmt.Errorf("UID %s: copied and marked, but another program marked other messages meanwhile, and this server can only expunge all", shortened(kept))
	}
	x.copied = mail.UIDSet{}
	return nil
}

// mayExpunge fails when other messages than these are marked \Deleted: without
// UIDPLUS they would be expunged too.
func (s *session) mayExpunge(ctx context.Context, uids mail.UIDSet) error {
	marked, err := s.conn.Search(ctx, wire.SearchCriteria{Deleted: true}).Wait()
	if err != nil {
		return fmt.Errorf("looking for marked messages: %w", err)
	}
	if !marked.Minus(uids).IsEmpty() {
		return errors.New(`this server cannot expunge single messages, and others are marked \Deleted`)
	}
	return nil
}

// transferBatch is how many messages one COPY or MOVE names.
const transferBatch = 1000

// send sends the commands in one flight, and takes what was answered off what is
// left.
func (x *transfer) send(s *session, raw string, uids mail.UIDSet, move bool) error {
	type sent struct {
		uids    mail.UIDSet
		command *wire.Command[wire.CopyData]
	}
	var flight []sent
	for _, chunk := range uids.Chunks(transferBatch, wire.MaxSetOctets) {
		if move {
			flight = append(flight, sent{chunk, s.conn.Move(x.ctx, chunk, raw)})
		} else {
			flight = append(flight, sent{chunk, s.conn.Copy(x.ctx, chunk, raw)})
		}
	}
	var failed error
	for _, f := range flight {
		data, err := f.command.Wait()
		if err == nil {
			s.progress = true
			x.record(f.uids, data)
			continue
		}
		if err = x.judge(f.uids, err); failed == nil || errors.Is(err, mail.ErrUncertain) {
			failed = err
		}
	}
	return failed
}

// judge describes a COPY or MOVE that failed.
func (x *transfer) judge(uids mail.UIDSet, err error) error {
	err = fmt.Errorf("UID %s: %w", shortened(uids), err)
	if _, no := refused(err); no {
		switch {
		case x.account.noTarget(x.to, err):
			return fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
		case hasCode(err, "OVERQUOTA"):
			return fmt.Errorf("%w: %w", mail.ErrOverQuota, err)
		}
		return err
	}
	var lost *wire.LostError
	if errors.As(err, &lost) && !lost.Sent || errors.Is(err, wire.ErrArgument) || errors.Is(err, wire.ErrNotAnnounced) {
		return err // it was never sent
	}
	return fmt.Errorf("%w: %w", mail.ErrUncertain, err)
}

// record keeps the pairs. Where COPYUID names some, it names all that were
// copied; those it does not name were gone (RFC 4315, 3).
func (x *transfer) record(uids mail.UIDSet, data wire.CopyData) {
	x.left = x.left.Minus(uids)
	fits := x.account.fits(x.to, data.UIDValidity)
	if len(data.Copied) == 0 {
		for u := range uids.All() {
			x.pairs = append(x.pairs, mail.Copied{From: u})
		}
		if x.move {
			x.copied.AddSet(uids)
		}
		return
	}
	for _, pair := range data.Copied {
		if !fits {
			pair.To = 0
		}
		x.pairs = append(x.pairs, pair)
		if x.move {
			x.copied.Add(pair.From)
		}
	}
}
