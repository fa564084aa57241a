package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// dir is an open directory. Its methods take single names, never paths, and
// follow no symbolic link, so that nothing outside the root can be reached
// through them. Close it once.
type dir struct {
	sys  System
	fd   int
	path string // for error messages
}

// noDir is a directory that is not there: reading it finds nothing.
var noDir = dir{fd: -1}

// errName refuses a name that is more than one component of a path.
var errName = errors.New("not a file name")

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%w: %q", errName, name)
	}
	return nil
}

// openTop opens a directory by its path, as the user wrote it: the one place
// where symbolic links are followed.
func openTop(sys System, path string) (dir, error) {
	fd, err := sys.OpenPath(path)
	if err != nil {
		return noDir, pathError("open", path, err)
	}
	return dir{sys, fd, path}, nil
}

func (d dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return pathError(op, d.path+"/"+name, err)
}

func (d dir) close() {
	if d.fd >= 0 {
		_ = d.sys.Close(d.fd)
	}
}

// sub opens a directory in d. A symbolic link, or anything else that is no
// directory, does not exist for us.
func (d dir) sub(name string) (dir, error) {
	if err := checkName(name); err != nil {
		return noDir, err
	}
	fd, err := d.sys.OpenDir(d.fd, name)
	if err != nil {
		return noDir, d.fail("open", name, err)
	}
	return dir{d.sys, fd, d.path + "/" + name}, nil
}

// mkdir makes a directory in d, unless it is there, and tells whether it did.
func (d dir) mkdir(name string) (made bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	err = d.sys.MakeDir(d.fd, name)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, d.fail("mkdir", name, err)
}

// file opens or creates a regular file in d.
func (d dir) file(name string, flags int) (*file, error) {
	return d.fileWith(name, flags, 0o600)
}

// fileWith is file, with the permissions that a new one has.
func (d dir) fileWith(name string, flags int, permissions uint32) (*file, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	fd, err := d.sys.OpenFile(d.fd, name, flags, permissions)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return &file{d.sys, fd}, nil
}

// stat looks at an entry of d, not through a link.
func (d dir) stat(name string) (Stat, error) {
	if err := checkName(name); err != nil {
		return Stat{}, err
	}
	st, err := d.sys.StatIn(d.fd, name)
	return st, d.fail("stat", name, err)
}

// has tells whether d holds a directory of that name.
func (d dir) has(name string) (bool, error) {
	st, err := d.stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && isDir(st), err
}

// eachEntry calls f with every entry of d but "." and "..", in the directory's
// order, with its inode number. The name is valid during the call.
func eachEntry(d dir, f func(name []byte, inode uint64, k Kind) error) error {
	if d.fd < 0 {
		return nil
	}
	var own error // f's, which needs no path
	err := d.sys.Entries(d.fd, func(name []byte, inode uint64, k Kind) error {
		own = f(name, inode, k)
		return own
	})
	if own != nil {
		return own
	}
	return d.fail("readdir", "", err)
}

// kind is what an entry of d is, where reading the directory did not say.
func (d dir) kind(name string, said Kind) (Kind, error) {
	if said != IsUnknown {
		return said, nil
	}
	st, err := d.stat(name)
	switch {
	case err != nil:
		return said, err
	case isDir(st):
		return IsDirectory, nil
	case isRegular(st):
		return IsFile, nil
	}
	return IsOther, nil
}

func (d dir) unlink(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return d.fail("unlink", name, d.sys.Unlink(d.fd, name))
}

// replace renames a file, over another if there is one. It is for files of our
// own; messages are moved by move.
func (d dir) replace(from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	return d.fail("rename", from, d.sys.Replace(d.fd, from, to))
}

// move renames a file, never over another one: then the error is fs.ErrExist.
// Where a rename is a link and an unlink, the first half may have been done
// without the second, and be in the way of every later try: then the second is
// done. And another program may have renamed the file between the two: then the
// first is taken back, for the message would be there twice, and the error is
// fs.ErrNotExist. It is also taken back where the first half is said to have
// failed, and did not.
func (d dir) move(name string, to dir, newName string) error {
	if err := errors.Join(checkName(name), checkName(newName)); err != nil {
		return err
	}
	err := d.sys.Rename(d.fd, name, to.fd, newName)
	if errors.Is(err, fs.ErrExist) && (d.fd != to.fd || name != newName) && d.isAlso(name, to, newName) {
		err = d.sys.Unlink(d.fd, name)
	}
	switch {
	case isMissing(err):
		err = errors.Join(err, d.takeBack(to, newName))
	case err != nil && !errors.Is(err, fs.ErrExist) && (d.fd != to.fd || name != newName) && d.isAlso(name, to, newName):
		err = errors.Join(err, to.unlink(newName))
	}
	if err != nil {
		return pathError("rename", d.path+"/"+name+" to "+to.path+"/"+newName, err)
	}
	return nil
}

// takeBack removes the name that a file got in to, if it has yet another one in
// either directory. (It may have none: a system that tries an unlink again when the
// answer is lost says that the name is not there.)
func (d dir) takeBack(to dir, newName string) error {
	st, err := to.stat(newName)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, in := range [...]dir{d, to} {
		other := ""
		err := eachEntry(in, func(name []byte, inode uint64, _ Kind) error {
			if inode == st.Inode && (in.fd != to.fd || string(name) != newName) {
				other = string(name)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if other != "" && in.isAlso(other, to, newName) {
			return to.unlink(newName)
		}
	}
	return nil
}

// isAlso tells that two names are of one file.
func (d dir) isAlso(name string, other dir, otherName string) bool {
	one, err := d.sys.StatIn(d.fd, name)
	if err != nil {
		return false
	}
	two, err := d.sys.StatIn(other.fd, otherName)
	return err == nil && isRegular(one) && one.Inode == two.Inode && one.Device == two.Device
}

// setTime sets a file's mtime, in seconds since 1970.
func (d dir) setTime(name string, seconds int64) error {
	return d.fail("utimes", name, d.sys.SetTime(d.fd, name, seconds))
}

func (d dir) sync() error { return d.fail("fsync", "", d.sys.Sync(d.fd)) }

// file is an open file. It is an *os.File without the poller and the finalizer,
// which would cost more than writing a small message does.
type file struct {
	sys System
	fd  int
}

func (f *file) Close() error {
	fd := f.fd
	f.fd = -1
	if fd < 0 {
		return fs.ErrClosed
	}
	return f.sys.Close(fd)
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.sys.Read(f.fd, p)
	if err != nil {
		return 0, err
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *file) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.sys.Write(f.fd, p[done:])
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.sys.ReadAt(f.fd, p[done:], offset+int64(done))
		if err != nil {
			return done, err
		}
		if n == 0 {
			return done, io.EOF
		}
		done += n
	}
	return done, nil
}

func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.sys.WriteAt(f.fd, p[done:], offset+int64(done))
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Seek sets the position from the file's start or end.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	return f.sys.Seek(f.fd, offset, whence)
}

func (f *file) stat() (Stat, error) { return f.sys.Stat(f.fd) }

func (f *file) sync() error { return f.sys.Sync(f.fd) }

func (f *file) setMode(permissions uint32) error { return f.sys.SetMode(f.fd, permissions) }
