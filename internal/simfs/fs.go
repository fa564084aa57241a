package simfs

import (
	"hash/fnv"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"godwit/maildir"
)

// Options say what the file system is like.
type Options struct {
	// Seed is that of the order in directories.
	Seed uint64
	// Now is the clock, and Grain the steps of time stamps.
	Now   func() time.Time
	Grain time.Duration
	// Batch is how many entries of a directory are read at a time, at least one.
	Batch int
	// SyncAll: there is a call that makes everything durable.
	SyncAll bool
	// Links: a rename that keeps what is there is a link and an unlink.
	Links bool
	// Clones: files can share blocks.
	Clones bool
	// Untyped: directories do not tell what their entries are.
	Untyped bool
	// Call is told of every call that changes something or can be overtaken, with
	// its name and path, before it is carried out; for the reading of a
	// directory, before each batch. Others may act in it. What it returns is what
	// the call suffers.
	Call func(call, path string) Fault
	// Process and Host name the process.
	Process func() (process, host string)
}

// Fault is how a call fails; the zero Fault: it does not.
type Fault struct {
	Err error
	// After: it took effect all the same. A write that fails before has written a
	// part; a sync that fails before has lost what was to be synced, and the next
	// one will not know.
	After bool
	// Dead: the process is no more; there is no effect at all.
	Dead bool
}

// FS is a file system. Make one with [New]. It is safe for use by many
// goroutines.
type FS struct {
	o Options

	mu      sync.Mutex
	root    *inode
	inodes  uint64
	pending []*change // of directories, not durable, in order
	handles map[int]*handle
	fds     int
}

// inode is a file or a directory.
type inode struct {
	number       uint64
	mode         uint32
	mtime, ctime int64
	data         []byte            // of a file
	entries      map[string]*inode // of a directory
	gone         bool              // a directory that was removed

	disk content // as after a power cut
	// dirty: data and disk differ, or may. lost: it will not reach the disk.
	dirty, lost bool
}

// content is what of an inode is on the disk.
type content struct {
	data    []byte
	mtime   int64
	entries map[string]*inode
}

// handle is an open file or directory.
type handle struct {
	*inode
	path   string
	offset int64
}

// change is one atomic change of directories.
type change struct {
	steps []step
	time  int64
}

// step is an entry that is put, or taken away where there is no inode.
type step struct {
	dir  *inode
	name string
	to   *inode
	old  *inode // what the name was before
}

var _ maildir.System = (*FS)(nil)

// New makes an empty file system.
func New(o Options) *FS {
	o.Batch = max(o.Batch, 1)
	f := &FS{o: o, handles: map[int]*handle{}, fds: 100}
	f.root = f.newDir()
	return f
}

func (f *FS) now() int64 {
	t := f.o.Now().UnixNano()
	if g := int64(f.o.Grain); g > 0 {
		t -= t % g
	}
	return t
}

func (f *FS) newInode(mode uint32) *inode {
	f.inodes++
	now := f.now()
	return &inode{number: f.inodes, mode: mode, mtime: now, ctime: now, disk: content{mtime: now}}
}

func (f *FS) newDir() *inode {
	i := f.newInode(unix.S_IFDIR | 0o700)
	i.entries, i.disk.entries = map[string]*inode{}, map[string]*inode{}
	return i
}

// do carries a change out, for the moment.
func (f *FS) do(steps ...step) {
	now := f.now()
	for n := range steps {
		s := &steps[n]
		s.old = s.dir.entries[s.name]
		if s.to == nil {
			delete(s.dir.entries, s.name)
		} else {
			s.dir.entries[s.name] = s.to
		}
		s.dir.mtime, s.dir.ctime = now, now
	}
	f.pending = append(f.pending, &change{steps, now})
}

// needs tells that c cannot be on the disk without an earlier change.
func (c *change) needs(earlier *change) bool {
	for _, s := range c.steps {
		for _, e := range earlier.steps {
			if s.dir == e.dir && s.name == e.name {
				return true
			}
			for _, i := range []*inode{s.to, s.old} {
				if i != nil && (i == e.to || i == e.old) {
					return true
				}
			}
		}
	}
	return false
}

// reach puts a change on the disk.
func (c *change) reach() {
	for _, s := range c.steps {
		s.dir.disk.mtime = max(s.dir.disk.mtime, c.time) // both directories of a rename know of it
		if s.to == nil {
			delete(s.dir.disk.entries, s.name)
		} else {
			s.dir.disk.entries[s.name] = s.to
		}
	}
}

// flush puts the changes that are wanted on the disk, with those that they need.
func (f *FS) flush(wanted func(*change) bool) {
	chosen := make([]bool, len(f.pending))
	for n := len(f.pending) - 1; n >= 0; n-- {
		chosen[n] = wanted(f.pending[n])
		for later := n + 1; later < len(f.pending) && !chosen[n]; later++ {
			chosen[n] = chosen[later] && f.pending[later].needs(f.pending[n])
		}
	}
	var left []*change
	for n, c := range f.pending {
		if chosen[n] {
			c.reach()
		} else {
			left = append(left, c)
		}
	}
	f.pending = left
}

// flushDirs makes the entries of directories durable.
func (f *FS) flushDirs(dirs ...*inode) {
	f.flush(func(c *change) bool {
		for _, s := range c.steps {
			for _, d := range dirs {
				if s.dir == d {
					return true
				}
			}
		}
		return false
	})
	for _, d := range dirs {
		d.disk.mtime = d.mtime
	}
}

func (i *inode) sync() {
	if i.lost || !i.dirty {
		return
	}
	i.disk.data, i.disk.mtime, i.dirty = append([]byte(nil), i.data...), i.mtime, false
}

func (i *inode) isDir() bool { return i.mode&unix.S_IFMT == unix.S_IFDIR }

// position is where in its directory a name stands. A file that is renamed while
// the directory is read may so be met twice, or never.
func (f *FS) position(d *inode, name string) uint64 {
	h := fnv.New64a()
	var n [16]byte
	for i := range 8 {
		n[i], n[8+i] = byte(f.o.Seed>>(8*i)), byte(d.number>>(8*i))
	}
	h.Write(n[:])
	h.Write([]byte(name))
	return h.Sum64() * 0x9e3779b97f4a7c15
}

// look finds what is at a path; nil: nothing.
func (f *FS) look(p string) *inode {
	at := f.root
	for _, name := range strings.Split(strings.Trim(path.Clean(p), "/"), "/") {
		if name == "" || name == "." {
			continue
		}
		if at = at.entries[name]; at == nil {
			return nil
		}
	}
	return at
}
