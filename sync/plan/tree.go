package plan

import (
	"cmp"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
)

// planner holds one plan in the making. Boxes are in order (INBOX first, then
// by name), and rows, files and messages in order within their box, whatever
// the order of the input.
type planner struct {
	in      *Input
	boxes   []*box
	plan    Plan
	steps   []step                 // the operations, before they are ordered
	sources map[sourceIdent]source // what the server can copy, by content
	held    bool                   // the whole account is held back
	unseen  map[mail.Hash]bool     // contents of mailboxes that cannot be read; nil: not asked yet
}

// box is a mailbox, and what was found out about it.
type box struct {
	*Mailbox
	rank  int
	rows  []row
	files []file
	msgs  []msg

	may   conflict.Permit // what can be done in this run
	could conflict.Permit // what the policy allows, were the mailbox as it shall be
	// left, when not zero, says why nothing is done about what is in here, unless
	// it moved to another mailbox. dead: not even that is known.
	left conflict.Reason
	dead bool
	// orphans counts files that hold part of a message that the server has not.
	orphans int
	// forgotten: neither side has the mailbox; it goes with all its rows.
	forgotten bool
	// removing: the mailbox goes from this side, too, once it is empty.
	removing *Side
	// notLocal: the Maildir does not have the mailbox, and is not to have it.
	notLocal bool
	// lostLocal and lostServer: what the side lacks here, nobody removed from
	// it. reviveLocal and reviveServer: nor is it to do without what it gave up.
	lostLocal, lostServer     bool
	reviveLocal, reviveServer bool
	// waits: it is to be made again, when its mail cannot be in another one.
	waits bool
}

// row is a message that base knows.
type row struct {
	*Item
	box *box
	// local and server are the observed states, made plain: Never is a side
	// that base itself says has it not, and Edited is an edit indeed.
	local, server conflict.State
	rewritten     bool  // the file was written again, with the same content
	altered       bool  // the file was edited, though it holds its message only in part
	file          *file // the file it has now, under another key or elsewhere
	msg           *msg  // the server's message it has now, under another UID or elsewhere
	found         *msg  // the server's message that has the edited content already
	doubt         bool  // may be the same as a server message that could not be identified
	fate          conflict.Action
}

// file is a file that base does not know.
type file struct {
	*Item
	box   *box
	row   *row
	msg   *msg
	doubt bool
}

// msg is a server message that base does not know.
type msg struct {
	*Item
	box   *box
	row   *row
	file  *file
	doubt bool
}

func newPlanner(in *Input) *planner {
	p := &planner{in: in, boxes: make([]*box, len(in.Mailboxes))}
	boxes := make([]box, len(in.Mailboxes))
	for i := range boxes {
		boxes[i].Mailbox = &in.Mailboxes[i]
		p.boxes[i] = &boxes[i]
	}
	slices.SortFunc(p.boxes, func(a, b *box) int {
		if a.Name == mail.Inbox || b.Name == mail.Inbox {
			return cmp.Compare(inboxRank(b.Name), inboxRank(a.Name))
		}
		return strings.Compare(string(a.Name), string(b.Name))
	})
	for i, b := range p.boxes {
		b.rank = i
		b.sort()
	}
	return p
}

// room makes room for the operations that there will be, most likely.
func (p *planner) room() {
	steps := 0
	for _, b := range p.boxes {
		steps += len(b.rows) + len(b.files)
		for i := range b.msgs {
			if m := &b.msgs[i]; m.row == nil && m.file == nil {
				steps++
			}
		}
		if b.Server != b.Local {
			steps++ // it is made
		}
		if b.Fresh || b.Reset {
			steps++
		}
	}
	p.steps = slices.Grow(p.steps, steps)
}

func inboxRank(m mail.Mailbox) int {
	if m == mail.Inbox {
		return 1
	}
	return 0
}

// sort puts the items into rows, files and messages, in an order of their own.
func (b *box) sort() {
	var rows, files, msgs int
	for i := range b.Items {
		switch it := &b.Items[i]; {
		case it.Base != nil:
			rows++
		case it.Local != nil:
			files++
		case it.Server != nil:
			msgs++
		}
	}
	b.rows, b.files, b.msgs = make([]row, 0, rows), make([]file, 0, files), make([]msg, 0, msgs)
	for i := range b.Items {
		switch it := &b.Items[i]; {
		case it.Base != nil:
			b.rows = append(b.rows, row{Item: it, box: b})
		case it.Local != nil:
			b.files = append(b.files, file{Item: it, box: b})
		case it.Server != nil:
			b.msgs = append(b.msgs, msg{Item: it, box: b})
		}
	}
	sortUnlessSorted(b.rows, func(x, y row) int {
		return cmp.Or(cmp.Compare(x.Base.UID, y.Base.UID), cmp.Compare(x.Base.Key, y.Base.Key), cmp.Compare(x.Base.ID, y.Base.ID))
	})
	sortUnlessSorted(b.files, func(x, y file) int { return cmp.Compare(x.Local.Key, y.Local.Key) })
	sortUnlessSorted(b.msgs, func(x, y msg) int { return cmp.Compare(x.Server.UID, y.Server.UID) })
	for i := range b.rows {
		b.rows[i].observe()
	}
}

