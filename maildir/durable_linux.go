package maildir

import (
	"errors"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

func fsync(fd int) error { return retryErr(func() error { return unix.Fsync(fd) }) }

func syncfs(fd int) error { return retryErr(func() error { return unix.Syncfs(fd) }) }

// haveSyncfs tells whether syncfs reports write errors: since Linux 5.8.
var haveSyncfs = sync.OnceValue(func() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	major, rest, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	return a > 5 || a == 5 && b >= 8
})

// renameDirNoReplace is renameNoReplace for a directory, which cannot be linked.
func renameDirNoReplace(from int, name string, to int, newName string) error {
	err := retryErr(func() error {
		return unix.Renameat2(from, name, to, newName, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return renameSeen(from, name, to, newName)
	}
	return err
}

// renameNoReplace renames a file and fails with EEXIST when the new name is
// taken.
func renameNoReplace(from int, name string, to int, newName string) error {
	err := retryErr(func() error {
		return unix.Renameat2(from, name, to, newName, unix.RENAME_NOREPLACE)
	})
	// EINVAL is a file system that cannot (NFS), ENOSYS an old kernel.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkAndUnlink(from, name, to, newName)
	}
	return err
}
