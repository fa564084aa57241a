package maildir

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// System is what this package asks of an operating system, a method a system
// call. Files and directories are numbers that it hands out, to be closed once.
// A name is a single component of a path: [Account] checks that before it asks,
// and no method follows a symbolic link that a name is. Errors are those of the
// system (unix.ENOENT …), without a path.
//
// Programs have the kernel's ([Options].System left nil); a simulated one lets
// tests cut the power at any call.
type System interface {
	// OpenPath opens a directory by a path, through links: the one call that
	// takes a path.
	OpenPath(path string) (fd int, err error)
	// OpenDir opens a directory in another one. ENOENT for a symbolic link and
	// for what is no directory.
	OpenDir(in int, name string) (fd int, err error)
	// OpenFile opens a file, with the flags of open(2); a new one has these permissions
	// from the first moment on. ENOENT for a symbolic link. It does not wait for the
	// other end of a FIFO.
	OpenFile(in int, name string, flags int, permissions uint32) (fd int, err error)
	Close(fd int) error

	// Read and Write are read(2) and write(2): fewer octets than asked for are
	// no error, none are the end of the file.
	Read(fd int, p []byte) (int, error)
	Write(fd int, p []byte) (int, error)
	ReadAt(fd int, p []byte, offset int64) (int, error)
	WriteAt(fd int, p []byte, offset int64) (int, error)
	// Seek sets the position from the file's start or end, as lseek(2) does.
	Seek(fd int, offset int64, whence int) (int64, error)

	// Stat looks at what is open, StatIn at an entry of a directory.
	Stat(fd int) (Stat, error)
	StatIn(in int, name string) (Stat, error)
	// Entries calls each with every entry but "." and "..", in the directory's
	// order, with its inode number. The name is valid during the call. An error
	// of each ends it and is returned.
	Entries(dir int, each func(name []byte, inode uint64, k Kind) error) error

	// MakeDir makes a directory of mode 0700.
	MakeDir(in int, name string) error
	Unlink(in int, name string) error
	// Replace renames within a directory, over a file that has the new name.
	Replace(in int, from, to string) error
	// Rename fails with EEXIST when the new name is taken. On systems that cannot
	// do that at once, a crash may leave both names.
	Rename(from int, name string, to int, newName string) error
	// Link gives a file a second name; EEXIST when it is taken.
	Link(from int, name string, to int, newName string) error
	// Clone makes an empty file share the blocks of another one. It fails where
	// the file system cannot.
	Clone(to, from int) error
	// RenameDir is Rename for a directory. On systems that cannot do that at once,
	// one that is empty and was made meanwhile may be replaced.
	RenameDir(from int, name string, to int, newName string) error
	// RemoveDir removes a directory; ENOTEMPTY or EEXIST when something is in it.
	RemoveDir(in int, name string) error
	SetMode(fd int, permissions uint32) error
	// SetTime sets mtime and atime, in seconds since 1970.
	SetTime(in int, name string, seconds int64) error

	// Sync makes an open file's content, or an open directory's entries, durable.
	Sync(fd int) error
	// SyncAll does so for all of the file system that fd is on. CanSyncAll tells
	// whether there is such a call, and one that reports errors.
	SyncAll(fd int) error
	CanSyncAll() bool

	// Process gives a name that no other process ever has, and the host's.
	Process() (process, host string, err error)
}

// Stat is what the system tells of a file or directory.
type Stat struct {
	Device, Inode uint64
	Mode          uint32 // type and permissions, as in stat(2)
	Size          int64  // octets
	MTime, CTime  int64  // ns since 1970
}

// date is the mtime in whole seconds, before it where it is a fraction more.
func (st Stat) date() mail.UnixTime {
	return mail.UnixTime(time.Unix(0, st.MTime).Unix())
}

func isDir(st Stat) bool     { return st.Mode&unix.S_IFMT == unix.S_IFDIR }
func isRegular(st Stat) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }

// Kind is what a directory entry is.
type Kind uint8

// The kinds of entries.
const (
	IsFile Kind = iota
	IsDirectory
	IsOther   // a link, a socket …
	IsUnknown // the file system does not say
)

// kernel is the System that programs have.
type kernel struct{}

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

