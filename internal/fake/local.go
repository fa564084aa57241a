package fake

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	gosync "sync"

	"godwit/mail"
)

// Local is a Maildir in memory. Make one with [NewLocal].
type Local struct {
	Script
	account string

	mu        gosync.Mutex
	exists    bool   // the root
	marker    string // the account that the marker names; empty: no marker
	mailboxes map[mail.Mailbox]*localMailbox
	disk      disk
	clock     int64 // ns; moves with each change
	inodes    uint64
	keys      int
	life      int // of the process; a crash begins another
	unsettled map[mail.Mailbox]*unsettled
}

type localMailbox struct {
	cur, new mail.DirStamp
	table    mail.KeywordTable
}

// unsettled is what scans of a mailbox shall suffer.
type unsettled struct {
	times  int
	missed []mail.Key
}

// NewLocal makes a Maildir that does not exist yet, for an account.
func NewLocal(account string) *Local {
	return &Local{
		account: account, mailboxes: map[mail.Mailbox]*localMailbox{}, disk: newDisk(),
		clock: 1_700_000_000_000_000_000, unsettled: map[mail.Mailbox]*unsettled{},
	}
}

func (l *Local) tick() int64 {
	l.clock++
	return l.clock
}

func (l *Local) inode() uint64 {
	l.inodes++
	return l.inodes
}

func (l *Local) newFile(raw []byte, date mail.UnixTime) *file {
	if date == 0 {
		date = mail.UnixTime(l.tick() / 1_000_000_000)
	}
	return &file{inode: l.inode(), raw: bytes.Clone(raw), date: date, life: l.life}
}

// box returns a mailbox; the caller holds the lock.
func (l *Local) box(m mail.Mailbox) (*localMailbox, error) {
	b := l.mailboxes[m]
	if b == nil {
		return nil, fmt.Errorf("open %s: %w", m, mail.ErrNoMailbox)
	}
	return b, nil
}

func (l *Local) make(m mail.Mailbox) {
	if l.mailboxes[m] != nil {
		return
	}
	l.exists = true
	l.mailboxes[m] = &localMailbox{
		cur: mail.DirStamp{Inode: l.inode(), MTime: l.tick(), CTime: l.clock},
		new: mail.DirStamp{Inode: l.inode(), MTime: l.tick(), CTime: l.clock},
	}
}

// touched moves the stamps of the directories of an operation.
func (l *Local) touched(at *place) {
	if at == nil {
		return
	}
	b := l.mailboxes[at.mailbox]
	if b == nil {
		return
	}
	switch at.sub {
	case "cur":
		b.cur.MTime = l.tick()
		b.cur.CTime = l.clock
	case "new":
		b.new.MTime = l.tick()
		b.new.CTime = l.clock
	}
}

func (l *Local) do(o operation) {
	l.disk.do(o)
	l.touched(o.remove)
	l.touched(o.add)
}

// flush makes what was done in mailboxes durable.
func (l *Local) flush(mailboxes ...mail.Mailbox) {
	l.disk.flush(func(d directory) bool { return slices.Contains(mailboxes, d.mailbox) })
}

func at(m mail.Mailbox, sub string, k mail.Key) place {
	return place{directory: directory{mailbox: m, sub: sub}, key: k}
}

// find looks a message up by its key.
func (l *Local) find(m mail.Mailbox, k mail.Key) (place, entry, error) {
	if _, err := l.box(m); err != nil {
		return place{}, entry{}, err
	}
	for _, sub := range []string{"new", "cur"} {
		if e, ok := l.disk.now[at(m, sub, k)]; ok {
			return at(m, sub, k), e, nil
		}
	}
	return place{}, entry{}, fmt.Errorf("find %s %q: %w", m, string(k), mail.ErrGone)
}

// message is what a scan sees.
func (e entry) message(p place) mail.LocalMessage {
	return mail.LocalMessage{Key: p.key, System: e.system, Letters: e.letters, Inode: e.inode, New: p.sub == "new"}
}

// begin starts a call of the interface: the log, the fault, and before effects
// the hook.
func (l *Local) begin(ctx context.Context, method, detail string, effects bool) (*Fault, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fault, err := l.enter(method, detail)
	if err == nil && effects {
		err = l.step("Local." + method)
	}
	return fault, err
}

// end finishes a call that took effect.
func (l *Local) end(fault *Fault, method string) error {
	return errors.Join(fault.error(), l.step("Local."+method+" done"))
}

