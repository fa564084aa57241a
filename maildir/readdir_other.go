//go:build !linux

package maildir

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// eachEntry calls f with every entry of d but "." and "..", in the directory's
// order, with its inode number. The name is valid during the call. Go gives no
// inode numbers from a directory here, so each file costs a look-up.
func eachEntry(d dir, f func(name []byte, inode uint64, k kind) error) error {
	if d.fd < 0 {
		return nil
	}
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return d.fail("open", "", err)
	}
	list := os.NewFile(uintptr(fd), d.path)
	defer list.Close()
	for {
		names, err := list.Readdirnames(4096)
		for _, name := range names {
			st, err := d.stat(name)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return err
			}
			k := isOther
			switch {
			case isRegular(st):
				k = isFile
			case isDir(st):
				k = isDirectory
			}
			if err := f([]byte(name), uint64(st.Ino), k); err != nil {
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
