package hostile

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostility is one way in which a server misbehaves. Each case is played on an
// account that was synchronised before and then changed on both sides, or on a
// fresh one.
type hostility struct {
	name  string
	fresh bool
	// bend makes the server misbehave. It may change the account, too.
	bend func(st *stage)
	args []string // behind "sync"
	// exit are the exit codes that will do; none: 0.
	exit []int
	// says are patterns that the output must match, all of them.
	says []string
	// gets are subjects of messages that must be in the Maildir after the run,
	// although the server misbehaves: the rest of the account goes on.
	gets []string
	// timeout is the run's; empty: ample.
	timeout string
	// most is how long the run may take; zero: mostTime.
	most time.Duration
	// memory is how much the run may take, octets, where that is less than mostMemory.
	memory int64
	// removes tells that messages may leave a side.
	removes bool
	// then is asked after the run, before the server is honest again.
	then func(st *stage, r *result)
	// heal changes the account before the honest run.
	heal func(st *stage) // the server's lock is held
	// names tells that mailboxes are called differently on the two sides.
	names bool
	// flags tells that the sides need not agree on flags: a server that says OK to
	// a STORE is believed.
	flags bool
	// loose tells that the server's messages are not what they were.
	loose bool
	// still are the exit codes of the honest run, where 0 is not it.
	still int
}

// The messages of every stage, by subject.
var (
	inInbox = []string{"first", "second", "third"}
	inWork  = []string{"fourth", "fifth"}
)

// furnish fills the account and, unless the case wants it fresh, synchronises it
// and changes both sides.
func furnish(st *stage, fresh bool) {
	st.t.Helper()
	s := st.server
	s.Do(func() {
		for _, subject := range inInbox {
			s.Deliver(s.Mailbox("INBOX"), Text(subject))
		}
		work := s.Add("Work")
		for _, subject := range inWork {
			s.Deliver(work, Text(subject))
		}
	})
	if fresh {
		return
	}
	if r := st.run(mostTime, "sync"); r.exit != 0 {
		st.t.Fatalf("an honest server: %v", r)
	}
	s.Do(func() {
		s.Deliver(s.Mailbox("INBOX"), Text("new on the server"))
		s.Deliver(s.Mailbox("Work"), Text("new in Work"))
		s.Flag(s.Mailbox("INBOX").Messages[1], `\Flagged`)
	})
	st.put("INBOX", "1732183200.new", Text("new here"))
	st.reflag(Text("fourth"), "S")
}

// play is a case from its beginning to its end.
func play(t *testing.T, h hostility) {
	st := newStage(t)
	if h.most == 0 {
		h.most = mostTime
	}
	if h.timeout == "" {
		h.timeout = ample
	}
	furnish(st, h.fresh)
	serverBefore, localBefore := st.sides()
	all := contents(slices.Concat(serverBefore, localBefore))
	h.bend(st)
	st.server.mu.Lock()
	st.server.heard, st.server.verbs = nil, map[string]int{}
	st.server.mu.Unlock()

	st.timeout = h.timeout
	r := st.run(h.most, append([]string{"sync"}, h.args...)...)
	st.timeout = ample
	t.Logf("%s: %v", h.name, r)
	if h.memory != 0 && r.memory > h.memory {
		t.Errorf("it took %d MiB of memory, want at most %d", r.memory>>20, h.memory>>20)
	}
	if exits := h.exit; !slices.Contains(exits, r.exit) && (exits != nil || r.exit != 0) {
		t.Errorf("exit code %d, want one of %v", r.exit, exits)
	}
	for _, pattern := range h.says {
		if !regexp.MustCompile(pattern).MatchString(r.out + r.err) {
			t.Errorf("the output does not say %q", pattern)
		}
	}
	_, local := st.sides()
	for _, subject := range h.gets {
		line := contents(local)
		if sum := sumOf(subject); line[sum] != 1 {
			t.Errorf("%q is in the Maildir %d times", subject, line[sum])
		}
	}
	if h.then != nil {
		h.then(st, r)
	}
	if !h.removes {
		nothingRemoved(st, serverBefore, localBefore, h.loose)
	}
	st.server.Honest()
	if h.heal != nil {
		st.server.Do(func() { h.heal(st) })
	}
	converges(st, h, all)
}

// sumOf is how [stage.sides] names the message with a subject.
func sumOf(subject string) string {
	sum := sha256.Sum256(Text(subject))
	return fmt.Sprintf("%x", sum[:6])
}

