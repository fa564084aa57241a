package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

// session is a connection in the data plane. Whoever acquired it from the pool
// has it alone; only what mu guards is shared, with the goroutine that reads.
type session struct {
	account  *Account
	conn     *wire.Conn
	link     *link
	caps     goimap.CapSet
	packed   bool // COMPRESS is on
	prepared bool
	enabling *wire.Command[[]goimap.Cap]
	noQRSync bool // QRESYNC was announced and not enabled
	progress bool // the call that has the session got something done
	asked    bool // it asked for a mailbox

	mailbox     mail.Mailbox // selected; empty: none
	uidValidity mail.UIDValidity
	readOnly    bool
	proved      mail.UIDSet // UIDs shown to be there, in this session
	provedAt    int         // expunges then

	mu       gosync.Mutex
	exists   uint32      // as EXISTS said since SELECT was sent
	told     bool        // it did
	fewer    uint32      // EXPUNGEs before the first EXISTS
	expunges int         // messages of which only the sequence number is known
	vanished mail.UIDSet // and those of which the UID is known
}

// newSession hands a connection over to the data plane.
func (a *Account) newSession(st *stage) *session {
	a.mu.Lock()
	a.worked = true
	a.info.Capabilities = capabilityNames(st.caps)
	a.mu.Unlock()
	s := &session{account: a, caps: st.caps}
	s.link = st.handOver()
	s.conn = wire.NewConn(s.link, wire.Options{
		Capabilities: st.caps, Timeout: a.options.Timeout, TempDir: a.options.TempDir, Handler: s.event,
	})
	return s
}

// capabilityNames returns the names in order.
func capabilityNames(caps goimap.CapSet) []string {
	names := make([]string, 0, len(caps))
	for name := range caps {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

func (s *session) has(c goimap.Cap) bool { return s.caps.Has(c) }

const capCompress goimap.Cap = "COMPRESS=DEFLATE" // RFC 4978

// prepare does what a connection needs before its first work, and a connection
// that only lists can do without: no turn, unless there is compression to agree
// on.
func (s *session) prepare(ctx context.Context) error {
	s.progress, s.asked = false, false
	if s.prepared {
		return nil
	}
	s.prepared = true
	if s.account.options.Compress && s.has(capCompress) {
		if err := s.conn.Compress(ctx); err == nil {
			s.packed = true
			s.link.tracer.stop()
		} else if _, no := refused(err); !no {
			return err
		}
	}
	if s.has(goimap.CapQResync) {
		// RFC 7162, 3.2.5: before SELECT may name it; the answer is looked at later.
		s.enabling = s.conn.Enable(ctx, goimap.CapQResync)
	}
	return nil
}

// qresync tells whether SELECT may have the parameter QRESYNC, as far as is
// known.
func (s *session) qresync() bool { return s.has(goimap.CapQResync) && !s.noQRSync }

// settle looks at the answer to ENABLE, which came before that to any SELECT.
func (s *session) settle() {
	if s.enabling == nil {
		return
	}
	names, err := s.enabling.Wait()
	s.noQRSync = err != nil || !slices.ContainsFunc(names, func(c goimap.Cap) bool {
		return strings.EqualFold(string(c), string(goimap.CapQResync))
	})
	s.enabling = nil
}

// event takes what the server tells without being asked. It runs in the reading
// goroutine.
func (s *session) event(e wire.Event) {
	switch e.Kind {
	case wire.EventAlert:
		s.account.notice(e.Text)
		return
	case wire.EventBye:
		s.account.notice(e.Text)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.Kind {
	case wire.EventExists:
		s.exists, s.told = e.Number, true
	case wire.EventExpunge:
		s.expunges++
		s.less(1)
	case wire.EventVanished:
		if !e.Earlier {
			s.vanished.AddSet(e.UIDs)
			s.less(uint32(e.UIDs.Len()))
		}
	}
}

func (s *session) less(n uint32) {
	if s.told {
		s.exists -= min(n, s.exists)
	} else {
		s.fewer += n
	}
}

// count returns how many messages the mailbox holds now, given how many SELECT
// said.
func (s *session) count(selected uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return s.exists
	}
	return selected - min(s.fewer, selected)
}

// expunged returns how many messages went whose UID the server did not say.
func (s *session) expunged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expunges
}

// leave forgets the selected mailbox: a SELECT is about to be sent, and until it
// is answered nothing is known.
func (s *session) leave() {
	s.mailbox, s.uidValidity, s.readOnly, s.proved = "", 0, false, mail.UIDSet{}
	s.mu.Lock()
	s.told, s.exists, s.fewer, s.vanished = false, 0, 0, mail.UIDSet{}
	s.mu.Unlock()
}

// errNoValidity: without UIDVALIDITY a UID names nothing that lasts (RFC 9051,
// 6.3.2), and without EXISTS nothing shows whether a listing is whole.
var errNoValidity = errors.New("the server opens the mailbox and gives no UIDVALIDITY, or no number of messages")

// enter records the mailbox that was selected.
func (s *session) enter(m mail.Mailbox, data *wire.SelectData) error {
	if data.UIDValidity == 0 || !data.ExistsGiven {
		return fmt.Errorf("selecting %q: %w", string(m), errNoValidity)
	}
	s.mailbox, s.uidValidity, s.readOnly = m, data.UIDValidity, data.ReadOnly
	s.account.sawValidity(m, data.UIDValidity)
	return nil
}

// prove records UIDs that were shown to be there.
func (s *session) prove(uids mail.UIDSet, at int) {
	if at != s.provedAt {
		s.proved = mail.UIDSet{}
	}
	s.proved.AddSet(uids)
	s.provedAt = at
}

// present returns those of the UIDs that are proved to be there still.
func (s *session) present(uids mail.UIDSet) mail.UIDSet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expunges != s.provedAt {
		return mail.UIDSet{} // one of them went, and nobody said which
	}
	return uids.Intersect(s.proved).Minus(s.vanished)
}

