package fake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"godwit/mail"
)

// Fetch implements sync.Server.
func (s *Server) Fetch(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet,
	sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error) {
	return s.FetchFrom(ctx, m, v, uids, nil, func(msg mail.ServerMessage, _ mail.Piece, body io.Reader) error { return sink(msg, body) })
}

// FetchFrom implements sync.Server. A fault that is Partly, after some messages,
// breaks the next one off in its middle.
func (s *Server) FetchFrom(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, from func(mail.UID) mail.Span,
	sink func(msg mail.ServerMessage, piece mail.Piece, body io.Reader) error) (mail.UIDSet, error) {
	var delivered mail.UIDSet
	fault, err := s.begin(ctx, "Fetch", fmt.Sprintf("%s %s", m, uids))
	if err != nil {
		return delivered, err
	}
	s.mu.Lock()
	b, err := s.selected(m, v)
	var messages []Message
	if err == nil {
		for _, msg := range b.chosen(uids) {
			messages = append(messages, *msg)
		}
	}
	s.mu.Unlock()
	if err != nil {
		return delivered, err
	}

	for i, msg := range messages {
		if err := ctx.Err(); err != nil {
			return delivered, err
		}
		// Without the lock: the sink may do what it likes, and another client too.
		if err := s.step("Server.Fetch body"); err != nil {
			return delivered, err
		}
		id := serverID{m, msg.UID}
		if s.isMute(id) {
			continue
		}
		line, piece, raw := s.answer(&msg, from)
		if raw == nil {
			continue // the octets that are wanted are not those that there are
		}
		if piece.Offset > 0 {
			if err := s.step("Server.Fetch rest"); err != nil {
				return delivered, err
			}
		}
		n, cut := s.takeCut(id)
		if last := i == fault.items(len(messages)); last || cut {
			if last {
				n = len(raw) / 2
			}
			broken := io.MultiReader(slowly(raw[:min(n, len(raw))]), failing{io.ErrUnexpectedEOF})
			if err := sink(line, piece, broken); err == nil && from == nil {
				return delivered, fmt.Errorf("fetch %s UID %s: the body failed and the sink did not say so", m, msg.UID)
			}
			if last {
				break
			}
			// The connection is made again, and the rest asked for again.
			if line, piece, raw = s.answer(&msg, from); raw == nil {
				continue
			}
		}
		if !s.holds(id) {
			continue // expunged meanwhile: no body of it counts
		}
		body := slowly(raw)
		if err := sink(line, piece, body); err != nil {
			return delivered, fmt.Errorf("fetch %s UID %s: %w", m, msg.UID, err)
		}
		if left := body.Len(); left > 0 {
			if from != nil {
				continue // the sink may do without a piece
			}
			return delivered, fmt.Errorf("fetch %s UID %s: %d octets were not read", m, msg.UID, left)
		}
		delivered.Add(msg.UID)
	}
	// What was expunged during the batch does not count, whatever was read.
	s.mu.Lock()
	var gone mail.UIDSet
	if b := s.mailboxes[m]; b != nil && b.validity == v {
		gone = delivered.Minus(b.uids())
	} else {
		gone = delivered
	}
	s.mu.Unlock()
	return delivered.Minus(gone), s.end(fault, "Fetch")
}

// answer is what the server says to FETCH: of a message from whose beginning on all
// is wanted, the whole; else the octets that are, nil where the message does not
// end with them and should.
func (s *Server) answer(msg *Message, from func(mail.UID) mail.Span) (line mail.ServerMessage, p mail.Piece, raw []byte) {
	line, raw = s.line(msg, true), msg.Raw
	size := int64(len(raw))
	p = mail.Piece{Size: size, Span: mail.Span{Length: size, Rest: true}}
	if from == nil {
		return line, p, raw
	}
	if span := from(msg.UID); span.Length > 0 {
		p.Span = span
		if end := span.Offset + span.Length; end > size || span.Rest && end != size {
			return line, p, nil
		}
		return line, p, raw[span.Offset:][:span.Length]
	}
	return line, p, raw
}

// slow gives a body in pieces, as the network does.
type slow struct{ bytes.Reader }

func slowly(raw []byte) *slow {
	s := &slow{}
	s.Reset(raw)
	return s
}

func (s *slow) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 48)]) }

// WriteTo is not there, so that nobody takes all at once.
func (s *slow) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{s})
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (s *Server) isMute(id serverID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mute[id]
}

func (s *Server) takeCut(id serverID) (octets int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	octets, ok = s.cut[id]
	delete(s.cut, id)
	return octets, ok
}

func (s *Server) holds(id serverID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.mailboxes[id.mailbox]
	if b == nil {
		return false
	}
	_, found := b.find(id.uid)
	return found
}

