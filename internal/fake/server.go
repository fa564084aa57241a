package fake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"

	"godwit/mail"
)

// Profile says what a [Server] can do. The zero Profile is a server of RFC 3501
// without extensions.
type Profile struct {
	CondStore bool // RFC 7162: MODSEQ
	QResync   bool // RFC 7162: VANISHED; with CondStore
	UIDPlus   bool // RFC 4315: APPENDUID, COPYUID, UID EXPUNGE
	Move      bool // RFC 6851
	ObjectID  bool // RFC 8474: EMAILID, MAILBOXID
	Renumber  bool // RENAME changes UIDVALIDITY, as Courier's does
	// Closed says that no new keywords can be made: PERMANENTFLAGS without \*.
	// Known are those there are.
	Closed bool
	Known  mail.Keywords
}

// The profiles of servers as they are met.
var (
	Plain     = Profile{}
	CondStore = Profile{CondStore: true, UIDPlus: true}
	QResync   = Profile{CondStore: true, QResync: true, UIDPlus: true, Move: true}
	Modern    = Profile{CondStore: true, QResync: true, UIDPlus: true, Move: true, ObjectID: true}
)

// Server is an IMAP account in memory. Make one with [NewServer].
type Server struct {
	Script
	// Refuse, when set, is asked before a message is appended; its error is that
	// message's. Set it before the server is used.
	Refuse func(m mail.Mailbox, raw []byte) error

	profile Profile

	mu        gosync.Mutex
	mailboxes map[mail.Mailbox]*serverMailbox
	validity  mail.UIDValidity // the last one given out
	clock     mail.UnixTime    // the last INTERNALDATE given out
	mute      map[serverID]bool
	cut       map[serverID]int
}

// serverID names a message of the server.
type serverID struct {
	mailbox mail.Mailbox
	uid     mail.UID
}

type serverMailbox struct {
	role       mail.Role
	noSelect   bool
	readOnly   bool
	subscribed bool
	id         string
	validity   mail.UIDValidity
	next       mail.UID
	modseq     mail.ModSeq // the highest given out
	messages   []*Message  // by UID
	vanished   []vanished
}

type vanished struct {
	uid    mail.UID
	modseq mail.ModSeq
}

// Message is a message as the server holds it.
type Message struct {
	UID    mail.UID
	Flags  mail.Flags
	Date   mail.UnixTime
	ModSeq mail.ModSeq
	Raw    []byte // never changed
}

// NewServer makes an account with an empty INBOX.
func NewServer(p Profile) *Server {
	s := &Server{
		profile: p, mailboxes: map[mail.Mailbox]*serverMailbox{}, validity: 1000, clock: 1_700_000_000,
		mute: map[serverID]bool{}, cut: map[serverID]int{},
	}
	s.create(mail.Inbox)
	return s
}

// create makes a mailbox; the caller holds the lock.
func (s *Server) create(m mail.Mailbox) *serverMailbox {
	s.validity++
	box := &serverMailbox{validity: s.validity, next: 1, modseq: 1, subscribed: true}
	if s.profile.ObjectID {
		box.id = fmt.Sprintf("F%d", s.validity)
	}
	s.mailboxes[m] = box
	return box
}

// find returns the index of a UID, and whether it is there.
func (b *serverMailbox) find(u mail.UID) (int, bool) {
	return slices.BinarySearchFunc(b.messages, u, func(m *Message, u mail.UID) int { return cmp.Compare(m.UID, u) })
}

// chosen returns the messages of a set that are there.
func (b *serverMailbox) chosen(uids mail.UIDSet) []*Message {
	var found []*Message
	for _, m := range b.messages {
		if uids.Contains(m.UID) {
			found = append(found, m)
		}
	}
	return found
}

func (b *serverMailbox) add(m Message) mail.UID {
	m.UID = b.next
	b.next++
	b.modseq++
	m.ModSeq = b.modseq
	b.messages = append(b.messages, &m)
	return m.UID
}

func (b *serverMailbox) store(m *Message, f mail.Flags) {
	if m.Flags.Equal(f) {
		return
	}
	b.modseq++
	m.Flags, m.ModSeq = f, b.modseq
}

func (b *serverMailbox) expunge(uids mail.UIDSet) {
	b.messages = slices.DeleteFunc(b.messages, func(m *Message) bool {
		if !uids.Contains(m.UID) {
			return false
		}
		b.modseq++
		b.vanished = append(b.vanished, vanished{m.UID, b.modseq})
		return true
	})
}

