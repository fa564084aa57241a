package imap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	gosync "sync"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

// listing is what LIST and its company answered.
type listing struct {
	mu         gosync.Mutex
	taken      int  // responses
	over       bool // what comes now was not asked for
	lines      []listed
	subscribed map[string]bool // raw names, where LSUB was asked
	status     map[string]*mail.Status
	id         map[string]string
}

// take collects the untagged responses of a listing.
func (l *listing) take(kind string, response []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over || l.taken > mostListed {
		return
	}
	l.taken++
	switch kind {
	case "LIST":
		if line, err := scanList(response); err == nil {
			l.lines = append(l.lines, line)
		}
	case "LSUB":
		if line, err := scanList(response); err == nil {
			l.subscribed[line.raw.name] = true
		}
	case "STATUS":
		if name, status, err := scanStatus(response); err == nil {
			l.status[name] = &status
		}
	case "ID":
		l.id = scanID(response)
	}
}

// identity returns what ID answered.
func (l *listing) identity() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

func (l *listing) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
}

// mostListed is how many responses to LIST, LSUB and STATUS are taken, all of
// which are held in memory.
const mostListed = 1_000_000

// tooLong tells that there were more.
func (l *listing) tooLong() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken > mostListed
}

func newListing() *listing {
	return &listing{subscribed: map[string]bool{}, status: map[string]*mail.Status{}}
}

// Mailboxes logs in, if nobody is, and lists the account's mailboxes, each
// wanted one with its status: in one turn after the login where the server has
// LIST-STATUS (RFC 5819), else in two.
func (a *Account) Mailboxes(ctx context.Context, wanted func(mail.Mailbox, mail.Role) bool) ([]mail.ServerMailbox, error) {
	a.listing.Lock()
	defer a.listing.Unlock()
	return a.mailboxes(ctx, wanted, true)
}

func (a *Account) mailboxes(ctx context.Context, wanted func(mail.Mailbox, mail.Role) bool, status bool) ([]mail.ServerMailbox, error) {
	var list []mail.ServerMailbox
	err := a.repeat(ctx, func() error {
		st, err := a.takeStage(ctx)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { st.control.link.socket.Close() })
		defer stop()
		found, inList, err := st.list(ctx, status)
		if err != nil {
			st.kill()
			a.pool.drop()
			return a.again(ctx, fmt.Errorf("listing the mailboxes: %w", a.secrets.wrap(err)))
		}
		if !stop() { // the context ended just now
			st.kill()
			a.pool.drop()
			return context.Cause(ctx)
		}
		s := a.newSession(st)
		defer a.pool.release(s)
		list, err = a.resolve(ctx, s, found, wanted, status && !inList, inList)
		return a.judge(ctx, s, err)
	})
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.wasListed = true
	a.mu.Unlock()
	return list, nil
}

// known makes sure that the names of the account's mailboxes are known.
func (a *Account) known(ctx context.Context) error {
	a.listing.Lock()
	defer a.listing.Unlock()
	a.mu.Lock()
	done := a.wasListed
	a.mu.Unlock()
	if done {
		return nil
	}
	_, err := a.mailboxes(ctx, func(mail.Mailbox, mail.Role) bool { return false }, false)
	return err
}

// takeStage returns a connection in the control plane.
func (a *Account) takeStage(ctx context.Context) (*stage, error) {
	a.mu.Lock()
	st := a.spare
	a.spare = nil
	a.mu.Unlock()
	if st != nil && st.control.failure() == nil {
		return st, nil
	}
	if st != nil {
		st.kill()
		a.pool.drop()
	}
	if err := a.pool.makeRoom(); err != nil {
		return nil, err
	}
	st, err := a.login(ctx)
	if err != nil {
		a.pool.drop()
		return nil, err
	}
	return st, nil
}

// list sends NAMESPACE, where it is announced, and LIST in one flight. inList
// tells that the status came with it.
func (st *stage) list(ctx context.Context, status bool) (found *listing, inList bool, err error) {
	extended := st.caps.Has(goimap.CapListExtended) || st.caps.Has(goimap.CapListStatus)
	inList = status && st.caps.Has(goimap.CapListStatus)
	found, err = st.listOnce(ctx, extended, inList)
	if _, no := refused(err); no && extended { // announced, and refused: the oldest form everybody knows
		found, err = st.listOnce(ctx, false, false)
		inList = false
	}
	return found, inList, err
}

func (st *stage) listOnce(ctx context.Context, extended, withStatus bool) (*listing, error) {
	found := newListing()
	c := st.control
	c.listen(found.take)
	defer found.end()

	var waits []func() error
	c.cork()
	if st.caps.Has(goimap.CapNamespace) {
		namespace := st.client.Namespace()
		waits = append(waits, func() error {
			data, err := namespace.Wait()
			if err != nil {
				return err
			}
			st.account.sawNamespace(data)
			return nil
		})
	}
	options := &goimap.ListOptions{}
	if extended {
		options.ReturnSubscribed = st.caps.Has(goimap.CapListExtended)
		options.ReturnSpecialUse = st.caps.Has(goimap.CapSpecialUse)
	}
	if withStatus {
		options.ReturnStatus = &goimap.StatusOptions{
			NumMessages: true, UIDNext: true, UIDValidity: true, HighestModSeq: st.caps.Has(goimap.CapCondStore),
		}
	}
	if withStatus && st.caps.Has(goimap.CapObjectID) { // imapclient has no word for MAILBOXID
		wait, err := st.send(ctx, listCommand(options)) // corked: it cannot fail here
		if err != nil {
			return nil, err
		}
		waits = append(waits, wait)
	} else {
		list := st.client.List("", "*", options)
		waits = append(waits, list.Close)
	}
	if !options.ReturnSubscribed {
		wait, err := st.send(ctx, `LSUB "" "*"`)
		if err != nil {
			return nil, err
		}
		waits = append(waits, func() error {
			if _, no := refused(wait()); no {
				return nil // IMAP4rev2 has none (RFC 9051, appendix E)
			}
			return nil
		})
	}
	if err := c.uncork(); err != nil {
		return nil, st.lost(ctx, "LIST", err)
	}
	var first error
	for _, wait := range waits {
		if err := wait(); err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		if _, no := refused(first); !no {
			first = st.lost(ctx, "LIST", first)
		}
		return nil, first
	}
	if found.tooLong() {
		return nil, fmt.Errorf("LIST: the server lists more than %d mailboxes", mostListed)
	}
	return found, nil
}