// Identify implements sync.Server.
func (s *Server) Identify(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, whole bool) (map[mail.UID]mail.Content, error) {
	fault, err := s.begin(ctx, "Identify", fmt.Sprintf("%s %s %t", m, uids, whole))
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.selected(m, v)
	if err != nil {
		return nil, err
	}
	found := map[mail.UID]mail.Content{}
	for _, msg := range b.chosen(uids) {
		if s.mute[serverID{m, msg.UID}] {
			continue
		}
		c := read(msg.Raw)
		c.EmailID, c.Partial = s.emailID(msg), 0
		if !whole {
			c.Hash = mail.Hash{}
		}
		found[msg.UID] = c
	}
	return found, nil
}

// Store implements sync.Server.
func (s *Server) Store(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, changes []mail.FlagStore, unchangedSince mail.ModSeq) (mail.UIDSet, error) {
	fault, err := s.begin(ctx, "Store", fmt.Sprintf("%s %+v", m, changes))
	if err != nil {
		return mail.UIDSet{}, err
	}
	modified, err := s.storeAll(m, v, changes[:fault.items(len(changes))], unchangedSince)
	if err != nil {
		return modified, err
	}
	return modified, s.end(fault, "Store")
}

func (s *Server) storeAll(m mail.Mailbox, v mail.UIDValidity, changes []mail.FlagStore, unchangedSince mail.ModSeq) (mail.UIDSet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var modified mail.UIDSet
	b, err := s.writable(m, v)
	if err != nil {
		return modified, err
	}
	ours := map[mail.UID]bool{} // what this call changed itself is no conflict
	for _, change := range changes {
		for _, msg := range b.chosen(change.UIDs) {
			if s.profile.CondStore && unchangedSince != 0 && msg.ModSeq > unchangedSince && !ours[msg.UID] {
				modified.Add(msg.UID)
				continue
			}
			ours[msg.UID] = true
			b.store(msg, s.storable(change.Delta.Apply(msg.Flags)))
		}
	}
	return modified, nil
}

// storable leaves out keywords that the server cannot hold.
func (s *Server) storable(f mail.Flags) mail.Flags { return f.Minus(s.room().Missing(f)) }

// writable is selected for a mailbox that is going to be changed.
func (s *Server) writable(m mail.Mailbox, v mail.UIDValidity) (*serverMailbox, error) {
	b, err := s.selected(m, v)
	if err == nil && b.readOnly {
		err = fmt.Errorf("change %s: %w", m, mail.ErrReadOnly)
	}
	return b, err
}

// Append implements sync.Server.
func (s *Server) Append(ctx context.Context, m mail.Mailbox, uploads []mail.Upload) ([]mail.Appended, error) {
	results := make([]mail.Appended, len(uploads))
	fault, err := s.begin(ctx, "Append", fmt.Sprintf("%s %d", m, len(uploads)))
	if err != nil {
		return results, err
	}
	for i, upload := range uploads[:fault.items(len(uploads))] {
		if err := ctx.Err(); err != nil {
			return results, err
		}
		if i > 0 { // the first was announced by begin
			if err := s.step("Server.Append"); err != nil {
				return results, err
			}
		}
		raw, err := drain(upload)
		if err != nil {
			// The literal was announced and cannot be completed.
			results[i].Err = fmt.Errorf("append to %s: %w", m, err)
			continue
		}
		uid, err := s.append(m, upload, raw)
		if errors.Is(err, mail.ErrNoMailbox) {
			return results, err
		}
		if err != nil {
			results[i].Err = err
		} else if fault == nil && s.profile.UIDPlus {
			results[i].UID = uid
		}
	}
	return results, s.end(fault, "Append")
}

// drain reads an upload, which must be exactly as long as it says.
func drain(u mail.Upload) ([]byte, error) {
	body, err := u.Open()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	if int64(len(raw)) != u.Size {
		return nil, fmt.Errorf("%d octets, not %d: %w", len(raw), u.Size, io.ErrUnexpectedEOF)
	}
	return raw, nil
}

