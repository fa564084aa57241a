package hostile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAServerThatTakesNoNewKeywords has a mailbox whose PERMANENTFLAGS have no \*: a
// keyword that a mail reader gives stays in the Maildir, which is told once and is
// no failure; no run takes it off, tries again, or sends it.
func TestAServerThatTakesNoNewKeywords(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{Full, Plain} {
		st := newStage(t)
		st.server.Do(func() {
			st.server.Capabilities = caps
			st.server.After = func(_ *Conn, cmd *Command, answer string) string {
				if cmd.Verb == "SELECT" {
					answer = strings.ReplaceAll(answer, ` \Draft \*)]`, ` \Draft known)]`)
				}
				return answer
			}
		})
		furnish(st, true)
		sync := func(says string) {
			t.Helper()
			st.server.Do(func() { st.server.heard = nil })
			r := st.run(mostTime, "sync", "--verbose")
			if told := strings.Contains(r.err, "mine"); r.exit != 0 || told != (says != "") || !regexp.MustCompile(says).MatchString(r.out+r.err) {
				t.Errorf("it says %v, want %q", r, says)
			}
			for _, line := range st.server.Heard() {
				if strings.Contains(line, "mine") {
					t.Errorf("the server was told %q", line)
				}
			}
		}
		sync("")
		if err := os.WriteFile(filepath.Join(st.root, "INBOX", "dovecot-keywords"), []byte("0 mine\n1 known\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		st.reflag(Text("first"), "Sab")
		sync("work/INBOX: the server takes no new keywords in this mailbox; in the Maildir alone: mine")
		for range 2 {
			sync("")
		}
		// What happens to the message goes on, on both sides.
		st.server.Do(func() { st.server.Flag(st.server.Mailbox("INBOX").Messages[0], `\Flagged`) })
		sync("")
		if path := st.pick(Text("first")); !strings.HasSuffix(path, ":2,FSab") {
			t.Errorf("the file is %s", path)
		}
		st.reflag(Text("first"), "FRSab")
		sync("")
		st.server.Do(func() {
			if flags := strings.Join(st.server.Mailbox("INBOX").Messages[0].Flags, " "); !strings.Contains(flags, "known") ||
				!strings.Contains(flags, `\Answered`) || strings.Contains(flags, "mine") {
				t.Errorf("on the server its flags are %s", flags)
			}
		})
	}
}
