package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/internal/corpus"
)

// smallDisk puts a file system of its own at dir, as large as that. It needs root;
// without, the test is skipped.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// remount tries again while the file system is busy: a process that another test starts
// has this one's open files until it executes its program.
func remount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, options)
	for begun := time.Now(); errors.Is(err, syscall.EBUSY) && time.Since(begun) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
		err = syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, options)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// TestNearlyFullDiskStopsFetchingAndNothingElse: what is fetched stops at the
// reserve; flags and removals go on, both ways, and what could not be fetched is
// taken for nothing but that.
func TestNearlyFullDiskStopsFetchingAndNothingElse(t *testing.T) {
	t.Parallel()
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set()
	smallDisk(t, a.root, "8m")
	a.other().Fill("INBOX", 40, func(i int) []byte { return corpus.Sized(i+1, 12_000) })
	a.sync()
	a.same()

	// Somebody else fills the disk, but for what is kept (a hundredth, 80 KiB) and little more.
	ballast := filepath.Join(a.root, ".ballast")
	if err := os.WriteFile(ballast, make([]byte, free(t, a.root)-200<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	a.other().Fill("INBOX", 60, func(i int) []byte { return corpus.Sized(100+i, 12_000) })
	files := a.files("INBOX")
	a.localFlag("INBOX", files[0], `+\Flagged`)
	if err := os.Remove(files[1].path); err != nil {
		t.Fatal(err)
	}
	a.other().Expunge("INBOX", "5")
	for range 2 {
		r := a.run(nil, "sync")
		if r.exit != 1 || !strings.Contains(r.stderr, "nearly full") {
			t.Fatalf("on a disk that is nearly full: %v", r)
		}
		if left := free(t, a.root); left < 70<<10 {
			t.Errorf("%d octets are left of the reserve", left)
		}
	}
	if got := a.other().Select("INBOX").Exists; got != 40+60-2 {
		t.Errorf("the server has %d messages, want %d", got, 98)
	}
	flagged := 0
	for _, m := range a.other().Messages("INBOX") {
		if strings.Contains(strings.Join(m.Flags, " "), `\Flagged`) {
			flagged++
		}
	}
	if flagged != 1 {
		t.Errorf("%d messages are flagged on the server, want 1", flagged)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	a.sync()
	a.same()
	a.quiet()
}

// TestReadOnlyDiskChangesNothingAndLosesNothing makes the file systems of the Maildir,
// of the state, and of both read-only between two runs.
func TestReadOnlyDiskChangesNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"Maildir", "state", "both"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", "full")
			t.Cleanup(a.close)
			a.set()
			var disks []string
			if place != "state" {
				disks = append(disks, a.root)
			}
			if place != "Maildir" {
				disks = append(disks, a.state)
			}
			for _, dir := range disks {
				smallDisk(t, dir, "32m")
			}
			a.other().Fill("INBOX", 20, func(i int) []byte { return corpus.Sized(i+1, 3000) })
			a.sync()
			a.same()
			// Changes of every kind on the server; the files are as they were.
			a.other().Fill("INBOX", 5, func(i int) []byte { return corpus.Sized(50+i, 3000) })
			a.other().Store("INBOX", "3", "+", `\Flagged`)
			a.other().Expunge("INBOX", "4")
			before := a.take()
			for _, dir := range disks {
				remount(t, dir, syscall.MS_RDONLY, "")
			}
			for range 2 {
				r := a.run(nil, "sync")
				if r.exit != 1 {
					t.Errorf("a disk that cannot be written: %v", r)
				}
				if !strings.Contains(r.stderr, "read-only file system") || !strings.Contains(r.stderr, "godwit: me") {
					t.Errorf("the message does not tell what is wrong: %s", r.stderr)
				}
			}
			if changes := before.changes(a.take(), "server"); len(changes) > 0 {
				t.Errorf("the server was changed:\n%s", strings.Join(changes, "\n"))
			}
			for _, dir := range disks {
				remount(t, dir, 0, "")
			}
			a.sync()
			a.same()
			a.quiet()
		})
	}
}
