package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Body is the content of a section while it arrives: an io.Reader and an
// io.WriterTo, valid only while the [Sink] runs. What the sink leaves unread is
// skipped. A body that breaks off gives the connection's error, never io.EOF.
type Body struct {
	Section Section
	// Size is how many octets the server announced; zero also for NIL.
	Size int64
	// Nil tells NIL from an empty literal: the server has no such section, or
	// the message is gone.
	Nil bool

	rd   *reader   // where it arrives; nil for a spooled one
	held io.Reader // where it was spooled
	left int64
	err  error // why it broke off
}

// errExpired is what a body gives that was kept longer than the sink ran.
var errExpired = errors.New("the body of a FETCH is read outside its sink")

// Read gives the next octets; io.EOF after the last.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	var n int
	var err error
	if b.rd != nil {
		n, err = b.rd.Read(p)
	} else {
		n, err = b.held.Read(p)
	}
	b.left -= int64(n)
	if err != nil && b.left > 0 {
		b.err = unexpected(err)
		return n, b.err
	}
	return n, nil
}

// WriteTo gives the rest to w, from the connection's buffer without another copy.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	var written int64
	if b.rd == nil && b.err == nil && b.left > 0 {
		n, err := io.CopyN(w, b.held, b.left)
		b.left -= n
		return n, unexpected(err)
	}
	for b.err == nil && b.left > 0 {
		piece, err := b.rd.some(b.left)
		if err != nil {
			b.err = unexpected(err)
			break
		}
		b.left -= int64(len(piece))
		n, err := w.Write(piece)
		written += int64(n)
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
	return written, b.err
}

// expire takes the body from whoever still holds it, after what was left unread
// was skipped, and tells why it broke off if it did.
func (b *Body) expire() error {
	if b.rd != nil && b.err == nil {
		if err := b.rd.discard(b.left); err != nil {
			b.err = unexpected(err)
		}
	}
	broken := b.err
	b.rd, b.held, b.left = nil, nil, 0
	if broken == nil {
		b.err = errExpired
	}
	return broken
}

// unexpected makes io.EOF an error that nobody takes for the end of the data.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// spoolMemory is how much of one response is held in memory; more goes to a
// temporary file.
const spoolMemory = 1 << 20

// spool holds a section that came before the message's UID, flags, date or size.
type spool struct {
	section int // index in the sections of the command that may own it
	name    Section
	null    bool
	size    int64
	memory  []byte
	file    *os.File
	err     error // why it could not be held; the octets were skipped
}

// fill takes n octets of a literal from the connection. The error is the
// connection's; that of the disk is kept in s.
func (s *spool) fill(rd *reader, n int64, memory bool, dir string) error {
	s.size = n
	if memory {
		s.memory = make([]byte, 0, min(n, readerSize))
	} else {
		if s.file, s.err = os.CreateTemp(dir, "godwit-body-*"); s.err == nil {
			s.err = os.Remove(s.file.Name()) // a crash leaves nothing behind
		}
	}
	for n > 0 {
		piece, err := rd.some(n)
		if err != nil {
			return unexpected(err)
		}
		n -= int64(len(piece))
		switch {
		case memory:
			s.memory = append(s.memory, piece...)
		case s.err == nil:
			_, s.err = s.file.Write(piece)
		}
	}
	if s.file != nil && s.err == nil {
		_, s.err = s.file.Seek(0, io.SeekStart)
	}
	if s.err != nil {
		s.err = fmt.Errorf("hold a body that came before its UID: %w", s.err)
	}
	return nil
}

func (s *spool) body() *Body {
	b := &Body{Section: s.name, Size: s.size, Nil: s.null, left: s.size}
	if s.file != nil {
		b.held = s.file
	} else {
		b.held = bytes.NewReader(s.memory)
	}
	return b
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