// nothingRemoved checks that whatever was on a side still is, and that the
// server was never told to remove anything.
func nothingRemoved(st *stage, serverBefore, localBefore []string, loose bool) {
	st.t.Helper()
	server, local := st.sides()
	for sum, n := range contents(localBefore) {
		if contents(local)[sum] < n {
			st.t.Errorf("a message left the Maildir: %s", sum)
		}
	}
	for sum, n := range contents(serverBefore) {
		if contents(server)[sum] < n && !loose {
			st.t.Errorf("a message left the server: %s", sum)
		}
	}
	for _, line := range st.server.Heard() {
		if removal.MatchString(line) {
			st.t.Errorf("the server was told %q", line)
		}
	}
}

var removal = regexp.MustCompile(`(?i)^(uid )?(expunge|move|delete|close)\b|^uid store .*\\deleted`)

// converges runs against the server, honest now, and checks that nothing was
// lost, nothing doubled, and nothing is left to do.
func converges(st *stage, h hostility, all map[string]int) {
	st.t.Helper()
	var r *result
	for range 3 { // what was left in doubt may be settled in one run and done in the next
		if r = st.run(mostTime, "sync", "--retry"); r.exit == h.still {
			break
		}
	}
	if r.exit != h.still {
		st.t.Fatalf("with an honest server: %v", r)
	}
	server, local := st.sides()
	if h.names {
		server, local = withoutNames(server), withoutNames(local)
	}
	if h.flags {
		server, local = withoutFlags(server), withoutFlags(local)
	}
	if h.still == 0 && !slices.Equal(server, local) {
		st.t.Errorf("the sides differ:\nserver\n  %s\nMaildir\n  %s", strings.Join(server, "\n  "), strings.Join(local, "\n  "))
	}
	if !h.removes && !h.loose {
		for side, lines := range map[string][]string{"server": server, "Maildir": local} {
			if has := contents(lines); !maps.Equal(has, ones(all)) {
				st.t.Errorf("the %s has\n%v, want each of\n%v once", side, has, all)
			}
		}
	}
	st.server.Honest()
	if r = st.run(mostTime, "sync", "--verbose"); r.exit != h.still {
		st.t.Errorf("once more: %v", r)
	}
	for _, line := range st.server.Heard() {
		if busy.MatchString(line) {
			st.t.Errorf("a run with nothing to do says %q", line)
		}
	}
}

var busy = regexp.MustCompile(`(?i)^(append|uid (store|copy|move|expunge)|expunge|create)\b|BODY`)

// ones has each key once.
func ones(counts map[string]int) map[string]int {
	out := maps.Clone(counts)
	for sum := range out {
		out[sum] = 1
	}
	return out
}

func withoutNames(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		fields := strings.Fields(line)
		out[i] = "? " + strings.Join(fields[len(fields)-min(2, len(fields)-1):], " ")
	}
	slices.Sort(out)
	return out
}

func withoutFlags(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.Join(strings.Fields(line)[:2], " ")
	}
	return out
}

// TestHostileServers plays all cases.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	all := slices.Concat(loginCases, wordCases, nameCases, numberCases, bodyCases, changeCases, floodCases)
	if len(all) < 150 {
		t.Fatalf("%d cases", len(all))
	}
	fmt.Printf("%d hostile servers\n", len(all))
	names := map[string]bool{}
	for i, h := range all {
		if names[h.name] {
			t.Errorf("two cases are called %q", h.name)
		}
		names[h.name] = true
		t.Run(strings.ReplaceAll(h.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i%5 != 0 {
				t.Skip("one in five")
			}
			play(t, h)
		})
	}
}

// An honest server is honest: else the cases prove nothing.
func TestHonestServer(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{Full, Full + " COMPRESS=DEFLATE", Plain, Plain + " LITERAL+ CONDSTORE MOVE", "IMAP4rev1"} {
		for _, fresh := range []bool{true, false} {
			t.Run(fmt.Sprintf("%.40s %v", caps, fresh), func(t *testing.T) {
				t.Parallel()
				play(t, hostility{
					name: "honest", fresh: fresh,
					bend: func(st *stage) { st.server.Do(func() { st.server.Capabilities = caps }) },
					gets: slices.Concat(inInbox, inWork),
				})
			})
		}
	}
}
