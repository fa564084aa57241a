//go:build !linux

package maildir

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Entries costs a look-up for each file: Go gives no inode numbers from a
// directory here.
func (k kernel) Entries(dir int, each func(name []byte, inode uint64, k Kind) error) error {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	list := os.NewFile(uintptr(fd), ".")
	defer list.Close()
	for {
		names, err := list.Readdirnames(4096)
		for _, name := range names {
			st, err := k.StatIn(dir, name)
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return err
			}
			kind := IsOther
			switch {
			case isRegular(st):
				kind = IsFile
			case isDir(st):
				kind = IsDirectory
			}
			if err := each([]byte(name), st.Inode, kind); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(names) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
