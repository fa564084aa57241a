package simfs

import (
	"bytes"
	"cmp"
	"slices"

	"golang.org/x/sys/unix"

	"godwit/maildir"
)

// call lets others act, and tells what the call suffers.
func (f *FS) call(name, path string) Fault {
	if f.o.Call == nil {
		return Fault{}
	}
	return f.o.Call(name, path)
}

// open gives a number to something. The caller holds the lock.
func (f *FS) open(i *inode, path string) int {
	f.fds++
	f.handles[f.fds] = &handle{inode: i, path: path}
	return f.fds
}

// at is what is open under a number.
func (f *FS) at(fd int) (*handle, error) {
	h := f.handles[fd]
	if h == nil {
		return nil, unix.EBADF
	}
	return h, nil
}

// in is an open directory.
func (f *FS) in(fd int) (*handle, error) {
	h, err := f.at(fd)
	if err == nil && !h.isDir() {
		err = unix.ENOTDIR
	}
	return h, err
}

// where is the path of a name in an open directory, for those who are told.
func (f *FS) where(fd int, name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.handles[fd]
	switch {
	case h == nil:
		return name
	case name == "":
		return h.path
	}
	return h.path + "/" + name
}

// change is a call that takes effect in a directory.
func (f *FS) change(name string, in int, about string, effect func(d *inode) error) error {
	fault := f.call(name, f.where(in, about))
	if fault.Err != nil && !fault.After {
		return fault.Err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := f.in(in)
	if err == nil {
		err = effect(d.inode)
	}
	if err == nil {
		err = fault.Err
	}
	return err
}

// OpenPath implements maildir.System.
func (f *FS) OpenPath(path string) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.look(path)
	switch {
	case i == nil:
		return -1, unix.ENOENT
	case !i.isDir():
		return -1, unix.ENOTDIR
	}
	return f.open(i, path), nil
}

// OpenDir implements maildir.System.
func (f *FS) OpenDir(in int, name string) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, err := f.in(in)
	if err != nil {
		return -1, err
	}
	i := d.entries[name]
	if i == nil || !i.isDir() {
		return -1, unix.ENOENT
	}
	return f.open(i, d.path+"/"+name), nil
}

