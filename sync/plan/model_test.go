package plan_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// world is a model of an account: a server, a Maildir, and the base of one
// engine, small and in memory. It observes itself as the engine does, and
// carries out plans as the engine does, one operation after the other.
type world struct {
	boxes  []*mbox
	rows   []mail.Row
	lastID int64
	serial int // for keys and inodes
}

type mbox struct {
	name        mail.Mailbox
	role        mail.Role
	onServer    bool
	onLocal     bool
	baseServer  bool
	baseLocal   bool
	readOnly    bool
	reset       bool // the next observation finds another UIDVALIDITY
	trash       mail.Mailbox
	policy      conflict.Policy
	window      mail.Window
	uidNext     mail.UID
	msgs        []smsg
	files       []lfile
	table       mail.KeywordTable
	localOpen   bool
	serverOpen  bool
	serverKnown mail.Keywords
}

type smsg struct {
	uid   mail.UID
	flags mail.Flags
	c     int
}

// dateOf is content c's INTERNALDATE: a function of it, since a copy keeps both.
func dateOf(c int) mail.UnixTime { return mail.UnixTime(1000 + c%7) }

type lfile struct {
	key     mail.Key
	system  mail.System
	letters string
	c       int
	inode   uint64
	part    bool // it holds only part of its message
}

// contentOf describes content number c. Contents come in pairs. Of the pairs
// every third is weak, and every third is of drafts: their halves have the same
// header and size. Sizes are few, so that they often agree by chance.
func contentOf(c int) mail.Content {
	out := mail.Content{Size: int64(100 + c/2%3)}
	out.Hash[0], out.Hash[1], out.Hash[31] = byte(c), byte(c>>8), 1
	out.Head[0], out.Head[1], out.Head[15] = byte(c), byte(c>>8), 1
	switch c / 2 % 3 {
	case 0:
		out.Weak = true
		out.Head[0], out.Head[1] = byte(c/2), byte(c/2>>8)
		out.Head[14] = 1
	case 1:
		out.Head[0], out.Head[1] = byte(c/2), byte(c/2>>8)
		out.Head[14] = 2
	}
	return out
}

// partOf describes a file that holds content number c only in part: its header, and no
// body that anybody could compare.
func partOf(c int) mail.Content {
	out := contentOf(c)
	out.Partial, out.Size = out.Size, 40
	out.Hash[30] = 9
	return out
}

// canBePart tells that a content is one of those of which a part may be here: drafts
// and those with a weak header are fetched whole.
func canBePart(c int) bool { return c/2%3 == 2 }

// isDraft tells that every message of that content carries \Draft, always.
func isDraft(c int) bool { return c/2%3 == 1 }

func (w *world) clone() *world {
	out := &world{rows: slices.Clone(w.rows), lastID: w.lastID, serial: w.serial}
	for _, b := range w.boxes {
		c := *b
		c.msgs, c.files, c.table = slices.Clone(b.msgs), slices.Clone(b.files), slices.Clone(b.table)
		out.boxes = append(out.boxes, &c)
	}
	return out
}

func (w *world) box(m mail.Mailbox) *mbox {
	for _, b := range w.boxes {
		if b.name == m {
			return b
		}
	}
	return nil
}

func (w *world) newKey() mail.Key {
	w.serial++
	return mail.Key("k" + strconv.Itoa(w.serial))
}

func (w *world) newInode() uint64 {
	w.serial++
	return uint64(w.serial)
}

func (b *mbox) msg(u mail.UID) *smsg {
	for i := range b.msgs {
		if b.msgs[i].uid == u {
			return &b.msgs[i]
		}
	}
	return nil
}

func (b *mbox) file(k mail.Key) *lfile {
	for i := range b.files {
		if b.files[i].key == k {
			return &b.files[i]
		}
	}
	return nil
}

func (b *mbox) dropMsg(u mail.UID) {
	b.msgs = slices.DeleteFunc(b.msgs, func(m smsg) bool { return m.uid == u })
}

func (b *mbox) dropFile(k mail.Key) {
	b.files = slices.DeleteFunc(b.files, func(f lfile) bool { return f.key == k })
}

func (b *mbox) appendMsg(c int, flags mail.Flags) mail.UID {
	b.uidNext++
	b.msgs = append(b.msgs, smsg{b.uidNext, flags, c})
	return b.uidNext
}