func (kernel) OpenPath(path string) (int, error) {
	return retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

func (kernel) OpenDir(in int, name string) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(in, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	switch err {
	case unix.ELOOP, unix.ENOTDIR, unix.EMLINK:
		err = unix.ENOENT
	}
	return fd, err
}

func (kernel) OpenFile(in int, name string, flags int, permissions uint32) (int, error) {
	// O_NONBLOCK keeps a FIFO that somebody put there from stopping us.
	fd, err := retry(func() (int, error) {
		return unix.Openat(in, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, permissions)
	})
	if err == unix.ELOOP {
		err = unix.ENOENT
	}
	return fd, err
}

func (kernel) Close(fd int) error { return unix.Close(fd) }

func (kernel) Read(fd int, p []byte) (int, error) {
	return retry(func() (int, error) { return unix.Read(fd, p) })
}

func (kernel) Write(fd int, p []byte) (int, error) {
	return retry(func() (int, error) { return unix.Write(fd, p) })
}

func (kernel) ReadAt(fd int, p []byte, offset int64) (int, error) {
	return retry(func() (int, error) { return unix.Pread(fd, p, offset) })
}

func (kernel) WriteAt(fd int, p []byte, offset int64) (int, error) {
	return retry(func() (int, error) { return unix.Pwrite(fd, p, offset) })
}

func (kernel) Seek(fd int, offset int64, whence int) (int64, error) {
	return unix.Seek(fd, offset, whence)
}

func statOf(st *unix.Stat_t) Stat {
	return Stat{
		Device: uint64(st.Dev), Inode: uint64(st.Ino), Mode: uint32(st.Mode), Size: int64(st.Size),
		MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano(),
	}
}

func (kernel) Stat(fd int) (Stat, error) {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstat(fd, &st) })
	return statOf(&st), err
}

func (kernel) StatIn(in int, name string) (Stat, error) {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstatat(in, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return statOf(&st), err
}

func (kernel) MakeDir(in int, name string) error {
	return retryErr(func() error { return unix.Mkdirat(in, name, 0o700) })
}

func (kernel) Unlink(in int, name string) error {
	return retryErr(func() error { return unix.Unlinkat(in, name, 0) })
}

func (kernel) Replace(in int, from, to string) error {
	return retryErr(func() error { return unix.Renameat(in, from, in, to) })
}

func (kernel) Rename(from int, name string, to int, newName string) error {
	return renameNoReplace(from, name, to, newName)
}

func (kernel) RenameDir(from int, name string, to int, newName string) error {
	return renameDirNoReplace(from, name, to, newName)
}

func (kernel) RemoveDir(in int, name string) error {
	return retryErr(func() error { return unix.Unlinkat(in, name, unix.AT_REMOVEDIR) })
}

// renameSeen is RenameDir for systems that have no rename that keeps what is
// there: over nothing that a look just before has seen. rename(2) itself keeps any
// directory that is not empty.
func renameSeen(from int, name string, to int, newName string) error {
	var st unix.Stat_t
	err := retryErr(func() error { return unix.Fstatat(to, newName, &st, unix.AT_SYMLINK_NOFOLLOW) })
	switch {
	case err == nil:
		return unix.EEXIST
	case !errors.Is(err, unix.ENOENT):
		return err
	}
	return retryErr(func() error { return unix.Renameat(from, name, to, newName) })
}

// linkAndUnlink is Rename for file systems without a rename that keeps what is
// there. If we die between the two, the file has both names; a scan sees one.
func linkAndUnlink(from int, name string, to int, newName string) error {
	if err := (kernel{}).Link(from, name, to, newName); err != nil {
		return err
	}
	return retryErr(func() error { return unix.Unlinkat(from, name, 0) })
}

func (kernel) Link(from int, name string, to int, newName string) error {
	return retryErr(func() error { return unix.Linkat(from, name, to, newName, 0) })
}

func (kernel) Clone(to, from int) error { return clone(to, from) }

func (kernel) SetMode(fd int, permissions uint32) error {
	return retryErr(func() error { return unix.Fchmod(fd, permissions) })
}

func (kernel) SetTime(in int, name string, seconds int64) error {
	ts := unix.NsecToTimespec(seconds * 1e9)
	return retryErr(func() error {
		return unix.UtimesNanoAt(in, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

func (kernel) Sync(fd int) error    { return fsync(fd) }
func (kernel) SyncAll(fd int) error { return syncfs(fd) }
func (kernel) CanSyncAll() bool     { return haveSyncfs() }

func (kernel) Process() (process, host string, err error) {
	if host, err = os.Hostname(); err != nil {
		return "", "", err
	}
	random, err := randomHex()
	return strconv.Itoa(os.Getpid()) + keyMark + random, host, err
}

var _ System = kernel{}

// pathError is an error of the system with its path.
func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}
