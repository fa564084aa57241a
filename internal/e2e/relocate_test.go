package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"godwit/internal/corpus"
)

// TestKillAtEveryStepOfARelocation kills a run before each directory that it
// brings elsewhere, for another layout and a map that exchanges names. The next run
// finishes that, or takes it back where the settings were taken back; in any case
// nothing is transferred, nothing is removed, and no run takes the mailboxes for
// others.
func TestKillAtEveryStepOfARelocation(t *testing.T) {
	t.Parallel()
	before := []string{"layout=verbatim", "map.A=", "map.B="}
	for name, after := range map[string][]string{
		"exchanged names":       {"map.A=B", "map.B=A"},
		"the inbox in the root": {"layout=maildir++"},
		"both":                  {"layout=maildir++", "map.A=B", "map.B=A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", "full")
			t.Cleanup(a.close)
			a.set(before...)
			for i, m := range []string{"INBOX", "A", "A/below", "B", "C"} {
				if m != "INBOX" {
					a.other().Create(a.remote(m))
				}
				for n := range 3 {
					a.other().Append(a.remote(m), []string{`\Flagged`, "mine"}, corpus.Date(n), fmt.Appendf(nil, "Date: x\r\nMessage-ID: <%d.%d@x>\r\n\r\n%s\r\n", i, n, m))
				}
			}
			a.sync()
			a.same()
			run := func(what string, args ...string) {
				t.Helper()
				r := a.run(nil, append([]string{"sync", "--json"}, args...)...)
				if r.exit != 0 || strings.Contains(r.stdout, `"transferred"`) || strings.Contains(r.stdout, `"remove"`) || strings.Contains(r.stdout, `"create"`) {
					t.Fatalf("%s: %v", what, r)
				}
				a.same()
				entries, err := os.ReadDir(a.root)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					if strings.Contains(e.Name(), "godwit-renaming") {
						t.Errorf("%s: %s is left", what, e.Name())
					}
				}
			}
			for back, killed := range map[string]bool{"goes on": true, "goes back": true} {
				for n := 1; killed; n++ {
					a.set(after...)
					r := a.run([]string{fmt.Sprintf("GODWIT_CRASH_AT=relocate.directory:%d", n)}, "sync", "--relocate")
					killed = r.exit == -1
					if !killed && n < 3 {
						t.Fatalf("a relocation has %d steps: %v", n-1, r)
					}
					if back == "goes back" {
						a.set(before...)
					}
					if killed {
						if r := a.run(nil, "sync", "--dry-run"); r.exit != 2 || !strings.Contains(r.stderr, "stopped while it renamed") {
							t.Errorf("a dry run after it was killed: %v", r)
						}
						run(fmt.Sprintf("killed at %d, %s", n, back))
						counted("kills of a relocation")
					}
					a.set(before...)
					run("back again", "--relocate")
					a.quiet()
				}
			}
		})
	}
}