// listCommand writes the LIST with MAILBOXID among its STATUS items (RFC 8474,
// 4.3; RFC 5819, 2).
func listCommand(o *goimap.ListOptions) string {
	var options []string
	if o.ReturnSubscribed {
		options = append(options, "SUBSCRIBED")
	}
	if o.ReturnSpecialUse {
		options = append(options, "SPECIAL-USE")
	}
	items := "MESSAGES UIDNEXT UIDVALIDITY MAILBOXID"
	if o.ReturnStatus.HighestModSeq {
		items += " HIGHESTMODSEQ"
	}
	options = append(options, "STATUS ("+items+")")
	return `LIST "" "*" RETURN (` + strings.Join(options, " ") + ")"
}

// send sends a command that imapclient does not have, and returns what waits for
// its answer.
func (st *stage) send(ctx context.Context, command string) (wait func() error, err error) {
	answer, err := st.control.send(command)
	if err != nil {
		return nil, st.lost(ctx, command, err)
	}
	return func() error {
		a, ok := <-answer
		switch {
		case !ok:
			return errInterrupted
		case a.kind != "OK":
			return &goimap.Error{Type: goimap.StatusResponseType(a.kind), Code: goimap.ResponseCode(a.code), Text: a.text}
		}
		return nil
	}, nil
}

// sawNamespace keeps what NAMESPACE said.
func (a *Account) sawNamespace(data *goimap.NamespaceData) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(data.Personal) > 0 {
		a.info.Prefix = data.Personal[0].Prefix
		if d := data.Personal[0].Delim; d != 0 {
			a.info.Delimiter = string(d)
		}
	}
}

// resolve turns a listing into mailboxes, and with ask, asks for the status of the
// wanted ones; with told, of those of which LIST did not tell it, and should have.
func (a *Account) resolve(ctx context.Context, s *session, found *listing, wanted func(mail.Mailbox, mail.Role) bool, ask, told bool) ([]mail.ServerMailbox, error) {
	raws := make([]rawName, len(found.lines))
	for i, line := range found.lines {
		raws[i] = line.raw
	}
	a.mu.Lock()
	codec := nameCodec{prefix: a.info.Prefix, delim: a.info.Delimiter}
	a.mu.Unlock()
	_, rev1 := s.caps[goimap.CapIMAP4rev1]
	codec.literal, codec.eightBit = !rev1, !rev1
	names := a.names.learn(codec, raws)

	list := make([]mail.ServerMailbox, 0, len(found.lines))
	var asked []*wire.Command[mail.Status]
	at := map[int]int{} // of asked, in list
	for i, line := range found.lines {
		if names[i] == "" {
			continue
		}
		m := line.mailbox(names[i])
		m.Subscribed = m.Subscribed || found.subscribed[line.raw.name]
		m.EmailIDs = s.has("OBJECTID") || s.has("X-GM-EXT-1")
		m.Moves = s.has(goimap.CapMove)
		a.names.subscribe(m.Name, m.Subscribed)
		if !m.NoSelect && wanted(m.Name, m.Role) {
			m.Status = found.status[line.raw.name]
			if ask || told && m.Status == nil {
				at[len(asked)] = len(list)
				asked = append(asked, s.conn.Status(ctx, line.raw.name))
			}
		}
		list = append(list, m)
	}
	for i, command := range asked {
		status, err := command.Wait()
		switch _, no := refused(err); {
		case err == nil:
			list[at[i]].Status = &status
		case no && isNonexistent(err):
			// Dovecot lists a parent that was deleted as if it could be selected.
			list[at[i]].NoSelect = true
		case !no && !hasNoAnswer(err) && !isMalformed(err) && !errors.Is(err, wire.ErrArgument):
			return nil, fmt.Errorf("STATUS: %w", err)
		}
	}
	for _, m := range list {
		if m.Status != nil {
			a.sawValidity(m.Name, m.Status.UIDValidity)
		}
	}
	return list, nil
}

// mailbox reads a LIST line's attributes (RFC 9051, 7.3.1; RFC 6154).
func (l listed) mailbox(name mail.Mailbox) mail.ServerMailbox {
	m := mail.ServerMailbox{Name: name}
	for _, attribute := range l.attributes {
		switch strings.ToLower(attribute) {
		case `\noselect`, `\nonexistent`:
			m.NoSelect = true
		case `\subscribed`:
			m.Subscribed = true
		case `\all`:
			m.Role = mail.RoleAll
		case `\archive`:
			m.Role = mail.RoleArchive
		case `\drafts`:
			m.Role = mail.RoleDrafts
		case `\junk`:
			m.Role = mail.RoleJunk
		case `\sent`:
			m.Role = mail.RoleSent
		case `\trash`:
			m.Role = mail.RoleTrash
		case `\flagged`, `\important`:
			if m.Role == "" {
				m.Role = mail.Role(attribute)
			}
		}
	}
	return m
}
