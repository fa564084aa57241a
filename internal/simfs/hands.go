package simfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

// What follows is for tests, and for those who act in them beside the process
// that makes the calls. Each is done at once; [FS.Call] is not told. Paths that
// are not there are passed over.

// File is a file as it is seen now.
type File struct {
	Name  string
	Inode uint64
	Data  []byte // never changed
	MTime int64  // ns since 1970
}

// Files lists the files of a directory, by name.
func (f *FS) Files(dir string) []File {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.look(dir)
	if d == nil || !d.isDir() {
		return nil
	}
	var all []File
	for _, name := range slices.Sorted(maps.Keys(d.entries)) {
		if i := d.entries[name]; !i.isDir() {
			all = append(all, File{name, i.number, bytes.Clone(i.data), i.mtime})
		}
	}
	return all
}

// Dirs lists the directories in a directory, by name.
func (f *FS) Dirs(dir string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.look(dir)
	if d == nil || !d.isDir() {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.entries)), func(name string) bool { return !d.entries[name].isDir() })
}

// Has tells whether there is anything at a path.
func (f *FS) Has(p string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.look(p) != nil
}

// MakeAll makes a directory and those it is in, durably.
func (f *FS) MakeAll(p string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.makeAll(p)
}

func (f *FS) makeAll(p string) *inode {
	if p == "/" {
		return f.root
	}
	parent := f.makeAll(path.Dir(p))
	i := parent.entries[path.Base(p)]
	if i == nil {
		i = f.newDir()
		f.do(step{dir: parent, name: path.Base(p), to: i})
	}
	f.flush(func(c *change) bool { // whoever made it
		return slices.ContainsFunc(c.steps, func(s step) bool { return s.dir == parent && s.name == path.Base(p) })
	})
	return i
}

// Put puts a new file at a path, over one that is there. durable: with an fsync
// of both.
func (f *FS) Put(p string, data []byte, durable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.look(path.Dir(p))
	if d == nil {
		return
	}
	i := f.newInode(unix.S_IFREG | 0o600)
	i.data, i.dirty = bytes.Clone(data), true
	f.do(step{dir: d, name: path.Base(p), to: i})
	if durable {
		i.sync()
		f.flushDirs(d)
	}
}

// Rewrite changes a file in place.
func (f *FS) Rewrite(p string, data []byte, durable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.look(p); i != nil {
		i.data, i.dirty, i.lost = bytes.Clone(data), true, false
		i.mtime, i.ctime = f.now(), f.now()
		if durable {
			i.sync()
		}
	}
}

// Move renames a file, over one that is there.
func (f *FS) Move(from, to string, durable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, a, b := f.look(from), f.look(path.Dir(from)), f.look(path.Dir(to))
	if i == nil || b == nil || path.Clean(from) == path.Clean(to) {
		return
	}
	i.ctime = f.now()
	f.do(step{dir: b, name: path.Base(to), to: i}, step{dir: a, name: path.Base(from)})
	if durable {
		f.flushDirs(a, b)
	}
}

// Remove removes a file.
func (f *FS) Remove(p string, durable bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.look(path.Dir(p)); d != nil && d.entries[path.Base(p)] != nil {
		f.do(step{dir: d, name: path.Base(p)})
		if durable {
			f.flushDirs(d)
		}
	}
}

// RemoveAll removes a directory with all that is in it, durably.
func (f *FS) RemoveAll(p string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.look(p)
	if d == nil {
		return
	}
	var empty func(d *inode)
	empty = func(d *inode) {
		for _, name := range slices.Sorted(maps.Keys(d.entries)) {
			if d.entries[name].isDir() {
				empty(d.entries[name])
			}
			f.do(step{dir: d, name: name})
		}
		d.gone = true
		f.flushDirs(d)
	}
	empty(d)
	parent := f.look(path.Dir(p))
	f.do(step{dir: parent, name: path.Base(p)})
	f.flushDirs(parent)
}

// Flush makes everything durable.
func (f *FS) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flush(func(*change) bool { return true })
	f.each(func(i *inode) {
		i.sync()
		i.disk.mtime = i.mtime
	})
}

// each calls act with every inode that has a name, once, in an order that
// follows from the names.
func (f *FS) each(act func(*inode)) {
	seen := map[*inode]bool{}
	var visit func(i *inode)
	visit = func(i *inode) {
		if seen[i] {
			return
		}
		seen[i] = true
		act(i)
		for _, name := range slices.Sorted(maps.Keys(i.entries)) {
			visit(i.entries[name])
		}
	}
	visit(f.root)
}

// Open tells what is open, by path, sorted.
func (f *FS) Open() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, h := range f.handles {
		all = append(all, h.path)
	}
	slices.Sort(all)
	return all
}

// Kill is the end of the process: what it had open is closed.
func (f *FS) Kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.handles)
}

// Pending is how many changes of directories are not durable.
func (f *FS) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// Crash is a power cut: the process ends, and what is there is what is on the
// disk. keep is asked of each change of a directory that was not synced, and
// random of what became of files that were not.
func (f *FS) Crash(keep func() bool, random *rand.Rand) {
	f.Kill()
	f.mu.Lock()
	defer f.mu.Unlock()
	var dropped []*change
	torn := map[*inode]bool{} // directories with a change but without one before it
	for _, c := range f.pending {
		wanted := keep()
		for _, d := range dropped {
			wanted = wanted && !c.needs(d)
		}
		if !wanted {
			dropped = append(dropped, c)
			continue
		}
		c.reach()
		for _, s := range c.steps {
			for _, d := range dropped {
				for _, e := range d.steps {
					torn[s.dir] = torn[s.dir] || e.dir == s.dir
				}
			}
		}
	}
	f.pending = nil
	now := f.now()
	f.each(func(i *inode) { i.entries = i.disk.entries }) // volatile names only: those below come next
	f.each(func(i *inode) {
		if i.isDir() {
			i.entries, i.gone = maps.Clone(i.disk.entries), false
			i.mtime, i.ctime = i.disk.mtime, i.disk.mtime
			if torn[i] {
				i.mtime, i.ctime = now, now
			}
			i.disk.mtime = i.mtime
			return
		}
		if i.dirty {
			i.afterCut(random)
		}
	})
}

// afterCut chooses what became of a file that was not synced.
func (i *inode) afterCut(random *rand.Rand) {
	lost := i.lost
	i.dirty, i.lost = false, false
	switch n := random.IntN(4); {
	case n == 0 && !lost:
		i.disk.data, i.disk.mtime = i.data, i.mtime
	case n == 1 && len(i.data) > 0:
		i.disk.data = i.data[:random.IntN(len(i.data))]
	case n == 2:
		i.disk.data = make([]byte, len(i.data))
	}
	i.data, i.mtime, i.ctime = bytes.Clone(i.disk.data), i.disk.mtime, i.disk.mtime
}
