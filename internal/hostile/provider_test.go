package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// profile is what is known of the server of a preset: what it announces, and what
// it does in its own way.
type profile struct {
	provider     string
	capabilities string
	own          func(s *Server)
}

var profiles = []profile{
	{provider: "fastmail", capabilities: Full},
	{provider: "dovecot", capabilities: Full + " COMPRESS=DEFLATE"},
	// Exchange Online; no CONDSTORE, no SPECIAL-USE.
	{provider: "outlook", capabilities: "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"},
	// QRESYNC is announced, never confirmed, and its VANISHED is not to be trusted.
	{provider: "icloud", capabilities: Full + " XAPPLEPUSHSERVICE", own: func(s *Server) {
		s.After = func(_ *Conn, cmd *Command, answer string) string {
			switch {
			case cmd.Verb == "ENABLE":
				return strings.ReplaceAll(answer, "* ENABLED QRESYNC\r\n", "* ENABLED\r\n")
			case cmd.Verb == "SELECT" && strings.Contains(cmd.Line, "QRESYNC"):
				return "* VANISHED (EARLIER) 1:2\r\n" + answer
			}
			return answer
		}
	}},
	// The inbox is "Inbox", HIGHESTMODSEQ comes without CONDSTORE.
	{provider: "yahoo", capabilities: "IMAP4rev1 ID MOVE NAMESPACE X-ID-ACLID UIDPLUS LITERAL+ CHILDREN XAPPLEPUSHSERVICE XYMHIGHESTMODSEQ AUTH=PLAIN SASL-IR", own: func(s *Server) {
		s.Mailbox("INBOX").Name = "Inbox"
		s.After = func(_ *Conn, cmd *Command, answer string) string {
			if cmd.Verb == "SELECT" {
				answer = "* OK [HIGHESTMODSEQ 15248913]\r\n" + answer
			}
			return answer
		}
	}},
	{provider: "proton-bridge", capabilities: `IMAP4rev1 AUTH=PLAIN UNSELECT SASL-IR UIDPLUS MOVE SPECIAL-USE IMPORTANT LITERAL+ ID QUOTA IDLE APPENDLIMIT=26214400`, own: func(s *Server) {
		s.Add("All Mail", Text("fourth"), Text("first"))
		s.Add("Starred", Text("fourth"))
		s.Add("Labels/mine", Text("fourth"))
		s.Add("Folders/kept", Text("kept"))
		s.Add("Trash").Attributes = `\Trash`
	}},
}

// TestPresetsAgainstTheirServers has each preset of a provider meet a server that
// announces what the provider's does and has its known ways. (Gmail's has tests of
// its own.)
func TestPresetsAgainstTheirServers(t *testing.T) {
	t.Parallel()
	for _, p := range profiles {
		t.Run(p.provider, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.account = []string{fmt.Sprintf("provider = %q", p.provider)}
			st.server.Do(func() {
				st.server.Capabilities = p.capabilities
				if p.own != nil {
					p.own(st.server)
				}
			})
			furnish(st, false)
			st.remove(Text("fifth"))
			for range 2 {
				if r := st.run(mostTime, "sync"); r.exit != 0 {
					t.Fatal(r)
				}
			}
			server, local := st.sides()
			inbox := func(line string) string { return strings.Replace(line, "Inbox ", "INBOX ", 1) }
			views := func(line string) bool {
				return strings.HasPrefix(line, "All Mail ") || strings.HasPrefix(line, "Starred ")
			}
			for i := range server {
				server[i] = inbox(server[i])
			}
			server = slices.DeleteFunc(server, views)
			if !slices.Equal(server, local) {
				t.Errorf("the sides differ:\nserver\n  %s\nMaildir\n  %s", strings.Join(server, "\n  "), strings.Join(local, "\n  "))
			}
			for _, subject := range []string{"first", "second", "third", "fourth", "new on the server", "new in Work", "new here"} {
				if n := contents(local)[sumOf(subject)]; n != 1 && (subject != "fourth" || p.provider != "proton-bridge" || n != 2) {
					t.Errorf("%q is in the Maildir %d times", subject, n)
				}
			}
			trash := slices.ContainsFunc(server, func(line string) bool { return strings.HasPrefix(line, "Trash "+sumOf("fifth")) })
			if trash != (p.provider == "proton-bridge") || !trash && contents(server)[sumOf("fifth")] > 0 {
				t.Errorf("what was removed here: %v", server)
			}
			st.server.Do(func() { st.server.heard = nil })
			if r := st.run(mostTime, "sync"); r.exit != 0 {
				t.Error(r)
			}
			for _, line := range st.server.Heard() {
				if busy.MatchString(line) {
					t.Errorf("a run with nothing to do says %q", line)
				}
			}
		})
	}
}
