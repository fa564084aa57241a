package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/mail"
)

// pieces reads from memory in pieces of random size.
type pieces struct {
	rest   []byte
	most   int
	random *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 1+p.random.IntN(p.most))], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func TestLinesAndLiteralsSurviveAnySplitting(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 1))
		var wire bytes.Buffer
		var want []string
		for range 60 {
			size := random.IntN(100)
			switch random.IntN(10) {
			case 0:
				size = random.IntN(3 * readerSize) // longer than the buffer
			case 1:
				size = readerSize - 3 + random.IntN(6)
			}
			text := strings.Repeat(string(rune('a'+random.IntN(26))), size)
			want = append(want, text)
			wire.WriteString(text + "\r\n")
			wire.WriteString(strings.Repeat("!", size/2)) // stands for a literal
		}
		rd := newReader(&pieces{wire.Bytes(), 1 << random.IntN(18), random})
		for i, text := range want {
			line, err := rd.line(func([]byte) int { return 1 << 20 })
			if err != nil || string(line) != text {
				t.Fatalf("seed %d, line %d: %d octets instead of %d, %v", seed, i, len(line), len(text), err)
			}
			if i%2 == 0 {
				err = rd.discard(int64(len(text) / 2))
			} else {
				_, err = io.ReadFull(rd, make([]byte, len(text)/2))
			}
			if err != nil {
				t.Fatalf("seed %d, literal %d: %v", seed, i, err)
			}
		}
		if _, err := rd.line(nil); err != io.EOF {
			t.Errorf("seed %d: %v at the end", seed, err)
		}
		if len(rd.buf) != readerSize {
			t.Errorf("seed %d: the buffer stays at %d octets", seed, len(rd.buf))
		}
	}
}

// Wherever the network splits a response, the result is the same.
func TestResponsesSurviveAnySplitting(t *testing.T) {
	t.Parallel()
	answer := []byte("* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {5}\r\na\r\nbc X (\"q\" {2}\r\n))))\r\n" +
		"* 2 FETCH (BODY[] {3}\r\nxyz FLAGS () UID 2)\r\ng1 OK done\r\n")
	for cut := range answer {
		parts := [][]byte{answer[:cut], answer[cut:]}
		conn := &memoryConn{written: make(chan struct{}, 1)}
		conn.answer = func(p []byte) (int, error) {
			for len(parts) > 0 && len(parts[0]) == 0 {
				parts = parts[1:]
			}
			if len(parts) == 0 {
				return 0, io.EOF
			}
			n := copy(p, parts[0])
			parts[0] = parts[0][n:]
			return n, nil
		}
		c := NewConn(conn, Options{})
		var got []string
		d, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1, 2), Items: ItemFlags, Sections: []Section{Whole}}, func(m *Message, b *Body) error {
			text, err := io.ReadAll(b)
			got = append(got, fmt.Sprintf("%d %s %q", m.UID, m.Flags, text))
			return err
		}).Wait()
		if want := []string{`1 \Seen "a\r\nbc"`, `2  "xyz"`}; !slices.Equal(got, want) || err != nil || d.Delivered.Len() != 2 {
			t.Errorf("cut at %d: %q, %v", cut, got, err)
		}
		c.Close()
	}
}

// stuckConn is a connection whose Close waits for a peer that does not read, as
// that of TLS does.
type stuckConn struct {
	net.Conn
	inner net.Conn
	hold  chan struct{}
}

func (s *stuckConn) Close() error      { <-s.hold; return nil }
func (s *stuckConn) NetConn() net.Conn { return s.inner }

func TestCloseDoesNotWaitForATLSAlert(t *testing.T) {
	t.Parallel()
	for _, reachable := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer server.Close()
			stuck := &stuckConn{Conn: client, hold: make(chan struct{})}
			most := closeWait
			if reachable {
				stuck.inner, most = client, 0
			}
			c := NewConn(stuck, Options{})
			began := time.Now()
			c.Close()
			if took := time.Since(began); took > most {
				t.Errorf("socket reachable %v: %v", reachable, took)
			}
			close(stuck.hold)
		})
	}
}

func TestServerMessageSaysWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	m := Message{UID: 3, Has: ItemFlags, Flags: mail.ParseFlags(`\Seen`), ModSeq: 9, EmailID: "M1"}
	got := m.ServerMessage()
	if got.Content.Size != -1 || got.UID != 3 || got.Content.EmailID != "M1" || got.ModSeq != 9 {
		t.Errorf("got %+v", got)
	}
	m.Has |= ItemSize
	if got := m.ServerMessage(); got.Content.Size != 0 {
		t.Errorf("got %+v", got)
	}
}
