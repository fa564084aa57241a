package maildir

import (
	"fmt"
	"path/filepath"

	"godwit/mail"
)

// A disk that is filled to its last block takes other programs' work with it, and
// ours: the state database, the trash, the renaming of a file. So fetching stops
// while this much is left: 64 MiB, or a hundredth of a file system smaller than
// 6.4 GB; and as many files, where their number is limited, as 16 KiB each would
// need.
const (
	mostReserve    = 64 << 20
	reservePart    = 100
	octetsForAFile = 16 << 10
)

// space is how much there is of a file system, and is left to its users. A size
// that is zero is not limited, or not told.
type space struct {
	octets, freeOctets uint64
	files, freeFiles   uint64
}

// checkSpace fails with [mail.ErrDisk] where a message of that size, which may be
// unknown, would leave less than the reserve: of the Maildir's file system, or of
// that of the state directory, which each message needs as well.
func (a *Account) checkSpace(size int64) error {
	places := []string{a.root}
	if a.trash != "" {
		places = append(places, filepath.Dir(a.trash))
	}
	for _, path := range places {
		s, err := a.statfs(path)
		if err != nil {
			continue // not there yet, or on something that does not tell
		}
		if err := s.check(max(size, 0)); err != nil {
			return fmt.Errorf("%w: the file system of %s is nearly full: %w", mail.ErrDisk, path, err)
		}
	}
	return nil
}

func (s space) check(size int64) error {
	keep := min(mostReserve, s.octets/reservePart)
	if s.octets > 0 && s.freeOctets < keep+uint64(size) {
		return fmt.Errorf("%s are left, and %s are kept free", inKiB(s.freeOctets), inKiB(keep))
	}
	keep = min(mostReserve/octetsForAFile, s.files/reservePart)
	if s.files > 0 && s.freeFiles < keep {
		return fmt.Errorf("there is room for %d more files, and for %d it is kept free", s.freeFiles, keep)
	}
	return nil
}

// inKiB writes a number of octets as one reads it.
func inKiB(n uint64) string {
	if n >= 10<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