// look starts a call that changes nothing; the caller unlocks.
func (l *Local) look(ctx context.Context, method, detail string) error {
	fault, err := l.begin(ctx, method, detail, false)
	if err == nil {
		err = l.step("Local." + method) // somebody else may act just before
	}
	l.mu.Lock()
	return errors.Join(err, fault.error())
}

// Root implements sync.Local.
func (l *Local) Root(ctx context.Context) (mail.RootState, error) {
	err := l.look(ctx, "Root", "")
	defer l.mu.Unlock()
	if err != nil {
		return mail.RootState{}, err
	}
	return mail.RootState{Exists: l.exists, Empty: len(l.mailboxes) == 0, Marker: l.marker != "", Account: l.marker}, nil
}

// Init implements sync.Local.
func (l *Local) Init(ctx context.Context) error {
	fault, err := l.begin(ctx, "Init", "", true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.exists, l.marker = true, l.account
	l.mu.Unlock()
	return l.end(fault, "Init")
}

// Mailboxes implements sync.Local.
func (l *Local) Mailboxes(ctx context.Context) ([]mail.LocalMailbox, error) {
	err := l.look(ctx, "Mailboxes", "")
	defer l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var all []mail.LocalMailbox
	for name, b := range l.mailboxes {
		all = append(all, mail.LocalMailbox{Name: name, Stamp: b.stamp(), Letters: b.table.String()})
	}
	slices.SortFunc(all, func(a, b mail.LocalMailbox) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// stamp is never racy: the clock moves with each change.
func (b *localMailbox) stamp() mail.Stamp { return mail.Stamp{Cur: b.cur, New: b.new} }

// Stamp implements sync.Local.
func (l *Local) Stamp(ctx context.Context, m mail.Mailbox) (mail.Stamp, error) {
	err := l.look(ctx, "Stamp", string(m))
	defer l.mu.Unlock()
	if err != nil {
		return mail.Stamp{}, err
	}
	b, err := l.box(m)
	if err != nil {
		return mail.Stamp{}, err
	}
	return b.stamp(), nil
}

// Create implements sync.Local.
func (l *Local) Create(ctx context.Context, m mail.Mailbox) error {
	fault, err := l.begin(ctx, "Create", string(m), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.make(m)
	l.mu.Unlock()
	return l.end(fault, "Create")
}

// Anchor implements sync.Local. Mailboxes in memory are durable when they are made.
func (l *Local) Anchor(ctx context.Context, m mail.Mailbox) error {
	fault, err := l.begin(ctx, "Anchor", string(m), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	_, err = l.box(m)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.end(fault, "Anchor")
}

// RenameMailbox implements sync.Local.
func (l *Local) RenameMailbox(ctx context.Context, from, to mail.Mailbox) error {
	fault, err := l.begin(ctx, "RenameMailbox", fmt.Sprintf("%s %s", from, to), true)
	if err != nil {
		return err
	}
	if err := l.renameMailbox(from, to); err != nil {
		return err
	}
	return l.end(fault, "RenameMailbox")
}

func (l *Local) renameMailbox(from, to mail.Mailbox) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.box(from); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	if from == mail.Inbox || to == mail.Inbox {
		return errors.New("rename of INBOX")
	}
	called := map[mail.Mailbox]mail.Mailbox{}
	for m := range l.mailboxes {
		if m.Under(from) {
			called[m] = to + m[len(from):]
			if _, taken := l.mailboxes[called[m]]; taken && !called[m].Under(from) {
				return fmt.Errorf("rename %s to %s: %w", m, called[m], fs.ErrExist)
			}
		}
	}
	mailboxes := map[mail.Mailbox]*localMailbox{}
	for m, b := range l.mailboxes {
		if n, renamed := called[m]; renamed {
			m = n
		}
		mailboxes[m] = b
	}
	l.mailboxes = mailboxes
	l.disk.rename(called)
	return nil
}

// DeleteMailbox implements sync.Local.
func (l *Local) DeleteMailbox(ctx context.Context, m mail.Mailbox) error {
	fault, err := l.begin(ctx, "DeleteMailbox", string(m), true)
	if err != nil {
		return err
	}
	if err := l.removeEmpty(m); err != nil {
		return err
	}
	return l.end(fault, "DeleteMailbox")
}

func (l *Local) removeEmpty(m mail.Mailbox) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.box(m); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	for p := range l.disk.now {
		if p.mailbox == m && p.sub != "trash" {
			return fmt.Errorf("delete %s: %s/%s: %w", m, p.sub, p.key, mail.ErrNotEmpty)
		}
	}
	l.settle()
	delete(l.mailboxes, m)
	return nil
}

// Scan implements sync.Local.
func (l *Local) Scan(ctx context.Context, m mail.Mailbox) (*mail.Listing, error) {
	err := l.look(ctx, "Scan", string(m))
	defer l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	b, err := l.box(m)
	if err != nil {
		return nil, err
	}
	listing := &mail.Listing{Stamp: b.stamp(), Settled: true, Table: slices.Clone(b.table)}
	var missed []mail.Key
	if u := l.unsettled[m]; u != nil {
		listing.Settled, missed = false, u.missed
		if u.times--; u.times == 0 {
			delete(l.unsettled, m)
		}
	}
	for p, e := range l.disk.now {
		if p.mailbox == m && (p.sub == "new" || p.sub == "cur") && !slices.Contains(missed, p.key) {
			listing.Add(e.message(p))
		}
	}
	listing.Sort()
	return listing, nil
}

// RestoreLetters implements sync.Local.
func (l *Local) RestoreLetters(ctx context.Context, m mail.Mailbox, was mail.KeywordTable) error {
	err := l.look(ctx, "RestoreLetters", string(m))
	defer l.mu.Unlock()
	if err != nil {
		return err
	}
	b, err := l.box(m)
	if err != nil {
		return err
	}
	for i, name := range b.table.Lost(was) {
		if name == "" || !l.bears(m, 'a'+byte(i)) {
			continue
		}
		for len(b.table) <= i {
			b.table = append(b.table, "")
		}
		b.table[i] = name
	}
	return nil
}

// Room implements sync.Local.
func (l *Local) Room(ctx context.Context, m mail.Mailbox) (mail.KeywordRoom, error) {
	err := l.look(ctx, "Room", string(m))
	defer l.mu.Unlock()
	if err != nil {
		return mail.KeywordRoom{}, err
	}
	b, err := l.box(m)
	if err != nil {
		return mail.KeywordRoom{}, err
	}
	return mail.KeywordRoom{Open: len(b.table) < mail.MaxLetters, Known: b.table.Decode("abcdefghijklmnopqrstuvwxyz")}, nil
}

// Locate implements sync.Local.
func (l *Local) Locate(ctx context.Context, keys []mail.Key) (map[mail.Key]mail.Located, error) {
	err := l.look(ctx, "Locate", fmt.Sprintf("%q", keys))
	defer l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	found := map[mail.Key]mail.Located{}
	for _, k := range keys {
		for _, m := range slices.Sorted(maps.Keys(l.mailboxes)) {
			if p, e, err := l.find(m, k); err == nil {
				found[k] = mail.Located{Mailbox: m, Message: e.message(p)}
				break
			}
		}
	}
	return found, nil
}

// Read implements sync.Local.
func (l *Local) Read(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.LocalContent, error) {
	err := l.look(ctx, "Read", fmt.Sprintf("%s %q", m, string(k)))
	defer l.mu.Unlock()
	if err != nil {
		return mail.LocalContent{}, err
	}
	_, e, err := l.find(m, k)
	if err != nil {
		return mail.LocalContent{}, err
	}
	return mail.LocalContent{Content: read(e.raw), Date: e.date, Inode: e.inode}, nil
}

// Open implements sync.Local.
func (l *Local) Open(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.Body, int64, error) {
	err := l.look(ctx, "Open", fmt.Sprintf("%s %q", m, string(k)))
	defer l.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	_, e, err := l.find(m, k)
	if err != nil {
		return nil, 0, err
	}
	return io.NopCloser(bytes.NewReader(e.raw)), int64(len(e.raw)), nil
}

// NewKey implements sync.Local.
func (l *Local) NewKey() mail.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys++
	return mail.Key(fmt.Sprintf("17000%05d.M0P%dQ%d.fake", l.keys, l.life+1, l.keys))
}

// Tally implements sync.Local.
func (l *Local) Tally(ctx context.Context, m mail.Mailbox) (mail.Tally, error) {
	listing, err := l.Scan(ctx, m)
	if err != nil {
		return mail.Tally{}, err
	}
	return listing.Tally(), nil
}