func (b *serverMailbox) uids() mail.UIDSet {
	var set mail.UIDSet
	for _, m := range b.messages {
		set.Add(m.UID)
	}
	return set
}

// highest is HIGHESTMODSEQ, zero where the server has none.
func (s *Server) highest(b *serverMailbox) mail.ModSeq {
	if !s.profile.CondStore {
		return 0
	}
	return b.modseq
}

// selected opens a mailbox; the caller holds the lock. With a validity of zero
// any will do.
func (s *Server) selected(m mail.Mailbox, v mail.UIDValidity) (*serverMailbox, error) {
	b := s.mailboxes[m]
	switch {
	case b == nil || b.noSelect:
		return nil, fmt.Errorf("select %s: %w", m, mail.ErrNoMailbox)
	case v != 0 && v != b.validity:
		return nil, fmt.Errorf("select %s: %s, not %s: %w", m, b.validity, v, mail.ErrUIDValidity)
	}
	return b, nil
}

// begin starts a call of the interface: the log, the fault, the hook.
func (s *Server) begin(ctx context.Context, method, detail string) (*Fault, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fault, err := s.enter(method, detail)
	if err == nil {
		err = s.step("Server." + method)
	}
	return fault, err
}

// end finishes a call that took effect.
func (s *Server) end(fault *Fault, method string) error {
	return errors.Join(fault.error(), s.step("Server."+method+" done"))
}