// sortUnlessSorted spares the common case, in which items come in order, the
// moving of every one of them.
func sortUnlessSorted[T any](s []T, compare func(a, b T) int) {
	if !slices.IsSortedFunc(s, compare) {
		slices.SortFunc(s, compare)
	}
}

// observe makes the states of a row plain.
func (r *row) observe() {
	r.local = r.LocalState
	switch {
	case r.Base.Key == "":
		r.local = conflict.Never
	case r.box.Local == Held:
		r.local = conflict.Unknown
	case r.box.Local != There:
		r.local = conflict.Gone
	case r.LocalState == conflict.Never:
		r.local = conflict.Unknown
	case r.LocalState == conflict.Here && r.Local == nil:
		r.local = conflict.Same
	case r.LocalState == conflict.Here && !r.LocalContent.Hash.IsZero():
		r.rewritten = true // it was read, since its inode is another one
	case r.LocalState == conflict.Edited:
		switch {
		case r.Local == nil || r.LocalContent.Hash.IsZero():
			r.local = conflict.Unknown
		case r.LocalContent.Compare(r.Base.Content) == mail.Same:
			r.local, r.rewritten = conflict.Here, true
		case r.Base.Content.Partial > 0 || r.LocalContent.Partial > 0:
			r.local, r.altered = conflict.Here, true // an edit of a part is no edit of the message
		}
	}
	r.server = r.ServerState
	switch {
	case r.box.Server == Held:
		r.server = conflict.Unknown
	case r.box.Reset:
		r.server = conflict.Gone // until it is found again under another UID
	case r.Base.UID == 0:
		r.server = conflict.Never
	case r.box.Server != There:
		r.server = conflict.Gone
	case r.ServerState == conflict.Never || r.ServerState == conflict.Edited:
		r.server = conflict.Unknown
	case r.ServerState == conflict.Here && r.Server == nil:
		r.server = conflict.Same
	}
}

// localThere and serverThere tell that the side has the message where base has
// it, as far as it was observed.
func (r *row) localThere() bool {
	return r.local == conflict.Same || r.local == conflict.Here || r.local == conflict.Edited
}

func (r *row) serverThere() bool {
	return r.server == conflict.Same || r.server == conflict.Here
}

// content is what the message is: what was read of the file last, and the
// server's name for it.
func (r *row) content() mail.Content {
	c := r.Base.Content
	switch {
	case r.file != nil:
		c = r.file.LocalContent.Content
	case r.rewritten || r.local == conflict.Edited:
		c = r.LocalContent.Content
	}
	if c.EmailID == "" && c.Hash == r.Base.Content.Hash {
		c.EmailID = r.Base.Content.EmailID
	}
	if m := r.serverMessage(); m != nil && m.Content.EmailID != "" && r.local != conflict.Edited {
		c.EmailID = m.Content.EmailID
	}
	return c
}

// serverMessage is the message on the server, where it was observed.
func (r *row) serverMessage() *mail.ServerMessage {
	switch {
	case r.msg != nil:
		return r.msg.Server
	case r.server == conflict.Here:
		return r.Server
	}
	return nil
}

// localMessage is the file, where it was observed, with its inode.
func (r *row) localMessage() *mail.LocalMessage {
	switch {
	case r.file != nil:
		return r.file.Local
	case r.local == conflict.Here || r.local == conflict.Edited:
		return r.Local
	}
	return nil
}

// fileBox and msgBox are where each side has the message now.
func (r *row) fileBox() *box {
	if r.file != nil {
		return r.file.box
	}
	return r.box
}

func (r *row) msgBox() *box {
	if r.msg != nil {
		return r.msg.box
	}
	return r.box
}

// inode is the file's, for a row whose file was observed and read.
func inode(l *mail.LocalMessage, c mail.LocalContent) uint64 {
	if c.Inode != 0 {
		return c.Inode
	}
	return l.Inode
}