func (s *Server) append(m mail.Mailbox, u mail.Upload, raw []byte) (mail.UID, error) {
	if s.Refuse != nil {
		if err := s.Refuse(m, raw); err != nil {
			return 0, fmt.Errorf("append to %s: %w", m, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(m, 0)
	if err != nil {
		return 0, err
	}
	return b.add(Message{Flags: s.storable(u.Flags), Date: s.date(u.Date), Raw: raw}), nil
}

// date is the INTERNALDATE of a message; the caller holds the lock.
func (s *Server) date(given mail.UnixTime) mail.UnixTime {
	if given != 0 {
		return given
	}
	s.clock++
	return s.clock
}

// Copy implements sync.Server.
func (s *Server) Copy(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	return s.transfer(ctx, "Copy", from, v, uids, to)
}

// Move implements sync.Server.
func (s *Server) Move(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	return s.transfer(ctx, "Move", from, v, uids, to)
}

func (s *Server) transfer(ctx context.Context, method string, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	fault, err := s.begin(ctx, method, fmt.Sprintf("%s %s to %s", from, uids, to))
	if err != nil {
		return nil, err
	}
	copied, err := s.transferAll(method == "Move", fault, from, v, uids, to)
	if err != nil {
		return nil, err
	}
	if method == "Move" && !s.profile.Move && (fault == nil || fault.Effect != Partly) {
		if err := s.finishMove(from, v, copied); err != nil {
			return nil, err
		}
	}
	if err := s.end(fault, method); err != nil {
		return nil, err // the answer that named the copies was lost
	}
	return copied, nil
}

func (s *Server) transferAll(remove bool, fault *Fault, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, err := s.selected(from, v)
	if err == nil && remove {
		source, err = s.writable(from, v)
	}
	if err != nil {
		return nil, err
	}
	target, err := s.writable(to, 0)
	if err != nil {
		return nil, err
	}
	messages := source.chosen(uids)
	messages = messages[:fault.items(len(messages))]
	if remove && !s.profile.Move && !s.profile.UIDPlus && source.marks(uids) {
		return nil, errors.New(`others are marked \Deleted`) // they would go, too
	}
	var copied []mail.Copied
	var done mail.UIDSet
	for _, msg := range messages {
		c := mail.Copied{From: msg.UID, To: target.add(*msg)}
		if !s.profile.UIDPlus {
			c.To = 0
		}
		copied = append(copied, c)
		done.Add(msg.UID)
	}
	if remove && s.profile.Move {
		source.expunge(done)
	}
	return copied, nil
}

// finishMove is what follows the COPY of a move without MOVE: the STORE and the
// EXPUNGE. Between any two of them others may act, and power may go.
func (s *Server) finishMove(from mail.Mailbox, v mail.UIDValidity, copied []mail.Copied) error {
	var done mail.UIDSet
	for _, c := range copied {
		done.Add(c.From)
	}
	if err := s.step("Server.Move copied"); err != nil {
		return err
	}
	if err := s.markAll(from, v, done); err != nil {
		return err
	}
	if err := s.step("Server.Move marked"); err != nil {
		return err
	}
	kept, err := s.removeAll(nil, from, v, done)
	if err == nil && !kept.IsEmpty() {
		err = errors.New(`others are marked \Deleted`)
	}
	if err != nil {
		return fmt.Errorf("%w: copied, but not removed: %w", mail.ErrUncertain, err)
	}
	return nil
}

func (s *Server) markAll(m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(m, v)
	if err != nil {
		return fmt.Errorf("%w: copied, but not removed: %w", mail.ErrUncertain, err)
	}
	for _, msg := range b.chosen(uids) {
		b.store(msg, msg.Flags.Union(mail.Flags{System: mail.Deleted}))
	}
	return nil
}

// Remove implements sync.Server.
func (s *Server) Remove(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) (mail.UIDSet, error) {
	fault, err := s.begin(ctx, "Remove", fmt.Sprintf("%s %s", m, uids))
	if err != nil {
		return mail.UIDSet{}, err
	}
	kept, err := s.removeAll(fault, m, v, uids)
	if err != nil {
		return kept, err
	}
	return kept, s.end(fault, "Remove")
}

func (s *Server) removeAll(fault *Fault, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) (mail.UIDSet, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.writable(m, v)
	if err != nil {
		return mail.UIDSet{}, err
	}
	var there mail.UIDSet
	messages := b.chosen(uids)
	for _, msg := range messages[:fault.items(len(messages))] {
		there.Add(msg.UID)
	}
	return s.removeFrom(b, there), nil
}

// removeFrom marks and expunges. Without UIDPLUS only a bare EXPUNGE is left,
// which would take other marked messages along.
func (s *Server) removeFrom(b *serverMailbox, uids mail.UIDSet) (kept mail.UIDSet) {
	for _, msg := range b.chosen(uids) {
		b.store(msg, msg.Flags.Union(mail.Flags{System: mail.Deleted}))
	}
	if !s.profile.UIDPlus && b.marks(uids) {
		return uids
	}
	b.expunge(uids)
	return mail.UIDSet{}
}

// marks tells that other messages than these are marked \Deleted.
func (b *serverMailbox) marks(but mail.UIDSet) bool {
	return slices.ContainsFunc(b.messages, func(msg *Message) bool {
		return msg.Flags.System&mail.Deleted != 0 && !but.Contains(msg.UID)
	})
}
