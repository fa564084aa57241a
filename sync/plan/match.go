package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// match finds out which files and server messages that base does not know are
// messages that it does know, and which are each other. The order of the steps
// matters where messages are there several times, or where a run was cut:
//
// First within a mailbox, each side against base: renames and new UIDs. So a
// second copy that one side made stays a second copy.
//
// Then new against new within a mailbox. That comes before moves between
// mailboxes, since what is on both sides of a mailbox need not be brought there:
// it may have been the half-done move of a run that was cut.
//
// Then moves. The server's may be recognised by less than the whole content, so
// that the file's place, found by hash, is preferred.
func (p *planner) match() {
	for _, b := range p.boxes {
		if !b.dead {
			b.matchRenamed()
		}
	}
	p.matchRenumbered()
	p.matchEdited()
	p.matchNew()
	p.matchMovedFiles()
	p.matchTaken()
	p.matchPutBack()
	p.matchMovedMessages()
}

// fileKey names a file's content, and where only one file is meant, the file.
type fileKey struct {
	hash mail.Hash
	key  mail.Key
}

// matchRenamed finds the new names of files in their mailbox, and files that
// were put back where base remembers that they were removed.
func (b *box) matchRenamed() {
	if len(b.files) == 0 {
		return
	}
	var free map[mail.Hash][]*file
	// A file that may be one whose place is not proved waits with it.
	for _, state := range [...]conflict.State{conflict.Gone, conflict.Never, conflict.Unknown} {
		for i := range b.rows {
			r := &b.rows[i]
			if r.local != state || r.outside() || r.Base.Content.Hash.IsZero() {
				continue
			}
			if free == nil {
				free = make(map[mail.Hash][]*file, len(b.files))
				for j := range b.files {
					if f := &b.files[j]; f.known() {
						free[f.LocalContent.Hash] = append(free[f.LocalContent.Hash], f)
					}
				}
			}
			if files := free[r.Base.Content.Hash]; len(files) > 0 {
				join(r, files[0])
				free[r.Base.Content.Hash] = files[1:]
			}
		}
	}
}

func (f *file) known() bool { return !f.LocalContent.Hash.IsZero() }

func join(r *row, f *file) { r.file, f.row = f, r }

func claim(r *row, m *msg) { r.msg, m.row = m, r }

// anyNew tells whether any live mailbox has new messages on the server.
func (p *planner) anyNew() bool {
	for _, b := range p.boxes {
		if len(b.msgs) > 0 && !b.dead {
			return true
		}
	}
	return false
}

// matchRenumbered finds the messages that the server has in the same mailbox
// under another UID: all of them after a Reset.
func (p *planner) matchRenumbered() {
	for _, b := range p.boxes {
		if b.dead || len(b.msgs) == 0 {
			continue
		}
		find := newFinder(func(r *row) bool { return r.msg == nil })
		// What is added last is found first: messages that still have their file
		// before those that were removed.
		for pass := range 3 {
			for i := len(b.rows) - 1; i >= 0; i-- {
				r := &b.rows[i]
				if r.renumberable() && r.renumberRank() == pass {
					find.add(r, r.Base.Content.OnServer(), b.rank, r.draft())
				}
			}
		}
		if len(find.entries) == 0 {
			continue
		}
		for i := range b.msgs {
			m := &b.msgs[i]
			if r, ok := find.find(m.Server.Content, b.rank, m.draft()); ok {
				claim(r, m)
			}
		}
	}
}

// renumberable tells that a message may be on the server under another UID of
// the same mailbox.
func (r *row) renumberable() bool {
	return !r.unread() && (r.server == conflict.Gone || r.server == conflict.Never)
}

func (r *row) renumberRank() int {
	switch {
	case r.localThere() || r.file != nil:
		return 2
	case r.local != conflict.Gone:
		return 1
	}
	return 0
}

// Drafts are edited with header and size unchanged.
func (m *msg) draft() bool {
	return m.Server.Flags.System&mail.Draft != 0 || m.box.Role == mail.RoleDrafts
}

func (f *file) draft() bool {
	return f.Local.System&mail.Draft != 0 || f.box.Role == mail.RoleDrafts
}

func (r *row) draft() bool {
	return r.Base.Flags.System&mail.Draft != 0 || r.box.Role == mail.RoleDrafts
}

// matchEdited finds edited contents that are on the server already.
func (p *planner) matchEdited() {
	for _, b := range p.boxes {
		if b.dead || len(b.msgs) == 0 {
			continue
		}
		find := newFinder(func(r *row) bool { return r.found == nil })
		for i := len(b.rows) - 1; i >= 0; i-- {
			if r := &b.rows[i]; r.local == conflict.Edited && r.server != conflict.Unknown {
				find.add(r, r.LocalContent.Content, b.rank, r.draft())
			}
		}
		for i := range b.msgs {
			if m := &b.msgs[i]; m.row == nil {
				if r, ok := find.find(m.Server.Content, b.rank, m.draft()); ok {
					r.found, m.row = m, r
				}
			}
		}
	}
}