func (b *mbox) localRoom() mail.KeywordRoom {
	return mail.KeywordRoom{Open: b.localOpen, Known: mail.NewKeywords(b.table...)}
}

func (b *mbox) serverRoom() mail.KeywordRoom {
	return mail.KeywordRoom{Open: b.serverOpen, Known: b.serverKnown}
}

// encode writes flags as a file's name can hold them, making letters.
func (b *mbox) encode(f *lfile, flags mail.Flags) {
	f.system = flags.System
	var letters []string
	for _, l := range f.letters { // what means nothing here is kept
		if i := int(l - 'a'); i >= len(b.table) || b.table[i] == "" {
			letters = append(letters, string(l))
		}
	}
	for _, k := range flags.Keywords.List() {
		l, ok := b.table.Letter(k)
		if !ok && b.localOpen {
			for b.bears(byte('a' + len(b.table))) {
				b.table = append(b.table, "")
			}
			b.table = append(b.table, k)
			l, ok = b.table.Letter(k)
		}
		if ok {
			letters = append(letters, string(l))
		}
	}
	slices.Sort(letters)
	f.letters = strings.Join(letters, "")
}

// bears tells that a file came with a letter that means nothing here: it is
// not given a meaning.
func (b *mbox) bears(letter byte) bool {
	return slices.ContainsFunc(b.files, func(f lfile) bool { return strings.IndexByte(f.letters, letter) >= 0 })
}

func (b *mbox) decode(f *lfile) mail.Flags {
	return mail.Flags{System: f.system, Keywords: b.table.Decode(f.letters)}
}

func (f *lfile) observed() *mail.LocalMessage {
	return &mail.LocalMessage{Key: f.key, System: f.system, Letters: f.letters, Inode: f.inode}
}

func (f *lfile) content() mail.LocalContent {
	c := contentOf(f.c)
	if f.part {
		c = partOf(f.c)
	}
	return mail.LocalContent{Content: c, Inode: f.inode}
}

func (m *smsg) observed() *mail.ServerMessage {
	return &mail.ServerMessage{UID: m.uid, Flags: m.flags, Date: dateOf(m.c), Content: mail.Content{Size: contentOf(m.c).Size}}
}

// observe is what the engine would find: everything that differs from base.
// unknown says which rows' sides could not be observed.
func (w *world) observe(unknown func(r mail.Row, local bool) bool) plan.Input {
	in := plan.Input{Mailboxes: make([]plan.Mailbox, 0, len(w.boxes))}
	hashes := map[mail.Hash]bool{}
	for _, b := range w.boxes {
		m := plan.Mailbox{
			Name: b.name, Role: b.role, BaseServer: b.baseServer, BaseLocal: b.baseLocal, ReadOnly: b.readOnly,
			Reset: b.reset, Policy: b.policy, Window: b.window, Trash: b.trash, Table: b.table,
			LocalRoom: b.localRoom(), ServerRoom: b.serverRoom(),
		}
		if b.onServer {
			m.Server = plan.There
		}
		if b.onLocal {
			m.Local = plan.There
		}
		uids, keys := map[mail.UID]bool{}, map[mail.Key]bool{}
		for _, r := range w.rows {
			if r.Mailbox == b.name && r.Key != "" {
				keys[r.Key] = true
			}
		}
		for _, r := range w.rows {
			if r.Mailbox != b.name {
				continue
			}
			if r.UID != 0 {
				m.Rows.Server++
				in.Total.Server++
			}
			if r.Window == mail.Outside {
				m.Rows.Outside++
				in.Total.Outside++
			}
			if r.Key != "" {
				m.Rows.Local++
				in.Total.Local++
			}
			if !b.reset {
				uids[r.UID] = true
			}
			it, differs := b.observeRow(r, unknown)
			whole := !b.onServer || !b.onLocal || !b.baseServer || !b.baseLocal || b.windowMoves(r)
			if m := b.msg(r.UID); m != nil && !b.reset && w.mayBePutBack(b, r, keys) {
				it, differs = plan.Item{ServerState: conflict.Here, Server: m.observed()}, true
			}
			if differs || whole || r.UID == 0 && len(b.msgs) > 0 || r.Key == "" && len(b.files) > 0 {
				m.Items = append(m.Items, it)
			}
		}
		for i := range b.files {
			if f := &b.files[i]; !keys[f.key] {
				m.Items = append(m.Items, plan.Item{LocalState: conflict.Here, Local: f.observed(), LocalContent: f.content()})
				hashes[f.content().Hash] = true
			}
		}
		for i := range b.msgs {
			if s := &b.msgs[i]; !uids[s.uid] {
				m.Items = append(m.Items, plan.Item{ServerState: conflict.Here, Server: s.observed()})
			}
		}
		in.Mailboxes = append(in.Mailboxes, m)
	}
	for _, r := range w.rows {
		if hashes[r.Content.Hash] {
			in.Copies = append(in.Copies, r)
		}
	}
	return in
}

