package wire

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"godwit/mail"
)

// seeds reads the responses of the RFCs. None is a failure: a fuzz target
// without seeds passes and tests nothing.
func seeds(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("testdata/responses.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for entry := range strings.SplitSeq(string(text), "--\n") {
		var b strings.Builder
		for line := range strings.Lines(entry) {
			if !strings.HasPrefix(line, "#") {
				b.WriteString(strings.TrimSuffix(line, "\n") + "\r\n")
			}
		}
		out = append(out, b.String())
	}
	if len(out) < 20 {
		tb.Fatalf("%d seeds", len(out))
	}
	return out
}

// hear lets a server say data, whatever is asked, to a connection with a command
// of every kind under way, and checks what must hold of any answer.
func hear(t *testing.T, data []byte, selecting bool) {
	rest := data
	conn := &memoryConn{written: make(chan struct{}, 1)}
	conn.answer = func(p []byte) (int, error) {
		if len(rest) == 0 {
			return 0, io.EOF
		}
		n := copy(p, rest)
		rest = rest[n:]
		return n, nil
	}
	o := caps("ESEARCH", "CONDSTORE", "MOVE", "LITERAL+", "MULTIAPPEND")
	o.MaxLiteral = 1 << 20
	o.Handler = func(e Event) {
		if e.Kind == EventFetch && e.Message == nil || e.Kind == EventMalformed && e.Err == nil {
			t.Errorf("empty event %+v", e)
		}
	}
	c := NewConn(conn, o)
	defer c.Close()
	if selecting {
		s := c.Select(t.Context(), "INBOX", SelectOptions{UIDValidity: 1, ModSeq: 1})
		defer func() {
			if data, _ := s.Wait(); data == nil {
				t.Error("no data of SELECT")
			}
		}()
	} else {
		c.Noop(t.Context())
	}
	asked := mail.UIDSpan(1, 5000)
	octets := 0
	sink := func(m *Message, b *Body) error {
		if !asked.Contains(m.UID) {
			t.Errorf("UID %d was not asked for", m.UID)
		}
		if b == nil {
			return nil
		}
		text, err := io.ReadAll(b)
		octets += len(text)
		if err == nil && int64(len(text)) != b.Size {
			t.Errorf("%d octets of %d without an error", len(text), b.Size)
		}
		return err
	}
	flags := c.Fetch(t.Context(), FetchOptions{UIDs: asked, Items: ItemFlags, ChangedSince: 1, Vanished: true}, sink)
	bodies := c.Fetch(t.Context(), FetchOptions{UIDs: asked, Sections: []Section{Whole, Header, {Spec: "1", Length: 9}}}, sink)
	search := c.Search(t.Context(), SearchCriteria{UIDs: asked})
	store := c.Store(t.Context(), asked, StoreAdd, mail.ParseFlags(`\Seen`), 1)
	move := c.Move(t.Context(), asked, "a")
	status := c.Status(t.Context(), "blurdybloop")
	add := c.Append(t.Context(), "a", upload("a"), upload("b"), upload("c"))

	flags.Wait()
	if d, _ := bodies.Wait(); !d.Delivered.Minus(asked).IsEmpty() {
		t.Errorf("delivered %s", d.Delivered)
	}
	if octets > len(data) {
		t.Errorf("%d octets of bodies in %d octets of responses", octets, len(data))
	}
	if found, _ := search.Wait(); !found.Minus(asked).IsEmpty() {
		t.Errorf("found %s", found)
	}
	if d, _ := store.Wait(); !d.Modified.Minus(asked).IsEmpty() {
		t.Errorf("modified %s", d.Modified)
	}
	d, _ := move.Wait()
	for _, pair := range d.Copied {
		if !asked.Contains(pair.From) || pair.To == 0 || d.UIDValidity == 0 {
			t.Errorf("moved %+v", d)
		}
	}
	status.Wait()
	if d, _ := add.Wait(); len(d.UIDs) != 0 && (len(d.UIDs) != 3 || slices.Contains(d.UIDs, 0)) {
		t.Errorf("appended %+v", d)
	}
	<-c.Done()
}

func FuzzResponses(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		hear(t, data, true)
		hear(t, data, false)
		hear(t, append([]byte("g1 OK\r\n"), data...), true)
	})
}

// Every response of the RFCs is understood: nothing of it is malformed, and
// nothing puts the connection out of step.
func TestTheRFCsExamplesAreUnderstood(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		// The last line may be the answer to a command that is not under way here.
		untagged := ""
		for line := range strings.Lines(seed) {
			if !strings.HasPrefix(line, "g") {
				untagged += line
			}
		}
		o := caps()
		o.Handler = func(e Event) {
			if e.Kind == EventMalformed {
				t.Errorf("%q: %v", seed, e.Err)
			}
		}
		conn := &memoryConn{begun: true}
		reader := strings.NewReader(untagged)
		conn.answer = reader.Read
		c := NewConn(conn, o)
		<-c.Done()
		if err := c.Err(); !strings.Contains(err.Error(), "closed the connection") && !strings.Contains(err.Error(), "BYE") {
			t.Errorf("%q: %v", seed, err)
		}
	}
}

func FuzzSets(f *testing.F) {
	for _, s := range []string{"1", "2,4:7,9,12:15", "4:2", "304,319:320", "3956:3958", "4294967295", "1:4294967295", "5:5,4,6:6", "*", "0", "1:", ",", "1,,2"} {
		f.Add([]byte(s), []byte("9"))
	}
	f.Add([]byte("319:320,304"), []byte("3956:3957,3955"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ranges, ok := parseRanges(a)
		if !ok {
			if ranges != nil {
				t.Errorf("%q: %v", a, ranges)
			}
			return
		}
		set := setOf(ranges)
		again, ok := parseRanges([]byte(set.String()))
		if !ok || !setOf(again).Equal(set) {
			t.Errorf("%q is %s is %v", a, set, again)
		}
		if count(ranges) < uint64(set.Len()) {
			t.Errorf("%q lists %d, has %d", a, count(ranges), set.Len())
		}
		few := list(ranges, 1000)
		if uint64(len(few)) != min(1000, count(ranges)) {
			t.Errorf("%q: %d UIDs listed", a, len(few))
		}
		for _, u := range few {
			if !set.Contains(u) {
				t.Errorf("%q: %d is not in %s", a, u, set)
			}
		}

		// COPYUID, in its order, through the text and back.
		x, ok := parseCopyUID(fmt.Appendf(nil, "7 %s %s", a, b))
		to, okTo := parseRanges(bytes.TrimSpace(b))
		if ok != (okTo && count(ranges) == count(to)) {
			t.Errorf("COPYUID of %q and %q: %v", a, b, ok)
		}
		if ok && (!slices.Equal(x.from, ranges) || !slices.Equal(x.to, to) || x.validity != 7) {
			t.Errorf("COPYUID of %q and %q is %+v", a, b, x)
		}
		v, uids, ok := parseAppendUID(fmt.Appendf(nil, "7 %s", a))
		if !ok || v != 7 || !slices.Equal(uids, ranges) {
			t.Errorf("APPENDUID of %q is %d %v", a, v, uids)
		}
	})
}
