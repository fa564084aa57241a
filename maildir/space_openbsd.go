package maildir

import "golang.org/x/sys/unix"

// statfs asks the file system that path is on. What is left is what is left to
// users: the superuser's part is not touched, even by the superuser.
func statfs(path string) (space, error) {
	var st unix.Statfs_t
	if err := retryErr(func() error { return unix.Statfs(path, &st) }); err != nil {
		return space{}, err
	}
	size := uint64(st.F_bsize)
	return space{
		octets: st.F_blocks * size, freeOctets: uint64(max(st.F_bavail, 0)) * size,
		files: st.F_files, freeFiles: uint64(max(st.F_favail, 0)),
	}, nil
}
