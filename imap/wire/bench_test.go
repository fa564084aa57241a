package wire

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"godwit/mail"
)

// memoryConn is a connection whose server sends from memory, once the command
// has come.
type memoryConn struct {
	written chan struct{}
	begun   bool
	answer  func(p []byte) (int, error)
}

func (m *memoryConn) Read(p []byte) (int, error) {
	if !m.begun {
		<-m.written
		m.begun = true
	}
	return m.answer(p)
}

func (m *memoryConn) Write(p []byte) (int, error) {
	select {
	case m.written <- struct{}{}:
	default:
	}
	return len(p), nil
}
func (m *memoryConn) Close() error                     { return nil }
func (m *memoryConn) LocalAddr() net.Addr              { return nil }
func (m *memoryConn) RemoteAddr() net.Addr             { return nil }
func (m *memoryConn) SetDeadline(time.Time) error      { return nil }
func (m *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (m *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// benchmark fetches b.N messages, whose responses come from block again and
// again; block holds per of them.
func benchmark(b *testing.B, o FetchOptions, block []byte, per int, sink Sink) {
	b.ReportAllocs()
	blocks := (b.N + per - 1) / per
	rest := block
	end := []byte("g1 OK done\r\n")
	conn := &memoryConn{written: make(chan struct{}, 1)}
	conn.answer = func(p []byte) (int, error) {
		if len(rest) == 0 {
			if blocks--; blocks > 0 {
				rest = block
			} else if blocks == 0 {
				rest = end
			} else {
				return 0, io.EOF
			}
		}
		n := copy(p, rest)
		rest = rest[n:]
		return n, nil
	}
	c := NewConn(conn, Options{})
	defer c.Close()
	b.ResetTimer()
	if _, err := c.Fetch(background, o, sink).Wait(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkFetchFlags(b *testing.B) {
	const per = 1000
	lists := []string{`\Seen`, ``, `\Seen \Answered`, `\Flagged $Label1 \Seen`}
	var block bytes.Buffer
	for i := range per {
		fmt.Fprintf(&block, "* %d FETCH (UID %d FLAGS (%s) MODSEQ (%d))\r\n", i+1, 100000+i, lists[i%7%4], 4000000+i)
	}
	n := 0
	o := FetchOptions{UIDs: mail.UIDSpan(1, ^mail.UID(0)), Items: ItemFlags | ItemModSeq}
	benchmark(b, o, block.Bytes(), per, func(m *Message, _ *Body) error { n++; return nil })
	if n < b.N {
		b.Fatalf("%d of %d messages", n, b.N)
	}
}

func BenchmarkFetchMetadata(b *testing.B) {
	const per = 1000
	var block bytes.Buffer
	for i := range per {
		fmt.Fprintf(&block, "* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE \"17-Jul-2024 02:44:%02d +0200\" RFC822.SIZE %d MODSEQ (%d) EMAILID (M%032x))\r\n",
			i+1, 100000+i, i%60, 3000+i, 4000000+i, i)
	}
	n := 0
	o := FetchOptions{UIDs: mail.UIDSpan(1, ^mail.UID(0)), Items: ItemMetadata | ItemModSeq | ItemEmailID}
	benchmark(b, o, block.Bytes(), per, func(m *Message, _ *Body) error { n++; return nil })
	if n < b.N {
		b.Fatalf("%d of %d messages", n, b.N)
	}
}

// benchmarkBodies fetches b.N bodies, each of a message of its own, since a
// message is given once.
func benchmarkBodies(b *testing.B, size int) {
	body := bytes.Repeat([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"), size/64)
	begin := []byte(`FLAGS (\Seen) INTERNALDATE "17-Jul-2024 02:44:25 +0200" RFC822.SIZE `)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var head []byte
	pieces := [][]byte{nil, body, []byte(")\r\n")}
	message, piece := 0, len(pieces)
	var rest []byte
	conn := &memoryConn{written: make(chan struct{}, 1)}
	conn.answer = func(p []byte) (int, error) {
		n := 0
		for n < len(p) {
			if len(rest) > 0 {
				k := copy(p[n:], rest)
				n, rest = n+k, rest[k:]
				continue
			}
			if piece == len(pieces) {
				if message++; message == b.N+1 {
					rest = []byte("g1 OK done\r\n")
					continue
				} else if message > b.N {
					break
				}
				head = fmt.Appendf(head[:0], "* %d FETCH (UID %d %s%d BODY[] {%d}\r\n", message, message, begin, size, size)
				pieces[0], piece = head, 0
			}
			rest = pieces[piece]
			piece++
		}
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	c := NewConn(conn, Options{})
	defer c.Close()
	n := 0
	o := FetchOptions{UIDs: mail.UIDSpan(1, ^mail.UID(0)), Items: ItemMetadata, Sections: []Section{Whole}}
	b.ResetTimer()
	_, err := c.Fetch(background, o, func(m *Message, body *Body) error {
		n++
		_, err := body.WriteTo(io.Discard)
		return err
	}).Wait()
	if err != nil || n != b.N {
		b.Fatalf("%d of %d messages, %v", n, b.N, err)
	}
}

func BenchmarkFetchBody4K(b *testing.B) { benchmarkBodies(b, 4<<10) }
func BenchmarkFetchBody1M(b *testing.B) { benchmarkBodies(b, 1<<20) }
