package hostile

import (
	"slices"
	"strings"
	"testing"
)

// trashCases are servers without MOVE that are cut off somewhere in the COPY, STORE and
// EXPUNGE that a removal to the trash mailbox is there, for as long as the run lasts.
var trashCases = map[string]func(*stage){
	"COPY unheard":  instead("UID COPY", func(c *Conn, _ *Command) { c.Cut() }),
	"COPY":          instead("UID COPY", func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Cut() }),
	"COPY once":     first("UID COPY", 1, func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Cut() }),
	"STORE unheard": instead("UID STORE", func(c *Conn, _ *Command) { c.Cut() }),
	"STORE":         instead("UID STORE", func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Cut() }),
	"STORE refused": says("UID STORE", "NO [NOPERM] not now"),
	"UID EXPUNGE":   instead("UID EXPUNGE", func(c *Conn, _ *Command) { c.Cut() }),
	"UID EXPUNGE answer": instead("UID EXPUNGE", func(c *Conn, cmd *Command) {
		c.Ordinary(cmd)
		c.Cut()
	}),
	"EXPUNGE":      instead("EXPUNGE", func(c *Conn, _ *Command) { c.Cut() }),
	"COPY refused": says("UID COPY", "NO [LIMIT] slowly"),
}

// TestTheTrashHasARemovedMessageOnceWhereverTheServerIsCutOff, also where it has to be
// made first, which the server says by NO [TRYCREATE].
func TestTheTrashHasARemovedMessageOnceWhereverTheServerIsCutOff(t *testing.T) {
	t.Parallel()
	for name, bend := range trashCases {
		for _, caps := range []string{Plain, "IMAP4rev1"} {
			for _, there := range []bool{true, false} {
				if testing.Short() && !there {
					continue
				}
				label := strings.ReplaceAll(name+" "+caps, " ", "-")
				if !there {
					label += "-TRYCREATE"
				}
				t.Run(label, func(t *testing.T) {
					t.Parallel()
					st := newStage(t)
					st.account = []string{`trash = "Bin"`}
					st.capabilities(caps)
					st.server.Do(func() {
						s := st.server
						for _, subject := range inInbox {
							s.Deliver(s.Mailbox("INBOX"), Text(subject))
						}
						if there {
							s.Add("Bin", Text("second")) // removed long ago
						}
					})
					if r := st.run(mostTime, "sync"); r.exit != 0 {
						t.Fatal(r)
					}
					st.remove(Text("first"))
					st.remove(Text("third"))
					bend(st)
					t.Log(st.run(mostTime, "sync"))
					st.server.Honest()
					for range 2 {
						if r := st.run(mostTime, "sync"); r.exit != 0 {
							t.Fatal(r)
						}
					}
					if r := st.run(mostTime, "sync", "--verbose"); r.exit != 0 {
						t.Fatal(r)
					}
					server, local := st.sides()
					if !slices.Equal(server, local) {
						t.Errorf("the sides differ:\n%s\n%s", strings.Join(server, "\n"), strings.Join(local, "\n"))
					}
					want := map[string]int{sumOf("first"): 1, sumOf("second"): 1, sumOf("third"): 1}
					if there {
						want[sumOf("second")] = 2
					}
					got := contents(server)
					for sum, n := range want {
						if got[sum] != n {
							t.Errorf("%s is there %d times, want %d:\n%s", sum, got[sum], n, strings.Join(server, "\n"))
						}
					}
					for _, line := range server {
						if strings.HasPrefix(line, "INBOX ") && !strings.Contains(line, sumOf("second")) {
							t.Errorf("it is not removed: %s", line)
						}
					}
					// And it can be taken back, from where it is once.
					t.Log(st.run(mostTime, "undo"))
					if r := st.run(mostTime, "sync"); r.exit != 0 {
						t.Fatal(r)
					}
					back := 0
					server, local = st.sides()
					for _, line := range server {
						if strings.HasPrefix(line, "INBOX ") {
							back++
						}
					}
					if again := contents(server); back != 3 || again[sumOf("first")] != 1 || again[sumOf("third")] != 1 || !slices.Equal(server, local) {
						t.Errorf("after undo:\n%s\n\n%s", strings.Join(server, "\n"), strings.Join(local, "\n"))
					}
				})
			}
		}
	}
}
