package fake

import (
	"maps"

	"godwit/mail"
)

// place is a name in a directory: of a mailbox's, or of a run's trash. The flags
// are part of a file's name in the real thing; here they are in the entry, and
// changing them is still a rename.
type place struct {
	directory
	key mail.Key
}

type directory struct {
	mailbox mail.Mailbox
	sub     string // "tmp", "new", "cur", or "trash"
	run     int64  // of "trash"
}

// file is an inode.
type file struct {
	inode  uint64
	raw    []byte // wire form; never changed in place
	date   mail.UnixTime
	synced bool // its content survives a power cut
	life   int  // the life of the process that made it
}

// entry is what stands at a place.
type entry struct {
	*file
	system  mail.System
	letters string
}

// operation is one atomic change of directories: a name taken away, one put
// down, or both, which is a rename.
type operation struct {
	name   string
	remove *place
	add    *place
	entry  entry
}

// disk is names and what they would be after a power cut. Operations become
// durable when a directory that they touched is flushed.
type disk struct {
	now     map[place]entry
	durable map[place]entry
	pending []operation
}

func newDisk() disk { return disk{now: map[place]entry{}, durable: map[place]entry{}} }

func (o operation) apply(to map[place]entry) {
	if o.remove != nil {
		delete(to, *o.remove)
	}
	if o.add != nil {
		to[*o.add] = o.entry
	}
}

// do carries an operation out, for the moment.
func (d *disk) do(o operation) {
	o.apply(d.now)
	d.pending = append(d.pending, o)
}

// rename gives mailboxes other names, durably: directories are renamed, and
// nothing in them.
func (d *disk) rename(called map[mail.Mailbox]mail.Mailbox) {
	named := func(p place) place {
		if m, renamed := called[p.mailbox]; renamed && p.sub != "trash" {
			p.mailbox = m
		}
		return p
	}
	each := func(entries map[place]entry) map[place]entry {
		out := make(map[place]entry, len(entries))
		for p, e := range entries {
			out[named(p)] = e
		}
		return out
	}
	d.now, d.durable = each(d.now), each(d.durable)
	for i := range d.pending {
		for _, p := range []**place{&d.pending[i].remove, &d.pending[i].add} {
			if *p != nil {
				q := named(**p)
				*p = &q
			}
		}
	}
}

// flush makes what touched a directory durable, as fsync of it does.
func (d *disk) flush(wanted func(directory) bool) {
	var left []operation
	for _, o := range d.pending {
		if o.remove != nil && wanted(o.remove.directory) || o.add != nil && wanted(o.add.directory) {
			o.apply(d.durable)
		} else {
			left = append(left, o)
		}
	}
	d.pending = left
}

// crash goes back to what is durable. keep is asked for each operation that is
// not, in order: a disk may have written it all the same.
func (d *disk) crash(keep func(name string) bool) {
	for _, o := range d.pending {
		if keep != nil && keep(o.name) {
			o.apply(d.durable)
		}
	}
	d.pending = nil
	for at, e := range d.durable {
		if !e.synced {
			lost := *e.file
			lost.raw, lost.synced = nil, true
			e.file = &lost
			d.durable[at] = e
		}
	}
	d.now = maps.Clone(d.durable)
}