// selecting sends SELECT.
func (s *session) selecting(ctx context.Context, raw string, o wire.SelectOptions) *wire.Command[*wire.SelectData] {
	s.leave()
	s.asked = true
	o.CondStore = o.ModSeq == 0 && s.has(goimap.CapCondStore)
	return s.conn.Select(ctx, raw, o)
}

// selectError describes a failed SELECT.
func selectError(m mail.Mailbox, err error) error {
	err = fmt.Errorf("selecting %q: %w", string(m), err)
	if _, no := refused(err); !no {
		return err
	}
	if hasCode(err, "UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT") { // RFC 5530, 3: for now
		return err
	}
	return fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
}

// ensure selects the mailbox, unless it is, and returns those of the UIDs that
// are proved to be there. With another UIDVALIDITY than v it fails with
// [mail.ErrUIDValidity].
func (s *session) ensure(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) (mail.UIDSet, error) {
	if s.mailbox == m {
		if s.uidValidity != v {
			return mail.UIDSet{}, wrongValidity(m, s.uidValidity, v)
		}
		if uids.IsEmpty() {
			return uids, nil
		}
		there := s.present(uids)
		unsure := uids.Minus(there)
		s.mu.Lock()
		unsure = unsure.Minus(s.vanished)
		s.mu.Unlock()
		if unsure.IsEmpty() {
			return there, nil
		}
		return s.look(ctx, m, uids)
	}
	raw, err := s.account.names.raw(m)
	if err != nil {
		return mail.UIDSet{}, err
	}
	at := s.expunged()
	selected := s.selecting(ctx, raw, wire.SelectOptions{})
	var search *wire.Command[mail.UIDSet]
	if !uids.IsEmpty() {
		search = s.conn.Search(ctx, wire.SearchCriteria{UIDs: uids})
	}
	data, err := selected.Wait()
	s.settle()
	if err != nil {
		if search != nil {
			search.Wait()
		}
		return mail.UIDSet{}, selectError(m, err)
	}
	if err := s.enter(m, data); err != nil {
		if search != nil {
			search.Wait()
		}
		return mail.UIDSet{}, err
	}
	if data.UIDValidity != v {
		if search != nil {
			search.Wait()
		}
		return mail.UIDSet{}, wrongValidity(m, data.UIDValidity, v)
	}
	if search == nil {
		return mail.UIDSet{}, nil
	}
	found, err := search.Wait()
	if err != nil {
		if s.conn.Err() != nil {
			return mail.UIDSet{}, fmt.Errorf("searching %q: %w", string(m), err)
		}
		return s.look(ctx, m, uids)
	}
	s.prove(found.Intersect(uids), at)
	return s.present(uids), nil
}

// look finds out which of the UIDs are there. A server that refuses a search
// for UIDs, one of which it does not have, is asked for all.
func (s *session) look(ctx context.Context, m mail.Mailbox, uids mail.UIDSet) (mail.UIDSet, error) {
	// RFC 9051, 6.1.2: NOOP makes the server look for what other sessions did; a
	// message that one of ours saw may not be told to this one yet. It is waited
	// for, since Dovecot searches before it has looked when both are pipelined.
	if _, err := s.conn.Noop(ctx).Wait(); err != nil {
		return mail.UIDSet{}, fmt.Errorf("searching %q: %w", string(m), err)
	}
	for range listings {
		at := s.expunged()
		found, err := s.conn.Search(ctx, wire.SearchCriteria{UIDs: uids}).Wait()
		if _, no := refused(err); no || hasNoAnswer(err) {
			found, err = s.conn.Search(ctx, wire.SearchCriteria{}).Wait()
		}
		if err != nil {
			return mail.UIDSet{}, fmt.Errorf("searching %q: %w", string(m), err)
		}
		s.prove(found.Intersect(uids), at)
		if s.expunged() == at {
			return s.present(uids), nil
		}
	}
	return mail.UIDSet{}, fmt.Errorf("searching %q: messages are being removed faster than they can be listed", string(m))
}

func wrongValidity(m mail.Mailbox, is, was mail.UIDValidity) error {
	return fmt.Errorf("%q: %w: it is %d, and was %d", string(m), mail.ErrUIDValidity, is, was)
}

// end says LOGOUT and closes, without waiting for the answer.
func (s *session) end() {
	if !s.packed && s.conn.Err() == nil {
		s.link.goodbye()
	}
	s.conn.Close()
}
