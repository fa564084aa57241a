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

// Asking costs a twentieth of a first pull when it is done for every message. So a
// file system with room to spare is asked again only after this much: far less than
// the reserve, so that what others write meanwhile does not matter.
const (
	mostGranted      = 4 << 20
	mostFilesGranted = 256
	grantedPart      = 16 // of what is free above the reserve
)

// allowance is what may be stored before the file systems are asked again.
type allowance struct{ octets, files uint64 }

// take uses up room for a message of that size; false where there is not enough.
func (r *allowance) take(size int64) bool {
	need := uint64(size) + octetsForAFile
	if size < 0 || r.files == 0 || r.octets < need {
		return false
	}
	r.octets, r.files = r.octets-need, r.files-1
	return true
}

// checkSpace fails with [mail.ErrDisk] where a message of that size, which may be
// unknown, would leave less than the reserve: of the Maildir's file system, or of
// that of the state directory, which each message needs as well.
func (a *Account) checkSpace(size int64) error {
	a.mu.Lock()
	granted := a.room.take(size)
	a.mu.Unlock()
	if granted {
		return nil
	}
	places := []string{a.root}
	if a.trash != "" {
		places = append(places, filepath.Dir(a.trash))
	}
	next := allowance{octets: mostGranted, files: mostFilesGranted}
	for _, path := range places {
		s, err := a.statfs(path)
		if err != nil {
			continue // not there yet, or on something that does not tell
		}
		if err := s.check(max(size, 0)); err != nil {
			return fmt.Errorf("%w: the file system of %s is nearly full: %w", mail.ErrDisk, path, err)
		}
		next = s.grant(next)
	}
	a.mu.Lock()
	a.room = next
	a.mu.Unlock()
	return nil
}

// grant is how much of r may be stored without asking this file system again.
func (s space) grant(r allowance) allowance {
	if keep := s.reserve(); s.octets > 0 {
		r.octets = min(r.octets, (s.freeOctets-min(keep, s.freeOctets))/grantedPart)
	}
	if keep := s.reservedFiles(); s.files > 0 {
		r.files = min(r.files, (s.freeFiles-min(keep, s.freeFiles))/grantedPart)
	}
	return r
}

func (s space) reserve() uint64 { return min(mostReserve, s.octets/reservePart) }

func (s space) reservedFiles() uint64 {
	return min(mostReserve/octetsForAFile, s.files/reservePart)
}

func (s space) check(size int64) error {
	keep := s.reserve()
	if s.octets > 0 && s.freeOctets < keep+uint64(size) {
		return fmt.Errorf("%s are left, and %s are kept free", inKiB(s.freeOctets), inKiB(keep))
	}
	keep = s.reservedFiles()
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
