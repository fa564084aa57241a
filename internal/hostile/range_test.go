package hostile

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// heavy is a message of two MiB and a half.
var heavy = sync.OnceValue(func() []byte {
	var b strings.Builder
	b.WriteString("From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <heavy@example.org>\r\nSubject: heavy\r\n\r\n")
	for i := 0; b.Len() < 5<<19; i++ {
		fmt.Fprintf(&b, "line %d of many\r\n", i)
	}
	return []byte(b.String())
})

// ranged is a server that is asked to go on with a message at an octet.
type ranged struct {
	name string
	// bend alters the answer to that; nil: nothing.
	bend func(answer string) string
	// refuse answers with this instead.
	refuse string
	// change is made to the message after the cut.
	change func(m *Message)
	// size is what RFC822.SIZE is said to be; zero: what it is.
	size int
	// anew: the message is fetched from its beginning. told: which is said.
	anew, told bool
}

var origin = regexp.MustCompile(`BODY\[\]<(\d+)> \{(\d+)\}\r\n`)

// resized gives of the octets asked for n more, or fewer.
func resized(n int) func(string) string {
	return func(answer string) string {
		at := origin.FindStringSubmatchIndex(answer)
		length, _ := strconv.Atoi(answer[at[4]:at[5]])
		from, to := at[1], at[1]+length
		octets := answer[from:to]
		if n < 0 {
			octets = octets[:max(0, len(octets)+n)]
		} else {
			octets += strings.Repeat("x", n)
		}
		return answer[:at[0]] + fmt.Sprintf("BODY[]<%s> {%d}\r\n", answer[at[2]:at[3]], len(octets)) + octets + answer[to:]
	}
}

func replacing(with string) func(string) string {
	return func(answer string) string { return origin.ReplaceAllString(answer, with) }
}

var rangedCases = []ranged{
	{name: "decent"},
	{name: "RFC822.SIZE is too large", size: 3 << 20},
	{name: "RFC822.SIZE is too small", size: 2 << 20},
	{name: "another origin", bend: replacing("BODY[]<7> {$2}\r\n"), anew: true, told: true},
	{name: "origin 0", bend: replacing("BODY[]<0> {$2}\r\n"), anew: true, told: true},
	{name: "no origin", bend: replacing("BODY[] {$2}\r\n"), anew: true, told: true},
	{name: "shorter", bend: resized(-100), anew: true, told: true},
	{name: "longer", bend: resized(1), anew: true, told: true},
	{name: "far longer", bend: resized(1 << 20), anew: true, told: true},
	{name: "empty", bend: resized(-1 << 30), anew: true, told: true},
	{name: "NIL", bend: func(answer string) string {
		at := origin.FindStringSubmatchIndex(answer)
		length, _ := strconv.Atoi(answer[at[4]:at[5]])
		return answer[:at[0]] + "BODY[]<" + answer[at[2]:at[3]] + "> NIL" + answer[at[1]+length:]
	}, anew: true, told: true},
	{name: "without the body", bend: func(answer string) string {
		at := origin.FindStringSubmatchIndex(answer)
		length, _ := strconv.Atoi(answer[at[4]:at[5]])
		return strings.TrimSuffix(answer[:at[0]], " ") + answer[at[1]+length:]
	}, anew: true, told: true},
	{name: "NO", refuse: "NO not today", anew: true},
	{name: "BAD", refuse: "BAD no such thing", anew: true},
	{name: "OK and nothing", refuse: "OK done", anew: true},
	{name: "other octets", change: func(m *Message) {
		m.Body = []byte(strings.ReplaceAll(string(m.Body), "of many", "of MANY"))
	}, anew: true},
	{name: "another size", change: func(m *Message) { m.Body = slices.Concat(m.Body, []byte("more\r\n")) }, anew: true, told: true},
	{name: "another date", change: func(m *Message) { m.Date = m.Date.Add(time.Hour) }, anew: true},
	{name: "another body of that size", change: func(m *Message) {
		m.Body = []byte(strings.Replace(string(m.Body), "of many\r\n", "of none\r\n", 1))
		m.Date = m.Date.Add(time.Second)
	}, anew: true},
}

// TestRangesAreNotBelieved cuts the transfer of a large message, and goes on with it
// from servers that get ranges wrong. What is in the Maildir then is what the
// server has, to the octet.
func TestRangesAreNotBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range rangedCases {
		for _, fresh := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, fresh %t", c.name, fresh), func(t *testing.T) {
				t.Parallel()
				st := newStage(t)
				st.server.Do(func() { st.server.Mailboxes = nil; st.server.Add("INBOX", Text("small")) })
				if !fresh {
					if r := st.run(mostTime, "sync"); r.exit != 0 {
						t.Fatal(r)
					}
				}
				var m *Message
				sized := func(answer string) string {
					if c.size > 0 {
						answer = strings.ReplaceAll(answer, fmt.Sprintf("RFC822.SIZE %d", len(heavy())), fmt.Sprintf("RFC822.SIZE %d", c.size))
					}
					return answer
				}
				var wholes, ranges atomic.Int64
				st.server.Do(func() {
					m = st.server.Deliver(st.server.Mailbox("INBOX"), heavy())
					st.server.Before = func(conn *Conn, cmd *Command) bool {
						if cmd.Verb != "UID FETCH" {
							return false
						}
						switch {
						case strings.Contains(cmd.Line, "BODY.PEEK[]<"):
							ranges.Add(1)
							if c.refuse != "" {
								conn.Say("%s %s", cmd.Tag, c.refuse)
								return true
							}
						case strings.Contains(cmd.Line, "BODY.PEEK[]") && parseUIDs(cmd.arg(0).text, conn.highest()).has(m.UID):
							if wholes.Add(1) == 1 {
								answer := sized(conn.Ordinary(cmd))
								conn.Write(answer[:len(answer)-1<<20])
								if c.change != nil { // before the client can ask again
									st.server.Do(func() { c.change(m) })
								}
								conn.Cut()
								return true
							}
						}
						return false
					}
					st.server.After = func(_ *Conn, cmd *Command, answer string) string {
						if c.bend != nil && strings.Contains(cmd.Line, "BODY.PEEK[]<") && origin.MatchString(answer) {
							answer = c.bend(answer)
						}
						return sized(answer)
					}
				})
				r := st.run(mostTime, "sync")
				if r.exit != 0 {
					t.Fatal(r)
				}
				if ranges.Load() == 0 {
					t.Error("it did not go on with the message")
				}
				if anew := wholes.Load() > 1; anew != c.anew {
					t.Errorf("fetched from its beginning: %t, want %t", anew, c.anew)
				}
				if told := strings.Count(r.err, "cannot be continued"); c.told && told != 1 || !c.told && !c.anew && told > 0 {
					t.Errorf("it was told %d times: %s", told, r.err)
				}
				found := false
				for _, f := range st.mails() {
					found = found || slices.Contains(f.sums[:], sha256.Sum256(m.Body))
				}
				if !found {
					t.Error("what is in the Maildir is not what the server has")
				}
				left, err := os.ReadDir(filepath.Join(st.state, "incoming"))
				if err != nil || len(left) > 0 {
					t.Errorf("left over: %v, %v", left, err)
				}
				st.server.Honest()
				if r := st.run(mostTime, "sync", "--full"); r.exit != 0 {
					t.Fatal(r)
				}
				server, local := st.sides()
				if strings.Join(server, "\n") != strings.Join(local, "\n") {
					t.Errorf("the server has\n%s\nthe Maildir has\n%s", strings.Join(server, "\n"), strings.Join(local, "\n"))
				}
			})
		}
	}
}