// windowMoves tells that the window has a row's message now and had not, or has it no
// more.
func (b *mbox) windowMoves(r mail.Row) bool {
	has := b.window.Has(r.UID, r.Date, r.Flags)
	return r.Window == mail.Outside && has || r.Window == mail.InWindow && r.Key != "" && r.UID != 0 && !has
}

// mayBePutBack tells of a message outside, which was never here, that a new file may
// be the same one.
func (w *world) mayBePutBack(b *mbox, r mail.Row, known map[mail.Key]bool) bool {
	return r.Window == mail.Outside && r.Content.Hash.IsZero() && slices.ContainsFunc(b.files, func(f lfile) bool {
		return !known[f.key] && f.content().Compare(r.Content) != mail.Different && !slices.ContainsFunc(w.rows, func(o mail.Row) bool {
			return o.Content.Hash == f.content().Hash // it is a copy of that one, or that one
		})
	})
}

func (b *mbox) observeRow(r mail.Row, unknown func(mail.Row, bool) bool) (plan.Item, bool) {
	it := plan.Item{Base: &r, LocalState: conflict.Never, ServerState: conflict.Never}
	differs := b.reset
	if r.Key != "" {
		it.LocalState = conflict.Same
		switch f := b.file(r.Key); {
		case unknown != nil && unknown(r, true):
			it.LocalState, differs = conflict.Unknown, true
		case f == nil:
			it.LocalState, differs = conflict.Gone, true
		case f.inode != r.Inode:
			it.LocalState, differs = conflict.Edited, true
			it.Local, it.LocalContent = f.observed(), f.content()
		case !b.sameFlags(r.Flags, b.decode(f)):
			it.LocalState, differs = conflict.Here, true
			it.Local = f.observed()
		case r.Inode%2 == 0: // the engine may list what it saw unchanged, too
			it.LocalState, it.Local = conflict.Here, f.observed()
		}
	}
	if r.UID != 0 && !b.reset {
		it.ServerState = conflict.Same
		switch s := b.msg(r.UID); {
		case unknown != nil && unknown(r, false):
			it.ServerState, differs = conflict.Unknown, true
		case s == nil:
			it.ServerState, differs = conflict.Gone, true
		case !s.flags.Equal(r.Flags):
			it.ServerState, differs = conflict.Here, true
			it.Server = s.observed()
		}
	}
	if b.policy.ExpungeFlagged && r.Flags.System&mail.Deleted != 0 {
		differs = true // to be expunged, if a run before could not
	}
	// An item in which nothing differs must do no harm either.
	return it, differs || r.ID%5 == 0
}

// sameFlags is how the engine sees that nothing changed: keywords without a
// letter cannot show.
func (b *mbox) sameFlags(base, file mail.Flags) bool {
	base.Keywords = base.Keywords.Minus(base.Keywords.Minus(mail.NewKeywords(b.table...)))
	return base.Equal(file)
}

// identify reads what the planner needs, and fails when it asks for something
// twice, or for what does not exist.
func (w *world) identify(in *plan.Input) (read int, err error) {
	for {
		needs := plan.Needs(*in)
		if needs.IsEmpty() {
			return read, nil
		}
		before := read
		for i := range in.Mailboxes {
			m := &in.Mailboxes[i]
			for j := range m.Items {
				s := m.Items[j].Server
				if s == nil {
					continue
				}
				full := contentOf(w.box(m.Name).msg(s.UID).c)
				switch {
				case needs.Hashes[m.Name].Contains(s.UID):
					if s.Content == full {
						return read, fmt.Errorf("%s UID %d is asked for again: %v", m.Name, s.UID, needs)
					}
					s.Content = full
					read++
				case needs.Heads[m.Name].Contains(s.UID):
					full.Hash = mail.Hash{}
					if s.Content == full {
						return read, fmt.Errorf("the header of %s UID %d is asked for again: %v", m.Name, s.UID, needs)
					}
					s.Content = full
					read++
				}
			}
		}
		if read == before {
			return read, fmt.Errorf("what does not exist is asked for: %v", needs)
		}
	}
}

