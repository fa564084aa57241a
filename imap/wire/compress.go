package wire

import (
	"bufio"
	"context"

	"github.com/klauspost/compress/flate"
)

// Compress turns on COMPRESS=DEFLATE (RFC 4978) in both directions and waits for
// it. A refusal leaves the connection as it was. Without the capability it fails
// with [ErrNotAnnounced].
func (c *Conn) Compress(ctx context.Context) error {
	const verb = "COMPRESS"
	if err := c.need("COMPRESS=DEFLATE"); err != nil {
		_, err := refused[struct{}](c, verb, err).Wait()
		return err
	}
	t := c.text()
	t.raw("COMPRESS DEFLATE")
	cmd := &command{name: verb, compress: true}
	// The writing side is held until the answer: what follows must be deflated, or
	// must not, and only the answer tells.
	c.startWith(ctx, cmd, t, func() {
		c.write([]byte("\r\n"))
		c.push()
		<-cmd.done
		if cmd.err == nil {
			c.deflate()
		}
	})
	<-cmd.done
	return cmd.err
}

// deflate puts a deflater under the writing side. It is called while holding it,
// with nothing buffered.
func (c *Conn) deflate() {
	c.packed = bufio.NewWriterSize(c.link, 32<<10)
	c.deflater, _ = flate.NewWriter(c.packed, flate.DefaultCompression) // fails for another level only
	c.passed.w = c.deflater
}

// inflate puts an inflater under the reading side, behind the line that was read
// last: whatever is buffered is deflated already.
func (c *Conn) inflate() {
	// The inflater is at its fastest on a bufio.Reader.
	c.p.rd = newReader(flate.NewReader(bufio.NewReaderSize(c.p.rd, readerSize)))
}
