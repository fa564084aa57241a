//go:build !linux && !darwin

package maildir

import "golang.org/x/sys/unix"

func fsync(fd int) error { return retryErr(func() error { return unix.Fsync(fd) }) }

func haveSyncfs() bool { return false }

func syncfs(int) error { return unix.ENOSYS }

// renameDirNoReplace is renameNoReplace for a directory, which cannot be linked.
func renameDirNoReplace(from int, name string, to int, newName string) error {
	return renameSeen(from, name, to, newName)
}

// renameNoReplace renames a file and fails with EEXIST when the new name is
// taken.
func renameNoReplace(from int, name string, to int, newName string) error {
	return linkAndUnlink(from, name, to, newName)
}