// matchNew pairs new files with new server messages of their mailbox. Where
// base knows a message of that content that both sides lost from another
// mailbox, it is that one, moved on both sides.
func (p *planner) matchNew() {
	for _, b := range p.boxes {
		if b.dead || len(b.msgs) == 0 || len(b.files) == 0 {
			continue
		}
		find := newFinder(func(f *file) bool { return f.msg == nil })
		for i := len(b.files) - 1; i >= 0; i-- {
			if f := &b.files[i]; f.row == nil && f.known() {
				find.add(f, f.LocalContent.OnServer(), b.rank, f.draft())
			}
		}
		for i := range b.msgs {
			m := &b.msgs[i]
			if m.row != nil {
				continue
			}
			f, ok := find.find(m.Server.Content, b.rank, m.draft())
			if !ok {
				continue
			}
			f.msg, m.file = m, f
		}
	}
	// The same key first, everywhere, then any.
	for _, sameKey := range [...]bool{true, false} {
		var lost map[fileKey][]*row
		for _, b := range p.boxes {
			for i := range b.files {
				f := &b.files[i]
				if f.msg == nil || f.row != nil {
					continue
				}
				if lost == nil {
					lost = p.lostByBoth(sameKey)
				}
				k := fileKey{hash: f.LocalContent.Hash}
				if sameKey {
					k.key = f.Local.Key
				}
				if rows := lost[k]; len(rows) > 0 {
					join(rows[0], f)
					claim(rows[0], f.msg)
					lost[k] = rows[1:]
				}
			}
		}
	}
}

// lostByBoth indexes the messages that both sides lost by content, and with
// sameKey by key as well.
func (p *planner) lostByBoth(sameKey bool) map[fileKey][]*row {
	lost := map[fileKey][]*row{}
	p.eachRow(func(r *row) {
		if r.local != conflict.Gone || r.server != conflict.Gone || r.file != nil || r.msg != nil || r.Base.Content.Hash.IsZero() {
			return
		}
		k := fileKey{hash: r.Base.Content.Hash}
		if sameKey {
			k.key = r.Base.Key
		}
		lost[k] = append(lost[k], r)
	})
	return lost
}

// matchMovedFiles finds the files that left their mailbox for another one: the
// same key first, then any file of that content; messages that the server still
// has before those that it has not, since to move is cheaper than to upload.
func (p *planner) matchMovedFiles() {
	var byKey map[fileKey][]*file
	var byHash map[mail.Hash][]*file
	for _, b := range p.boxes {
		if b.dead {
			continue
		}
		for i := range b.files {
			f := &b.files[i]
			if f.row != nil || f.msg != nil || !f.known() {
				continue
			}
			if byKey == nil {
				byKey, byHash = map[fileKey][]*file{}, map[mail.Hash][]*file{}
			}
			h := f.LocalContent.Hash
			byKey[fileKey{h, f.Local.Key}] = append(byKey[fileKey{h, f.Local.Key}], f)
			byHash[h] = append(byHash[h], f)
		}
	}
	if byKey == nil {
		return
	}
	for _, sameKey := range [...]bool{true, false} {
		for _, there := range [...]bool{true, false} {
			p.eachRow(func(r *row) {
				if r.file != nil || r.local != conflict.Gone || r.Base.Content.Hash.IsZero() ||
					(r.serverThere() || r.msg != nil) != there {
					return
				}
				h := r.Base.Content.Hash
				if sameKey {
					k := fileKey{h, r.Base.Key}
					byKey[k] = joinFirst(r, byKey[k])
				} else {
					byHash[h] = joinFirst(r, byHash[h])
				}
			})
		}
	}
	// A file with the content of one whose place is not proved may be that one,
	// and with its key it most likely is: it waits with it.
	for _, sameKey := range [...]bool{true, false} {
		p.eachRow(func(r *row) {
			if r.file != nil || r.local != conflict.Unknown || r.Base.Key == "" || r.Base.Content.Hash.IsZero() {
				return
			}
			h := r.Base.Content.Hash
			if sameKey {
				k := fileKey{h, r.Base.Key}
				byKey[k] = joinFirst(r, byKey[k])
			} else {
				byHash[h] = joinFirst(r, byHash[h])
			}
		})
	}
}

// joinFirst joins the row to the first file that is free and in another
// mailbox, and returns the files without those that are not free any more.
func joinFirst(r *row, files []*file) []*file {
	for len(files) > 0 && files[0].row != nil {
		files = files[1:]
	}
	if len(files) > 0 {
		join(r, files[0])
		return files[1:]
	}
	return files
}

// eachRow goes through the rows of all live mailboxes, in order.
func (p *planner) eachRow(do func(*row)) {
	for _, b := range p.boxes {
		if b.dead {
			continue
		}
		for i := range b.rows {
			do(&b.rows[i])
		}
	}
}

// matchMovedMessages finds the messages that left their mailbox on the server
// for another one: where the file went too, if it is there; messages that have
// a file before those that have none.
func (p *planner) matchMovedMessages() {
	if !p.anyNew() {
		return
	}
	moved := false
	p.eachRow(func(r *row) { moved = moved || r.movable() })
	if !moved {
		return
	}
	find := newFinder(func(m *msg) bool { return m.row == nil && m.file == nil })
	for i := len(p.boxes) - 1; i >= 0; i-- {
		b := p.boxes[i]
		if b.dead || b.notLocal {
			continue
		}
		for j := len(b.msgs) - 1; j >= 0; j-- {
			if m := &b.msgs[j]; m.row == nil && m.file == nil {
				find.add(m, m.Server.Content, anywhere, m.draft())
				find.add(m, m.Server.Content, b.rank, m.draft())
			}
		}
	}
	for _, box := range [...]bool{true, false} {
		for rank := 2; rank >= 0; rank-- {
			p.eachRow(func(r *row) {
				if !r.movable() || r.renumberRank() != rank || box && r.file == nil {
					return
				}
				where := anywhere
				if box {
					where = r.file.box.rank
				}
				if m, ok := find.find(r.Base.Content.OnServer(), where, r.draft()); ok {
					claim(r, m)
				}
			})
		}
	}
}

// movable tells that a message left the server's mailbox and was not found
// again yet.
func (r *row) movable() bool {
	return r.server == conflict.Gone && r.msg == nil && !r.unread()
}
