package maildir

import (
	"encoding/binary"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direntBuffers hold what one call of getdents gives: large, for a call costs
// more than a name.
var direntBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// eachEntry calls f with every entry of d but "." and "..", in the directory's
// order, with its inode number. The name is valid during the call. Nothing is
// looked up: getdents gives all there is to know (getdents64(2)).
func eachEntry(d dir, f func(name []byte, inode uint64, k kind) error) error {
	if d.fd < 0 {
		return nil
	}
	if _, err := unix.Seek(d.fd, 0, 0); err != nil {
		return d.fail("seek", "", err)
	}
	pooled := direntBuffers.Get().(*[]byte)
	defer direntBuffers.Put(pooled)
	buf := *pooled
	const header = int(unsafe.Offsetof(unix.Dirent{}.Name))
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(d.fd, buf) })
		if err != nil {
			return d.fail("readdir", "", err)
		}
		if n <= 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) >= header; {
			size := int(binary.NativeEndian.Uint16(rest[unsafe.Offsetof(unix.Dirent{}.Reclen):]))
			if size < header || size > len(rest) {
				return d.fail("readdir", "", unix.EIO)
			}
			entry := rest[:size]
			rest = rest[size:]
			inode := binary.NativeEndian.Uint64(entry)
			name := entry[header:]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			if inode == 0 || len(name) == 0 || string(name) == "." || string(name) == ".." {
				continue
			}
			k := isOther
			switch entry[unsafe.Offsetof(unix.Dirent{}.Type)] {
			case unix.DT_REG:
				k = isFile
			case unix.DT_DIR:
				k = isDirectory
			case unix.DT_UNKNOWN:
				k = isUnknown
			}
			if err := f(name, inode, k); err != nil {
				return err
			}
		}
	}
}
