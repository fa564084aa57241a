package wire

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"godwit/mail"
)

func TestCompressCarriesBothDirections(t *testing.T) {
	t.Parallel()
	c, s := connect(t, caps("COMPRESS=DEFLATE", "LITERAL+"))
	go func() {
		s.run("C: g1 COMPRESS DEFLATE\nS: g1 NO not now\nC: g2 COMPRESS DEFLATE\n")
		out := bufio.NewWriter(s.conn)
		out.WriteString("g2 OK deflated\r\n")
		deflater, _ := flate.NewWriter(out, flate.BestCompression)
		io.WriteString(deflater, "* 3 EXISTS\r\n") // in the same packet as the answer
		deflater.Flush()
		out.Flush()
		plain := s.in
		s.in = bufio.NewReader(flate.NewReader(plain))
		s.expect("g3 NOOP")
		s.expect("g4 UID FETCH 1 (UID BODY.PEEK[])")
		io.WriteString(deflater, "g3 OK\r\n* 1 FETCH (UID 1 BODY[] {200000}\r\n"+strings.Repeat("x", 200000)+")\r\n")
		deflater.Flush()
		out.Flush()
		io.WriteString(deflater, "g4 OK\r\n")
		deflater.Flush()
		out.Flush()
		s.expect(`g5 APPEND "a" {100000+}`)
		s.expect(strings.Repeat("y", 100000))
		io.WriteString(deflater, "g5 OK\r\n")
		deflater.Flush()
		out.Flush()
	}()
	if err := c.Compress(t.Context()); err == nil {
		t.Error("a refusal passes for success")
	}
	if err := c.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	noop := c.Noop(t.Context())
	fetch := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(_ *Message, b *Body) error {
		n, err := b.WriteTo(io.Discard)
		if n != 200000 {
			t.Errorf("%d octets", n)
		}
		return err
	})
	wait(t, noop)
	wait(t, fetch)
	wait(t, c.Append(t.Context(), "a", upload(strings.Repeat("y", 100000))))
}
