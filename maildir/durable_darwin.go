package maildir

import (
	"errors"

	"golang.org/x/sys/unix"
)

// fsync has the drive write its cache as well, which fsync(2) alone does not on
// this system.
func fsync(fd int) error {
	err := retryErr(func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0)
		return err
	})
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) {
		return retryErr(func() error { return unix.Fsync(fd) })
	}
	return err
}

func haveSyncfs() bool { return false }

func syncfs(int) error { return unix.ENOSYS }

// renameDirNoReplace is renameNoReplace for a directory, which cannot be linked.
func renameDirNoReplace(from int, name string, to int, newName string) error {
	err := retryErr(func() error {
		return unix.RenameatxNp(from, name, to, newName, unix.RENAME_EXCL)
	})
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return renameSeen(from, name, to, newName)
	}
	return err
}

// renameNoReplace renames a file and fails with EEXIST when the new name is
// taken.
func renameNoReplace(from int, name string, to int, newName string) error {
	err := retryErr(func() error {
		return unix.RenameatxNp(from, name, to, newName, unix.RENAME_EXCL)
	})
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return linkAndUnlink(from, name, to, newName)
	}
	return err
}
