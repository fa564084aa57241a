package maildir_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"godwit/internal/simfs"
	"godwit/mail"
	"godwit/maildir"

	"golang.org/x/sys/unix"
)

// TestFlushingManySurvivesAPowerCut, or says that it failed: then of all of them,
// since nobody can ask again. A mailbox that is not there is told alone.
func TestFlushingManySurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	for _, syncAll := range []bool{true, false} {
		for _, fails := range []bool{false, true} {
			failing := false
			disk := simfs.New(simfs.Options{Now: time.Now, SyncAll: syncAll, Process: func() (string, string) { return "P1", "host" },
				Call: func(call, _ string) (f simfs.Fault) {
					if failing && strings.Contains(call, "sync") {
						f.Err, failing = unix.EIO, false
					}
					return f
				}})
			a, err := maildir.Open(maildir.Options{Root: "/mail", TrashDir: "/trash", Account: "test", System: disk})
			if err == nil {
				err = a.Init(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			var names []mail.Mailbox
			for i := range 5 {
				m := mail.Mailbox(fmt.Sprintf("M%d", i))
				if err := a.Create(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				names = append(names, m)
			}
			disk.Flush()
			for _, m := range names {
				disk.Put("/mail/"+string(m)+"/cur/1.mine:2,S", []byte("A: b\n\nc\n"), false)
			}
			failing = fails
			errs := a.FlushMany(t.Context(), append(names, "nowhere"))
			if len(errs) != 6 || !errors.Is(errs[5], mail.ErrNoMailbox) {
				t.Fatalf("a mailbox that is not there: %v", errs)
			}
			for i := range names {
				if errors.Is(errs[i], unix.EIO) != fails || !fails && errs[i] != nil {
					t.Errorf("syncfs %v, failing %v, %s: %v", syncAll, fails, names[i], errs[i])
				}
			}
			if fails {
				continue
			}
			disk.Crash(func() bool { return false }, rand.New(rand.NewPCG(1, 1)))
			for _, m := range names {
				if !disk.Has("/mail/" + string(m) + "/cur/1.mine:2,S") {
					t.Errorf("syncfs %v: the name in %s went with the power", syncAll, m)
				}
			}
		}
	}
}