// putRow stores a row as base does.
func (w *world) putRow(r mail.Row) {
	if r.ID == 0 {
		w.lastID++
		r.ID = w.lastID
	}
	if h := r.Content.Hash; !h.IsZero() {
		r.Date = dateOf(int(h[0]) | int(h[1])<<8)
	}
	w.rows = slices.DeleteFunc(w.rows, func(o mail.Row) bool {
		return o.ID == r.ID || o.Mailbox == r.Mailbox && (r.UID != 0 && o.UID == r.UID || r.Key != "" && o.Key == r.Key)
	})
	w.rows = append(w.rows, r)
}

func (w *world) dropRow(id int64) {
	w.rows = slices.DeleteFunc(w.rows, func(o mail.Row) bool { return o.ID == id })
}

// store changes flags on the server, which refuses what it cannot hold.
func (b *mbox) store(m *smsg, d mail.FlagDelta) error {
	for _, f := range [...]mail.Flags{d.Add, d.Remove} {
		if !b.serverRoom().Missing(f).IsZero() || f.System&mail.Forwarded != 0 && !b.serverRoom().Holds("$Forwarded") {
			return fmt.Errorf("BAD: %s cannot hold %v", b.name, f)
		}
	}
	m.flags = d.Apply(m.flags)
	return nil
}

func (b *mbox) mark(f *lfile, d mail.FlagDelta) { b.encode(f, d.Apply(b.decode(f))) }

// apply carries out the first n operations of a plan. recorded says whether
// base learns of the last of them.
func (w *world) apply(p plan.Plan, n int, recorded bool) error {
	// A row that needs changes on both sides stands when both are done.
	halves := map[mail.Row]int{}
	for _, op := range p.Operations {
		switch op := op.(type) {
		case plan.StoreServer:
			halves[op.Row]++
		case plan.FlagLocal:
			halves[op.Row]++
		}
	}
	for i, op := range p.Operations[:n] {
		if err := w.do(op, recorded || i < n-1, halves); err != nil {
			return fmt.Errorf("operation %d, %T %+v: %w", i, op, op, err)
		}
	}
	return nil
}

