package maildir_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"godwit/internal/simfs"
	"godwit/maildir"
)

// TestPowerCutWhileAMailboxIsBroughtLeavesNothingBehind cuts the power at each call, with
// any of what was not synced on the disk, and brings the mailbox again.
func TestPowerCutWhileAMailboxIsBroughtLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	all := []string{"cur/1:2,S", "cur/2:2,", "new/3", "dovecot-keywords"}
	for _, layout := range []maildir.Layout{maildir.Verbatim, maildir.MaildirPlusPlus} {
		to := "Job/deep"
		if layout == maildir.MaildirPlusPlus {
			to = ".Job.deep"
		}
		for at := 1; ; at++ {
			whole := false
			for seed := range uint64(16) {
				left := -1 // calls until the power is cut; less than zero: never
				disk := simfs.New(simfs.Options{Now: time.Now, SyncAll: true, Process: func() (string, string) { return "P1", "host" },
					Call: func(string, string) (f simfs.Fault) {
						if left > 0 {
							left--
						}
						if left == 0 {
							f.Err = unix.EIO
						}
						return f
					}})
				bring := func(calls int) error {
					a, err := maildir.Open(maildir.Options{Root: "/mail", TrashDir: "/trash", Account: "test", Layout: layout, System: disk})
					if err == nil {
						err = a.Init(t.Context())
					}
					if err != nil {
						t.Fatal(err)
					}
					disk.Flush()
					left = calls
					err = a.Bring(t.Context(), "Work", to)
					left = -1
					return err
				}
				for _, name := range []string{"cur", "new", "tmp"} {
					disk.MakeAll("/mail/Work/" + name)
				}
				for _, file := range all {
					disk.Put("/mail/Work/"+file, []byte("0 mine\n"), true)
				}
				whole = bring(at) == nil
				coin := rand.New(rand.NewPCG(seed, uint64(at)))
				disk.Crash(func() bool { return coin.IntN(2) == 0 }, coin)
				if err := bring(-1); err != nil {
					t.Fatalf("%v, cut at call %d, seed %d: %v", layout, at, seed, err)
				}
				for _, file := range all {
					if !disk.Has("/mail/" + to + "/" + file) {
						t.Errorf("%v, cut at call %d, seed %d: %s was left behind", layout, at, seed, file)
					}
				}
				if t.Failed() {
					return
				}
			}
			if whole {
				break
			}
		}
	}
}
