package wire

import (
	"bytes"
	"errors"
	"io"
)

// readerSize is the buffer's usual size. It grows for a long line and shrinks
// again behind it.
const readerSize = 64 << 10

var errLineTooLong = errors.New("line too long")

// reader gives lines in place and literals in pieces, from one buffer.
type reader struct {
	src  io.Reader
	buf  []byte
	r, w int
	read int64 // octets that came, up to now
}

func newReader(src io.Reader) *reader {
	return &reader{src: src, buf: make([]byte, readerSize)}
}

// fill reads once more, behind what is buffered. The buffer must have room.
func (rd *reader) fill() error {
	for range 100 {
		n, err := rd.src.Read(rd.buf[rd.w:])
		rd.w += n
		rd.read += int64(n)
		if n > 0 {
			return nil // an error comes again with the next Read
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is buffered to the front, and gives the buffer its usual
// size back when nothing is.
func (rd *reader) makeRoom() {
	if rd.r == rd.w {
		rd.r, rd.w = 0, 0
		if len(rd.buf) > readerSize {
			rd.buf = make([]byte, readerSize)
		}
		return
	}
	if rd.w == len(rd.buf) && rd.r > 0 {
		copy(rd.buf, rd.buf[rd.r:rd.w])
		rd.r, rd.w = 0, rd.w-rd.r
	}
}

// line returns the next line without its line end, valid until the next call of
// any method. limit is asked, once a line is longer than the buffer, how long it
// may be.
func (rd *reader) line(limit func(begin []byte) int) ([]byte, error) {
	scanned := 0
	for {
		if i := bytes.IndexByte(rd.buf[rd.r+scanned:rd.w], '\n'); i >= 0 {
			end := rd.r + scanned + i
			line := rd.buf[rd.r:end]
			rd.r = end + 1
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, nil
		}
		scanned = rd.w - rd.r
		rd.makeRoom()
		if rd.w == len(rd.buf) { // and r is 0: the line fills the buffer
			most := limit(rd.buf[:min(128, scanned)])
			if scanned >= most {
				return nil, errLineTooLong
			}
			grown := make([]byte, min(2*len(rd.buf), most+2))
			copy(grown, rd.buf[:rd.w])
			rd.buf = grown
		}
		if err := rd.fill(); err != nil {
			if err == io.EOF && scanned > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// Read gives buffered octets first, else reads: straight into p when that is
// worth it.
func (rd *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if rd.r == rd.w {
		if len(p) >= readerSize/4 {
			n, err := rd.src.Read(p)
			rd.read += int64(n)
			return n, err
		}
		rd.makeRoom()
		if err := rd.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, rd.buf[rd.r:rd.w])
	rd.r += n
	return n, nil
}

// some returns at most n buffered octets in place, at least one.
func (rd *reader) some(n int64) ([]byte, error) {
	if rd.r == rd.w {
		rd.makeRoom()
		if err := rd.fill(); err != nil {
			return nil, err
		}
	}
	end := rd.w
	if int64(end-rd.r) > n {
		end = rd.r + int(n)
	}
	p := rd.buf[rd.r:end]
	rd.r = end
	return p, nil
}

// discard skips n octets.
func (rd *reader) discard(n int64) error {
	for n > 0 {
		p, err := rd.some(n)
		if err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return nil
}
