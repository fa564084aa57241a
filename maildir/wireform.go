package maildir

import (
	"bytes"
	"io"
)

// storer turns a message's wire form, written to it in pieces, into what its
// file shall hold. It writes LF for CRLF as long as that can be undone. At the
// first bare CR or bare LF it rewrites what it has written to CRLF, which until
// then was the same, and goes on with the bytes as they come.
type storer struct {
	out   wireFile
	write func(p []byte) (int, error)
	buf   []byte // not yet written
	size  int64  // octets written, without buf
	lines int64  // CRLFs written as LF
	cr    bool   // the last octet was a CR, which is not in buf yet
	raw   bool   // bytes as they come
	crlf  bool   // raw only: a CRLF was seen
	lf    bool   // raw only: a LF was seen
	last  byte   // raw only: the last octet
}

// wireFile is what a storer writes to.
type wireFile interface {
	io.ReaderAt
	io.WriterAt
	io.Seeker
}

// Write takes the next piece of the message.
func (s *storer) Write(p []byte) (int, error) {
	n := len(p)
	if n == 0 {
		return 0, nil
	}
	if s.cr {
		s.cr = false
		if p[0] != '\n' || s.raw {
			return n, s.bare('\r', p)
		}
		if err := s.put([]byte{'\n'}); err != nil {
			return 0, err
		}
		s.lines++
		p = p[1:]
	}
	for len(p) > 0 && !s.raw {
		i := bytes.IndexByte(p, '\r')
		text := p
		if i >= 0 {
			text = p[:i]
		}
		if bytes.IndexByte(text, '\n') >= 0 {
			return n, s.bare(0, p)
		}
		if err := s.put(text); err != nil {
			return 0, err
		}
		switch {
		case i < 0:
			return n, nil
		case i+1 == len(p):
			s.cr = true
			return n, nil
		case p[i+1] != '\n':
			return n, s.bare(0, p[i:])
		}
		if err := s.put(p[i+1 : i+2]); err != nil {
			return 0, err
		}
		s.lines++
		p = p[i+2:]
	}
	return n, s.putRaw(p)
}

// bare goes over to raw bytes; first, when not zero, comes before rest.
func (s *storer) bare(first byte, rest []byte) error {
	if err := s.expand(); err != nil {
		return err
	}
	if first != 0 {
		if err := s.putRaw([]byte{first}); err != nil {
			return err
		}
	}
	return s.putRaw(rest)
}

// expand turns what was written from LF to CRLF, in place. Every octet moves
// towards the end by the number of line ends before it, so blocks are moved
// from the last to the first.
func (s *storer) expand() error {
	s.raw, s.crlf = true, s.lines > 0
	if s.lines == 0 {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	before := s.lines
	block := make([]byte, 32<<10)
	wide := make([]byte, 0, 2*len(block))
	for end := s.size; end > 0 && before > 0; {
		begin := max(0, end-int64(len(block)))
		p := block[:end-begin]
		if _, err := s.out.ReadAt(p, begin); err != nil {
			return err
		}
		wide = appendCRLF(wide[:0], p)
		before -= int64(len(wide) - len(p))
		if _, err := s.out.WriteAt(wide, begin+before); err != nil {
			return err
		}
		end = begin
	}
	s.size += s.lines
	s.last = '\n' // or some other octet that is no CR: the same to us
	_, err := s.out.Seek(s.size, io.SeekStart)
	return err
}

func (s *storer) putRaw(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if !s.crlf {
		s.lf = s.lf || bytes.IndexByte(p, '\n') >= 0
		s.crlf = s.last == '\r' && p[0] == '\n' || bytes.Contains(p, []byte("\r\n"))
		s.last = p[len(p)-1]
	}
	return s.put(p)
}

func (s *storer) put(p []byte) error {
	for len(p) > 0 {
		if len(s.buf) == cap(s.buf) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		n := copy(s.buf[len(s.buf):cap(s.buf)], p)
		s.buf = s.buf[:len(s.buf)+n]
		p = p[n:]
	}
	return nil
}

func (s *storer) flush() error {
	n, err := s.write(s.buf)
	s.size += int64(n)
	s.buf = s.buf[:0]
	return err
}

// finish writes what is left. marked says that the file does not tell that it
// is the wire form, and its name must.
func (s *storer) finish() (marked bool, err error) {
	if s.cr {
		s.cr = false
		if err := s.bare('\r', nil); err != nil {
			return false, err
		}
	}
	return s.raw && s.lf && !s.crlf, s.flush()
}

// appendCRLF appends p with CRLF for each LF.
func appendCRLF(out, p []byte) []byte {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return append(out, p...)
		}
		out = append(append(out, p[:i]...), '\r', '\n')
		p = p[i+1:]
	}
}

// shape is what the reading rule needs to know of a file.
type shape struct {
	size int64 // octets of the wire form
	asIs bool  // the file is the wire form
}

// shapeOf reads a file through buf to learn its shape.
func shapeOf(f io.ReaderAt, buf []byte, raw bool, size int64) (shape, error) {
	if raw {
		return shape{size, true}, nil
	}
	var offset, lines int64
	cr := false
	for {
		n, err := f.ReadAt(buf, offset)
		p := buf[:n]
		if n > 0 {
			if cr && p[0] == '\n' || bytes.Contains(p, []byte("\r\n")) {
				return shape{size, true}, nil
			}
			cr = p[n-1] == '\r'
			lines += int64(bytes.Count(p, []byte{'\n'}))
			offset += int64(n)
		}
		if err == io.EOF {
			return shape{offset + lines, lines == 0}, nil
		}
		if err != nil {
			return shape{}, err
		}
	}
}

// wireReader reads a file's wire form, exactly as many octets as it was said to
// have: a file that is written to meanwhile fails.
type wireReader struct {
	f    io.ReadCloser
	left int64
	asIs bool
	out  []byte // converted, to be given out
	buf  []byte // behind in
	wide []byte // behind out
}

func newWireReader(f io.ReadCloser, s shape) *wireReader {
	return &wireReader{f: f, left: s.size, asIs: s.asIs}
}

func (w *wireReader) Close() error { return w.f.Close() }

func (w *wireReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := w.read(p)
	if int64(n) > w.left {
		return 0, errChanged
	}
	w.left -= int64(n)
	if err == io.EOF && w.left > 0 {
		err = errChanged
	}
	return n, err
}

func (w *wireReader) read(p []byte) (int, error) {
	if w.asIs {
		return w.f.Read(p)
	}
	if len(w.out) == 0 {
		if w.buf == nil {
			w.buf = make([]byte, 64<<10)
		}
		n, err := w.f.Read(w.buf)
		if n == 0 || err != nil {
			return 0, err
		}
		w.wide = appendCRLF(w.wide[:0], w.buf[:n])
		w.out = w.wide
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}