func (w *world) do(op plan.Operation, record bool, halves map[mail.Row]int) error {
	b := w.box(op.In())
	put := func(r mail.Row) {
		if record {
			w.putRow(r)
		}
	}
	if op.Why() == conflict.NoReason {
		return fmt.Errorf("without a reason")
	}
	switch op := op.(type) {
	case plan.Renumber:
		for _, r := range slices.Clone(w.rows) {
			if r.Mailbox == b.name && r.UID != 0 && r.Key != "" {
				r.UID = 0
				put(r)
			}
		}
	case plan.CreateServer:
		if b.onServer {
			return fmt.Errorf("is there")
		}
		b.onServer = true
	case plan.CreateLocal:
		if b.onLocal {
			return fmt.Errorf("is there")
		}
		b.onLocal = true
	case plan.FetchAll:
		for i := range b.msgs {
			if err := w.fetch(b, &b.msgs[i], b.msgs[i].flags, nil, put); err != nil {
				return err
			}
		}
	case plan.Fetch:
		m := b.msg(op.Message.UID)
		if m == nil || !b.onServer {
			return fmt.Errorf("no such message")
		}
		if err := b.store(m, op.Store); err != nil {
			return err
		}
		return w.fetch(b, m, op.Flags, op.Row, put)
	case plan.Upload:
		return w.upload(b, op, record)
	case plan.CopyServer:
		from := w.box(op.Source.Mailbox)
		m, f := from.msg(op.Source.UID), b.file(op.Local.Key)
		if m == nil || f == nil || m.c != f.c || !b.onServer {
			return fmt.Errorf("nothing to copy, or something else")
		}
		u := b.appendMsg(m.c, b.holdable(m.flags))
		if err := b.store(b.msg(u), op.Store); err != nil {
			return err
		}
		b.mark(f, op.Mark)
		put(mail.Row{Mailbox: b.name, UID: u, Key: f.key, Flags: op.Flags, Content: f.content().Content, Inode: f.inode})
	case plan.MoveServer:
		from := w.box(op.Row.Mailbox)
		m, f := from.msg(op.Row.UID), b.file(op.Local.Key)
		if m == nil || f == nil || m.c != f.c || from == b || !b.onServer {
			return fmt.Errorf("nothing to move, or something else")
		}
		moved := *m
		from.dropMsg(m.uid)
		u := b.appendMsg(moved.c, b.holdable(moved.flags))
		if err := b.store(b.msg(u), op.Store); err != nil {
			return err
		}
		b.mark(f, op.Mark)
		put(mail.Row{ID: op.Row.ID, Mailbox: b.name, UID: u, Key: f.key, Flags: op.Flags, Content: f.content().Content, Inode: f.inode})
	case plan.MoveLocal:
		return w.moveLocal(b, op, put)
	case plan.StoreServer:
		m := b.msg(op.Row.UID)
		if m == nil || op.Delta.IsZero() {
			return fmt.Errorf("nothing to do")
		}
		if err := b.store(m, op.Delta); err != nil {
			return err
		}
		if halves[op.Row]--; halves[op.Row] == 0 {
			put(op.Row)
		}
	case plan.FlagLocal:
		f := b.file(op.Row.Key)
		if f == nil || op.Delta.IsZero() {
			return fmt.Errorf("nothing to do")
		}
		b.mark(f, op.Delta)
		if halves[op.Row]--; halves[op.Row] == 0 {
			put(op.Row)
		}
	case plan.Record:
		put(op.Row)
	case plan.Forget:
		if record {
			w.dropRow(op.Row.ID)
		}
	case plan.RemoveServer:
		m := b.msg(op.Row.UID)
		if m == nil {
			return fmt.Errorf("no such message")
		}
		if op.Trash != "" {
			w.box(op.Trash).appendMsg(m.c, w.box(op.Trash).holdable(m.flags))
		}
		b.dropMsg(m.uid)
		switch {
		case !record:
		case op.Then != nil:
			w.putRow(*op.Then)
		default:
			w.dropRow(op.Row.ID)
		}
	case plan.RemoveLocal:
		if b.file(op.Row.Key) == nil {
			return fmt.Errorf("no such file")
		}
		b.dropFile(op.Row.Key)
		if record {
			w.dropRow(op.Row.ID)
		}
	case plan.PutAway:
		if b.file(op.Row.Key) == nil || b.msg(op.Row.UID) == nil {
			return fmt.Errorf("no such file, or the server has it not")
		}
		r := op.Row
		r.Key, r.Inode, r.Window, r.Content = "", 0, mail.Outside, r.Content.OnServer()
		w.putRow(r)
		if record { // base learns of it before the file goes
			b.dropFile(op.Row.Key)
		}
	case plan.RemoveMailbox:
		if op.On == plan.OnServer && len(b.msgs) > 0 || op.On == plan.OnLocal && len(b.files) > 0 {
			return fmt.Errorf("it holds messages")
		}
		if op.On == plan.OnServer {
			b.onServer = false
		} else {
			b.onLocal = false
		}
		if record {
			w.rows = slices.DeleteFunc(w.rows, func(r mail.Row) bool { return r.Mailbox == b.name })
			b.baseServer, b.baseLocal = false, false
		}
	case plan.ForgetMailbox:
		if record {
			w.rows = slices.DeleteFunc(w.rows, func(r mail.Row) bool { return r.Mailbox == b.name })
			b.baseServer, b.baseLocal = false, false
		}
	default:
		return fmt.Errorf("unknown")
	}
	return nil
}

func (w *world) fetch(b *mbox, m *smsg, flags mail.Flags, row *mail.Row, put func(mail.Row)) error {
	if !b.onLocal {
		return fmt.Errorf("no such mailbox in the Maildir")
	}
	f := lfile{c: m.c, inode: w.newInode()}
	r := mail.Row{}
	if row != nil {
		r.ID, f.key = row.ID, row.Key
	}
	if f.key == "" {
		f.key = w.newKey()
	}
	if b.file(f.key) != nil {
		return fmt.Errorf("the key is in use")
	}
	b.encode(&f, flags)
	b.files = append(b.files, f)
	r.Mailbox, r.UID, r.Key, r.Flags, r.Content, r.Inode = b.name, m.uid, f.key, flags, contentOf(m.c), f.inode
	put(r)
	return nil
}

