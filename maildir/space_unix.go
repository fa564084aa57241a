//go:build !openbsd

package maildir

import "golang.org/x/sys/unix"

// statfs asks the file system that path is on. What is left is what is left to
// users: the superuser's part is not touched, even by the superuser.
func statfs(path string) (space, error) {
	var st unix.Statfs_t
	if err := retryErr(func() error { return unix.Statfs(path, &st) }); err != nil {
		return space{}, err
	}
	size := uint64(st.Bsize)
	return space{
		octets: uint64(st.Blocks) * size, freeOctets: notNegative(int64(st.Bavail)) * size,
		files: uint64(st.Files), freeFiles: notNegative(int64(st.Ffree)),
	}, nil
}

// notNegative: some systems count what the superuser took of the reserve as less
// than nothing.
func notNegative(n int64) uint64 { return uint64(max(n, 0)) }
