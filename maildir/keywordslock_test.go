package maildir_test

import (
	"errors"
	"path"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"godwit/internal/simfs"
	"godwit/mail"
	"godwit/maildir"
)

// TestAKeywordLockThatWasMadeAlthoughItFailedIsKnownForOurs: the file is there, and the
// system said that it could not be made, or the run died at once. The next one who
// changes the table takes no other program to hold it.
func TestAKeywordLockThatWasMadeAlthoughItFailedIsKnownForOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := 1 // how often it fails
		disk := simfs.New(simfs.Options{Now: time.Now, SyncAll: true, Process: func() (string, string) { return "P1", "host" },
			Call: func(name, at string) (f simfs.Fault) {
				if left > 0 && name == "create" && path.Base(at) == "dovecot-keywords.lock" {
					left--
					f.Err, f.After = unix.EIO, true
				}
				return f
			}})
		a, err := maildir.Open(maildir.Options{Root: "/mail", TrashDir: "/trash", Account: "test", System: disk})
		if err == nil {
			err = errors.Join(a.Init(t.Context()), a.Create(t.Context(), "Work"))
		}
		if err != nil {
			t.Fatal(err)
		}
		disk.Put("/mail/Work/cur/k:2,", []byte("x\n"), true)
		flag := func() error {
			results, err := a.SetFlags(t.Context(), "Work", []mail.KeyFlags{{Key: "k", Delta: mail.FlagDelta{Add: mail.ParseFlags("Urgent")}}})
			return errors.Join(append(results, err)...)
		}
		if err := flag(); !errors.Is(err, unix.EIO) {
			t.Fatalf("a lock that could not be made: %v", err)
		}
		if !disk.Has("/mail/Work/dovecot-keywords.lock") {
			t.Fatal("no lock is left: nothing is tested")
		}
		if err := flag(); err != nil {
			t.Fatalf("with the lock of the one before: %v", err)
		}
		if !disk.Has("/mail/Work/cur/k:2,a") || disk.Has("/mail/Work/dovecot-keywords.lock") {
			t.Error("the keyword has no letter, or the lock is left")
		}
	})
}
