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

// Entries looks nothing up: getdents gives all there is to know (getdents64(2)).
func (kernel) Entries(dir int, each func(name []byte, inode uint64, k Kind) error) error {
	if _, err := unix.Seek(dir, 0, 0); err != nil {
		return err
	}
	pooled := direntBuffers.Get().(*[]byte)
	defer direntBuffers.Put(pooled)
	buf := *pooled
	const header = int(unsafe.Offsetof(unix.Dirent{}.Name))
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(dir, buf) })
		if err != nil {
			return err
		}
		if n <= 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) >= header; {
			size := int(binary.NativeEndian.Uint16(rest[unsafe.Offsetof(unix.Dirent{}.Reclen):]))
			if size < header || size > len(rest) {
				return unix.EIO
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
			k := IsOther
			switch entry[unsafe.Offsetof(unix.Dirent{}.Type)] {
			case unix.DT_REG:
				k = IsFile
			case unix.DT_DIR:
				k = IsDirectory
			case unix.DT_UNKNOWN:
				k = IsUnknown
			}
			if err := each(name, inode, k); err != nil {
				return err
			}
		}
	}
}
