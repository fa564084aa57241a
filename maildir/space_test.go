package maildir

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"godwit/mail"
)

func TestADiskThatIsNearlyFullTakesNoMessages(t *testing.T) {
	t.Parallel()
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		name          string
		maildir, held space
		size          int64
		full          bool
	}{
		{"half empty", space{octets: 100 * gib, freeOctets: 50 * gib}, space{}, 1, false},
		{"just enough", space{octets: 100 * gib, freeOctets: 65 * mib}, space{}, mib, false},
		{"one message too many", space{octets: 100 * gib, freeOctets: 65 * mib}, space{}, mib + 1, true},
		{"unknown size", space{octets: 100 * gib, freeOctets: 64 * mib}, space{}, -1, false},
		{"a small one keeps less", space{octets: 100 * mib, freeOctets: 2 * mib}, space{}, mib, false},
		{"but keeps some", space{octets: 100 * mib, freeOctets: mib - 1}, space{}, 0, true},
		{"the state's", space{octets: 100 * gib, freeOctets: 50 * gib}, space{octets: 100 * gib, freeOctets: 63 * mib}, 1, true},
		{"no more files", space{octets: 100 * gib, freeOctets: 50 * gib, files: 1e6, freeFiles: 100}, space{}, 1, true},
		{"files are not limited", space{octets: 100 * gib, freeOctets: 50 * gib, files: 0, freeFiles: 0}, space{}, 1, false},
		{"nothing is told", space{}, space{}, gib, false},
	} {
		state := t.TempDir()
		a := newAccount(t, Options{Root: filepath.Join(t.TempDir(), "mail"), TrashDir: filepath.Join(state, "trash")})
		must(t, a.Create(ctx(), "INBOX"))
		a.statfs = func(path string) (space, error) {
			if path == state {
				return c.held, nil
			}
			return c.maildir, nil
		}
		err := a.checkSpace(c.size)
		if full := errors.Is(err, mail.ErrDisk); full != c.full {
			t.Errorf("%s: %v", c.name, err)
		}
		if !c.full {
			continue
		}
		if _, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: c.size}, strings.NewReader("")); !errors.Is(err, mail.ErrDisk) || !strings.Contains(err.Error(), "nearly full") {
			t.Errorf("%s: storing a message: %v", c.name, err)
		}
		equalStrings(t, "files", files(t, a, "INBOX"), nil)
	}
}

func TestADiskWithRoomIsNotAskedForEachMessageAndAFullingOneIs(t *testing.T) {
	t.Parallel()
	const mib, gib = 1 << 20, 1 << 30
	a := newAccount(t, Options{Root: filepath.Join(t.TempDir(), "mail")})
	free, asked := uint64(50*gib), 0
	a.statfs = func(path string) (space, error) {
		if path == a.root {
			asked++
		}
		return space{octets: 100 * gib, freeOctets: free, files: 1e6, freeFiles: 1e6}, nil
	}
	for range 1000 {
		must(t, a.checkSpace(4<<10))
	}
	if asked > 1000*(4+16)/4096+2 {
		t.Errorf("asked %d times for a thousand small messages", asked)
	}
	// What is stored is told from now on, and so is the end.
	free = 66 * mib
	stored, err := uint64(0), error(nil)
	for err == nil && stored < 2*mostGranted {
		if err = a.checkSpace(64 << 10); err == nil {
			stored, free = stored+64<<10, free-64<<10
		}
	}
	if !errors.Is(err, mail.ErrDisk) || stored > mostGranted+2*mib {
		t.Errorf("%d octets were stored before %v", stored, err)
	}
	asked, free = 0, 50*gib
	must(t, a.checkSpace(-1))
	must(t, a.checkSpace(-1))
	if asked != 2 {
		t.Errorf("asked %d times for two messages of unknown size", asked)
	}
}

func TestTheFileSystemIsAsked(t *testing.T) {
	t.Parallel()
	s, err := statfs(t.TempDir())
	must(t, err)
	if s.octets == 0 || s.freeOctets > s.octets {
		t.Errorf("%+v", s)
	}
	if _, err := statfs(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a place that is not there has room")
	}
}