func (w *world) upload(b *mbox, op plan.Upload, record bool) error {
	f := b.file(op.Local.Key)
	if f != nil && f.part {
		return fmt.Errorf("only part of the message is here, and is sent")
	}
	if f == nil || op.Content.Hash != contentOf(f.c).Hash || !b.onServer {
		return fmt.Errorf("nothing to upload, or something else")
	}
	u := op.Found
	if u == 0 {
		u = b.appendMsg(f.c, mail.Flags{})
		op.Store = mail.FlagDelta{Add: op.Send}
	} else if m := b.msg(u); m == nil || m.c != f.c {
		return fmt.Errorf("what was found is not there, or something else")
	}
	if err := b.store(b.msg(u), op.Store); err != nil {
		return err
	}
	b.mark(f, op.Mark)
	if !record {
		return nil
	}
	r := mail.Row{Mailbox: b.name, UID: u, Key: f.key, Flags: op.Flags, Content: contentOf(f.c), Inode: f.inode}
	if op.Row != nil {
		r.ID = op.Row.ID
	}
	w.putRow(r)
	if op.Replace != 0 {
		if b.msg(op.Replace) == nil {
			return fmt.Errorf("nothing to replace")
		}
		b.dropMsg(op.Replace)
	}
	return nil
}

func (w *world) moveLocal(b *mbox, op plan.MoveLocal, put func(mail.Row)) error {
	from := w.box(op.Row.Mailbox)
	f := from.file(op.Row.Key)
	m := b.msg(op.Server.UID)
	if f == nil || m == nil || from == b || !b.onLocal {
		return fmt.Errorf("nothing to move")
	}
	moved := *f
	from.dropFile(f.key)
	if b.file(moved.key) != nil {
		moved.key = w.newKey()
	}
	moved.letters = "" // all of them meant something there
	b.encode(&moved, op.File)
	b.files = append(b.files, moved)
	if err := b.store(m, op.Store); err != nil {
		return err
	}
	put(mail.Row{
		ID: op.Row.ID, Mailbox: b.name, UID: m.uid, Key: moved.key, Flags: op.Flags, Content: op.Row.Content, Inode: op.Row.Inode,
	})
	return nil
}

// finish lets base learn that the run is over: checkpoints advance in the
// mailboxes that are not unfinished.
func (w *world) finish(p plan.Plan) {
	for _, b := range w.boxes {
		if _, unfinished := p.Unfinished[b.name]; !unfinished {
			b.baseServer, b.baseLocal, b.reset = b.onServer, b.onLocal, false
		}
	}
}

func (w *world) String() string {
	var s strings.Builder
	for _, b := range w.boxes {
		fmt.Fprintf(&s, "%s window=%+v server=%v local=%v reset=%v readonly=%v mode=%d expunge=%d flagged=%v table=%v open=%v/%v known=%q\n",
			b.name, b.window, b.onServer, b.onLocal, b.reset, b.readOnly, b.policy.Mode, b.policy.Expunge, b.policy.ExpungeFlagged,
			b.table, b.localOpen, b.serverOpen, b.serverKnown)
		for _, m := range b.msgs {
			fmt.Fprintf(&s, "  server UID %d content %d (%v)\n", m.uid, m.c, m.flags)
		}
		for _, f := range b.files {
			fmt.Fprintf(&s, "  local %s content %d (%v, letters %q) inode %d part=%v\n", f.key, f.c, b.decode(&f), f.letters, f.inode, f.part)
		}
		for _, r := range w.rows {
			if r.Mailbox == b.name {
				fmt.Fprintf(&s, "  row %d UID %d key %s content %d (%v) inode %d window %d date %d\n", r.ID, r.UID, r.Key, int(r.Content.Hash[0]), r.Flags, r.Inode, r.Window, r.Date)
			}
		}
	}
	return s.String()
}

// zeros is what says nothing in the description of an operation.
var zeros = regexp.MustCompile(`Head:\[[0-9 ]*\]|( 0)+ [0-9]*\]|Content:\{Hash|[A-Z][A-Za-z]*:(0|false)?[ }]|Size:\d*`)

func describe(p plan.Plan) string {
	var s strings.Builder
	for _, op := range p.Operations {
		fmt.Fprintf(&s, "%T %s\n", op, zeros.ReplaceAllString(fmt.Sprintf("%+v", op), ""))
	}
	for _, h := range p.Holds {
		fmt.Fprintf(&s, "hold %+v\n", h)
	}
	fmt.Fprintf(&s, "unfinished %v\n", p.Unfinished)
	return s.String()
}