// OpenFile implements maildir.System.
func (f *FS) OpenFile(in int, name string, flags int, permissions uint32) (fd int, err error) {
	what := "open"
	if flags&unix.O_CREAT != 0 {
		what = "create"
	}
	err = f.change(what, in, name, func(d *inode) error {
		i := d.entries[name]
		switch {
		case i == nil && flags&unix.O_CREAT == 0, i == nil && d.gone:
			return unix.ENOENT
		case i == nil:
			i = f.newInode(unix.S_IFREG | permissions)
			f.do(step{dir: d, name: name, to: i})
		case flags&unix.O_EXCL != 0:
			return unix.EEXIST
		case i.isDir() && flags&(unix.O_WRONLY|unix.O_RDWR) != 0:
			return unix.EISDIR
		case flags&unix.O_TRUNC != 0:
			i.data, i.dirty, i.lost = nil, true, false
			i.mtime, i.ctime = f.now(), f.now()
		}
		fd = f.open(i, f.handles[in].path+"/"+name)
		return nil
	})
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// Close implements maildir.System.
func (f *FS) Close(fd int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.at(fd)
	delete(f.handles, fd)
	return err
}

// Read implements maildir.System.
func (f *FS) Read(fd int, p []byte) (int, error) {
	f.mu.Lock()
	h, err := f.at(fd)
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(fd, p, h.offset)
	h.offset += int64(n)
	return n, err
}

// ReadAt implements maildir.System.
func (f *FS) ReadAt(fd int, p []byte, offset int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	if err != nil {
		return 0, err
	}
	return copy(p, h.data[min(offset, int64(len(h.data))):]), nil
}

// Write implements maildir.System.
func (f *FS) Write(fd int, p []byte) (int, error) {
	f.mu.Lock()
	h, err := f.at(fd)
	f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := f.WriteAt(fd, p, h.offset)
	h.offset += int64(n)
	return n, err
}

// WriteAt implements maildir.System.
func (f *FS) WriteAt(fd int, p []byte, offset int64) (int, error) {
	fault := f.call("write", f.where(fd, ""))
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	if err != nil {
		return 0, err
	}
	if fault.Dead {
		return 0, fault.Err
	}
	if fault.Err != nil && !fault.After {
		p = p[:len(p)/2]
	}
	if end := offset + int64(len(p)); end > int64(len(h.data)) {
		h.data = append(h.data, make([]byte, end-int64(len(h.data)))...)
	}
	copy(h.data[offset:], p)
	h.dirty, h.lost = true, false
	h.mtime, h.ctime = f.now(), f.now()
	if fault.Err != nil {
		return 0, fault.Err
	}
	return len(p), nil
}

// Seek implements maildir.System.
func (f *FS) Seek(fd int, offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	if err != nil {
		return 0, err
	}
	if whence == 2 {
		offset += int64(len(h.data))
	}
	h.offset = offset
	return offset, nil
}

func (i *inode) stat() maildir.Stat {
	return maildir.Stat{Device: 1, Inode: i.number, Mode: i.mode, Size: int64(len(i.data)), MTime: i.mtime, CTime: i.ctime}
}

// Stat implements maildir.System.
func (f *FS) Stat(fd int) (maildir.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	if err != nil {
		return maildir.Stat{}, err
	}
	return h.stat(), nil
}

// StatIn implements maildir.System.
func (f *FS) StatIn(in int, name string) (st maildir.Stat, err error) {
	err = f.change("stat", in, name, func(d *inode) error {
		i := d.entries[name]
		if i == nil {
			return unix.ENOENT
		}
		st = i.stat()
		return nil
	})
	return st, err
}

// entry is a name in a directory, and where it stands.
type entry struct {
	name string
	at   uint64
	*inode
}

// Entries implements maildir.System.
func (f *FS) Entries(dir int, each func(name []byte, inode uint64, k maildir.Kind) error) error {
	for from, first := uint64(0), true; ; first = false {
		var batch []entry
		err := f.change("readdir", dir, "", func(d *inode) error {
			for name, i := range d.entries {
				if at := f.position(d, name); first || at > from {
					batch = append(batch, entry{name, at, i})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(batch, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
		rest := len(batch) > f.o.Batch
		batch = batch[:min(len(batch), f.o.Batch)]
		for _, e := range batch {
			kind := maildir.IsFile
			switch {
			case f.o.Untyped:
				kind = maildir.IsUnknown
			case e.isDir():
				kind = maildir.IsDirectory
			}
			if err := each([]byte(e.name), e.number, kind); err != nil {
				return err
			}
			from = e.at
		}
		if !rest {
			return nil
		}
	}
}

// MakeDir implements maildir.System.
func (f *FS) MakeDir(in int, name string) error {
	return f.change("mkdir", in, name, func(d *inode) error {
		switch {
		case d.entries[name] != nil:
			return unix.EEXIST
		case d.gone:
			return unix.ENOENT
		}
		f.do(step{dir: d, name: name, to: f.newDir()})
		return nil
	})
}

// Unlink implements maildir.System.
func (f *FS) Unlink(in int, name string) error {
	return f.change("unlink", in, name, func(d *inode) error {
		i := d.entries[name]
		switch {
		case i == nil:
			return unix.ENOENT
		case i.isDir():
			return unix.EISDIR
		}
		i.ctime = f.now()
		f.do(step{dir: d, name: name})
		return nil
	})
}

// Replace implements maildir.System.
func (f *FS) Replace(in int, from, to string) error {
	return f.change("replace", in, from, func(d *inode) error {
		i := d.entries[from]
		if i == nil {
			return unix.ENOENT
		}
		if i != d.entries[to] {
			i.ctime = f.now()
			f.do(step{dir: d, name: to, to: i}, step{dir: d, name: from})
		}
		return nil
	})
}

// Rename implements maildir.System.
func (f *FS) Rename(from int, name string, to int, newName string) error {
	if f.o.Links {
		if err := f.Link(from, name, to, newName); err != nil {
			return err
		}
		return f.Unlink(from, name)
	}
	return f.put("rename", from, name, to, newName)
}

// Link implements maildir.System.
func (f *FS) Link(from int, name string, to int, newName string) error {
	return f.put("link", from, name, to, newName)
}

// put gives a file a name that is free, and takes the old one away unless it is
// to be a link.
func (f *FS) put(call string, from int, name string, to int, newName string) error {
	return f.change(call, from, name, func(d *inode) error {
		target, err := f.in(to)
		i := d.entries[name]
		switch {
		case err != nil:
			return err
		case i == nil, target.gone:
			return unix.ENOENT
		case target.entries[newName] != nil:
			return unix.EEXIST
		}
		if i.isDir() && call != "renamedir" {
			return unix.EPERM
		}
		i.ctime = f.now()
		put := step{dir: target.inode, name: newName, to: i}
		if call == "link" {
			f.do(put)
		} else {
			f.do(put, step{dir: d, name: name})
		}
		return nil
	})
}

// RenameDir implements maildir.System.
func (f *FS) RenameDir(from int, name string, to int, newName string) error {
	return f.put("renamedir", from, name, to, newName)
}

// RemoveDir implements maildir.System.
func (f *FS) RemoveDir(in int, name string) error {
	return f.change("rmdir", in, name, func(d *inode) error {
		i := d.entries[name]
		switch {
		case i == nil:
			return unix.ENOENT
		case !i.isDir():
			return unix.ENOTDIR
		case len(i.entries) > 0:
			return unix.ENOTEMPTY
		}
		i.gone = true
		f.do(step{dir: d, name: name})
		return nil
	})
}

// Clone implements maildir.System.
func (f *FS) Clone(to, from int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.o.Clones {
		return unix.ENOTSUP
	}
	a, err := f.at(from)
	if err != nil {
		return err
	}
	b, err := f.at(to)
	if err != nil {
		return err
	}
	b.data, b.dirty, b.lost = bytes.Clone(a.data), true, false
	b.mtime, b.ctime = f.now(), f.now()
	return nil
}

// SetMode implements maildir.System.
func (f *FS) SetMode(fd int, permissions uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	if err != nil {
		return err
	}
	h.mode = h.mode&unix.S_IFMT | permissions
	h.ctime = f.now()
	return nil
}

// SetTime implements maildir.System.
func (f *FS) SetTime(in int, name string, seconds int64) error {
	return f.change("utimes", in, name, func(d *inode) error {
		i := d.entries[name]
		if i == nil {
			return unix.ENOENT
		}
		i.mtime, i.ctime, i.dirty = seconds*1e9, f.now(), true
		return nil
	})
}

// Sync implements maildir.System.
func (f *FS) Sync(fd int) error {
	fault := f.call("fsync", f.where(fd, ""))
	if fault.Dead {
		return fault.Err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	h, err := f.at(fd)
	switch {
	case err != nil:
		return err
	case fault.Err != nil && !fault.After:
		h.lost = h.dirty && !h.isDir()
	case h.isDir():
		f.flushDirs(h.inode)
	default:
		h.sync()
	}
	return fault.Err
}

// SyncAll implements maildir.System.
func (f *FS) SyncAll(fd int) error {
	fault := f.call("syncfs", f.where(fd, ""))
	if fault.Err == nil || fault.After {
		f.Flush()
	}
	return fault.Err
}

// CanSyncAll implements maildir.System.
func (f *FS) CanSyncAll() bool { return f.o.SyncAll }

// Process implements maildir.System.
func (f *FS) Process() (process, host string, err error) {
	process, host = f.o.Process()
	return process, host, nil
}