// Mailboxes implements sync.Server.
func (s *Server) Mailboxes(ctx context.Context, wanted func(mail.Mailbox, mail.Role) bool) ([]mail.ServerMailbox, error) {
	fault, err := s.begin(ctx, "Mailboxes", "")
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []mail.ServerMailbox
	for name, b := range s.mailboxes {
		line := mail.ServerMailbox{
			Name: name, Role: b.role, NoSelect: b.noSelect, Subscribed: b.subscribed, EmailIDs: s.profile.ObjectID,
			Moves: s.profile.Move,
		}
		if !b.noSelect && (wanted == nil || wanted(name, b.role)) {
			line.Status = &mail.Status{
				UIDValidity: b.validity, UIDNext: b.next, Messages: uint32(len(b.messages)),
				ModSeq: s.highest(b), MailboxID: b.id,
			}
		}
		all = append(all, line)
	}
	slices.SortFunc(all, func(a, b mail.ServerMailbox) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// room is what PERMANENTFLAGS says.
func (s *Server) room() mail.KeywordRoom {
	return mail.KeywordRoom{Open: !s.profile.Closed, Known: s.profile.Known}
}

// state is what SELECT says.
func (s *Server) state(b *serverMailbox) *mail.Observation {
	return &mail.Observation{
		UIDValidity: b.validity, UIDNext: b.next, Untaken: b.next, ModSeq: s.highest(b), Exists: uint32(len(b.messages)),
		ReadOnly: b.readOnly, Keywords: s.room(),
	}
}

// line is a message as FETCH gives it, metadata included or not.
func (s *Server) line(m *Message, whole bool) mail.ServerMessage {
	out := mail.ServerMessage{UID: m.UID, Flags: m.Flags, Content: mail.Content{Size: -1}}
	if s.profile.CondStore {
		out.ModSeq = m.ModSeq
	}
	if whole {
		out.Date = m.Date
		out.Content.Size = int64(len(m.Raw))
		out.Content.EmailID = s.emailID(m)
	}
	return out
}

// emailID names the content: equal bytes have equal names.
func (s *Server) emailID(m *Message) string {
	if !s.profile.ObjectID {
		return ""
	}
	h := read(m.Raw).Hash
	return fmt.Sprintf("M%x", h[:12])
}

// read tells what a message in wire form is.
func read(raw []byte) mail.Content {
	r := mail.NewContentReader()
	_, _ = r.Write(raw) // never fails
	return r.Content()
}

// Observe implements sync.Server.
func (s *Server) Observe(ctx context.Context, m mail.Mailbox, since mail.Since) (*mail.Observation, error) {
	fault, err := s.begin(ctx, "Observe", fmt.Sprintf("%s %+v", m, since))
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.selected(m, 0)
	if err != nil {
		return nil, err
	}
	o := s.state(b)
	if since.UIDValidity != b.validity {
		since = mail.Since{UIDNext: 1} // of another life
	}
	delta := s.profile.CondStore && since.ModSeq != 0
	old := uint32(0)
	for _, msg := range b.messages {
		isNew := msg.UID >= since.UIDNext
		if !isNew {
			old++
		}
		if isNew || !delta || msg.ModSeq > since.ModSeq {
			o.Messages = append(o.Messages, s.line(msg, isNew))
		}
	}
	switch {
	case !delta:
		o.Complete = true
	case s.profile.QResync:
		for _, v := range b.vanished {
			if v.modseq > since.ModSeq {
				o.Gone.Add(v.uid)
			}
		}
	case old != since.Messages:
		all := b.uids()
		o.Present = &all
	}
	return o, nil
}

// List implements sync.Server.
func (s *Server) List(ctx context.Context, m mail.Mailbox) (*mail.Observation, error) {
	fault, err := s.begin(ctx, "List", string(m))
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.selected(m, 0)
	if err != nil {
		return nil, err
	}
	o := s.state(b)
	all := b.uids()
	o.Present = &all
	return o, nil
}

// ListLarge implements sync.Server.
func (s *Server) ListLarge(ctx context.Context, m mail.Mailbox, octets int64) (*mail.Observation, mail.UIDSet, error) {
	var large mail.UIDSet
	o, err := s.List(ctx, m)
	if err != nil {
		return nil, large, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.mailboxes[m]; b != nil {
		for _, msg := range b.messages {
			if int64(len(msg.Raw)) > octets {
				large.Add(msg.UID)
			}
		}
	}
	return o, large, nil
}

// Create implements sync.Server. Parents that are missing become names without
// messages.
func (s *Server) Create(ctx context.Context, m mail.Mailbox) error {
	fault, err := s.begin(ctx, "Create", string(m))
	if err != nil {
		return err
	}
	if err := s.createAll(m); err != nil {
		return err
	}
	return s.end(fault, "Create")
}

func (s *Server) createAll(m mail.Mailbox) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m == "" || strings.HasPrefix(string(m), "/") || strings.HasSuffix(string(m), "/") || strings.Contains(string(m), "//") {
		return fmt.Errorf("create %q: not a name", m)
	}
	if b := s.mailboxes[m]; b != nil && !b.noSelect {
		return nil
	}
	for i, c := range m {
		if parent := m[:i]; c == '/' && s.mailboxes[parent] == nil {
			s.mailboxes[parent] = &serverMailbox{noSelect: true}
		}
	}
	s.create(m)
	return nil
}

// Rename implements sync.Server.
func (s *Server) Rename(ctx context.Context, from, to mail.Mailbox) error {
	fault, err := s.begin(ctx, "Rename", fmt.Sprintf("%s %s", from, to))
	if err != nil {
		return err
	}
	if err := s.rename(from, to); err != nil {
		return err
	}
	return s.end(fault, "Rename")
}

func (s *Server) rename(from, to mail.Mailbox) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case from == mail.Inbox || to == mail.Inbox:
		return fmt.Errorf("rename %s to %s: not the INBOX", from, to)
	case s.mailboxes[from] == nil && s.mailboxes[to] != nil:
		return nil
	case s.mailboxes[from] == nil:
		return fmt.Errorf("rename %s: %w", from, mail.ErrNoMailbox)
	case s.mailboxes[to] != nil:
		return fmt.Errorf("rename %s to %s: there is one", from, to)
	}
	called := map[mail.Mailbox]*serverMailbox{}
	for m, b := range s.mailboxes {
		if m.Under(from) {
			m = to + m[len(from):]
		}
		called[m] = b
	}
	s.mailboxes = called
	if s.profile.Renumber {
		for m, b := range s.mailboxes {
			if m.Under(to) && !b.noSelect {
				s.validity++
				b.validity = s.validity
			}
		}
	}
	return nil
}

// Delete implements sync.Server.
func (s *Server) Delete(ctx context.Context, m mail.Mailbox, v mail.UIDValidity) error {
	fault, err := s.begin(ctx, "Delete", string(m))
	if err != nil {
		return err
	}
	if err := s.remove(m, v); err != nil {
		return err
	}
	return s.end(fault, "Delete")
}

func (s *Server) remove(m mail.Mailbox, v mail.UIDValidity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.selected(m, v)
	switch {
	case err != nil:
		return err
	case m == mail.Inbox:
		return errors.New("delete INBOX: it always is")
	case len(b.messages) > 0:
		return fmt.Errorf("delete %s: %d messages: %w", m, len(b.messages), mail.ErrNotEmpty)
	}
	for other := range s.mailboxes {
		if other != m && other.Under(m) {
			s.mailboxes[m] = &serverMailbox{noSelect: true}
			return nil
		}
	}
	delete(s.mailboxes, m)
	return nil
}

// Close implements sync.Server.
func (s *Server) Close() error {
	_, err := s.enter("Close", "")
	return err
}
