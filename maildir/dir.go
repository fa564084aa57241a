package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// dir is an open directory. Its methods take single names, never paths, and
// follow no symbolic link, so that nothing outside the root can be reached
// through them. Close it once.
type dir struct {
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
func openTop(path string) (dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return noDir, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return dir{fd, path}, nil
}

// retry repeats a system call that a signal interrupted.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

func retryErr(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (d dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.path + "/" + name, Err: err}
}

func (d dir) close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
	}
}

// sub opens a directory in d. A symbolic link, or anything else that is no
// directory, does not exist for us.
func (d dir) sub(name string) (dir, error) {
	if err := checkName(name); err != nil {
		return noDir, err
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EMLINK):
		err = unix.ENOENT
	}
	if err != nil {
		return noDir, d.fail("open", name, err)
	}
	return dir{fd, d.path + "/" + name}, nil
}

// mkdir makes a directory in d, unless it is there, and tells whether it did.
func (d dir) mkdir(name string) (made bool, err error) {
	if err := checkName(name); err != nil {
		return false, err
	}
	err = retryErr(func() error { return unix.Mkdirat(d.fd, name, 0o700) })
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	return err == nil, d.fail("mkdir", name, err)
}

// file opens or creates a regular file in d.
func (d dir) file(name string, flags int) (*file, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	// O_NONBLOCK keeps a FIFO that somebody put there from stopping us.
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	})
	if errors.Is(err, unix.ELOOP) {
		err = unix.ENOENT
	}
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return &file{fd: fd}, nil
}

// stat looks at an entry of d, not through a link.
func (d dir) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := checkName(name); err != nil {
		return st, err
	}
	err := retryErr(func() error { return unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
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

func isDir(st unix.Stat_t) bool     { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFDIR }
func isRegular(st unix.Stat_t) bool { return uint32(st.Mode)&unix.S_IFMT == unix.S_IFREG }

func (d dir) unlink(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return d.fail("unlink", name, retryErr(func() error { return unix.Unlinkat(d.fd, name, 0) }))
}

// replace renames a file, over another if there is one. It is for files of our
// own; messages are moved by move.
func (d dir) replace(from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	return d.fail("rename", from, retryErr(func() error { return unix.Renameat(d.fd, from, d.fd, to) }))
}

// move renames a file, never over another one: then the error is fs.ErrExist.
func (d dir) move(name string, to dir, newName string) error {
	if err := errors.Join(checkName(name), checkName(newName)); err != nil {
		return err
	}
	if err := renameNoReplace(d.fd, name, to.fd, newName); err != nil {
		return &fs.PathError{Op: "rename", Path: d.path + "/" + name + " to " + to.path + "/" + newName, Err: err}
	}
	return nil
}

// linkAndUnlink is move for file systems without a rename that keeps what is
// there. If we die between the two, the file has both names; a scan sees one.
func linkAndUnlink(from int, name string, to int, newName string) error {
	if err := retryErr(func() error { return unix.Linkat(from, name, to, newName, 0) }); err != nil {
		return err
	}
	return retryErr(func() error { return unix.Unlinkat(from, name, 0) })
}

// setTime sets a file's mtime, in seconds since 1970.
func (d dir) setTime(name string, seconds int64) error {
	ts := unix.NsecToTimespec(seconds * 1e9)
	return d.fail("utimes", name, retryErr(func() error {
		return unix.UtimesNanoAt(d.fd, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	}))
}

func (d dir) sync() error { return d.fail("fsync", "", fsync(d.fd)) }

// file is an open file. It is an *os.File without the poller and the finalizer,
// which would cost more than writing a small message does.
type file struct{ fd int }

func (f *file) Close() error {
	fd := f.fd
	f.fd = -1
	if fd < 0 {
		return fs.ErrClosed
	}
	return unix.Close(fd)
}

func (f *file) Read(p []byte) (int, error) {
	n, err := retry(func() (int, error) { return unix.Read(f.fd, p) })
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
		n, err := retry(func() (int, error) { return unix.Write(f.fd, p[done:]) })
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
		n, err := retry(func() (int, error) { return unix.Pread(f.fd, p[done:], offset+int64(done)) })
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
		n, err := retry(func() (int, error) { return unix.Pwrite(f.fd, p[done:], offset+int64(done)) })
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Seek sets the position from the file's start or end.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	return unix.Seek(f.fd, offset, whence)
}

func (f *file) stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstat(f.fd, &st) })
	return st, err
}
