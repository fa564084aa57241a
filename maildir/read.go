package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// errChanged: a file was written to in place while it was read.
var errChanged = fmt.Errorf("the file is %w", mail.ErrChanging)

// inMemory is up to which size a message is held in memory while it is sent, so
// that its file need not stay open.
const inMemory = 256 << 10

// scratch is what reading or writing a message needs, kept for the next one.
type scratch struct {
	in, out []byte
	content *mail.ContentReader
}

var scratches = sync.Pool{New: func() any {
	return &scratch{in: make([]byte, 64<<10), out: make([]byte, 64<<10), content: mail.NewContentReader()}
}}

// message opens a key's file. The caller closes it.
func (a *Account) message(ctx context.Context, m mail.Mailbox, k mail.Key) (f *file, e entry, st Stat, err error) {
	b, err := a.open(m)
	if err != nil {
		return nil, e, st, err
	}
	defer b.close()
	err = a.withFile(ctx, b, k, func(found entry) error {
		var err error
		if f, err = b.in(found).file(found.name, unix.O_RDONLY); err != nil {
			return err
		}
		if st, err = f.stat(); err == nil && !isRegular(st) {
			err = b.in(found).fail("open", found.name, unix.ENOENT)
		}
		if err != nil {
			f.Close()
			return err
		}
		e = found
		return nil
	})
	return f, e, st, err
}

// Read reads a message and tells what it is.
func (a *Account) Read(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.LocalContent, error) {
	c, err := a.read(ctx, m, k)
	return c, explain("read", m, k, err)
}

func (a *Account) read(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.LocalContent, error) {
	f, e, st, err := a.message(ctx, m, k)
	if err != nil {
		return mail.LocalContent{}, err
	}
	defer f.Close()
	return readFile(ctx, f, parseName(e.name).raw, st)
}

// ReadMany is Read for many messages of a mailbox, which is looked up once. One
// result a message: nil, [mail.ErrGone], or what failed.
func (a *Account) ReadMany(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.LocalContent, []error, error) {
	b, err := a.open(m)
	if err != nil {
		return nil, nil, explain("read", m, "", err)
	}
	defer b.close()
	contents := make([]mail.LocalContent, len(keys))
	results, err := a.withOpening(ctx, b, keys, func(i int, e entry) error {
		f, err := b.in(e).file(e.name, unix.O_RDONLY)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.stat()
		if err == nil && !isRegular(st) {
			err = b.in(e).fail("open", e.name, unix.ENOENT)
		}
		if err == nil {
			contents[i], err = readFile(ctx, f, parseName(e.name).raw, st)
		}
		return err
	})
	for i := range results {
		results[i] = explain("read", m, keys[i], results[i])
	}
	return contents, results, explain("read", m, "", err)
}

// readFile reads an open file from its start.
func readFile(ctx context.Context, f *file, raw bool, st Stat) (mail.LocalContent, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.content.Reset()
	if p, all := readAtOnce(f, s.in, st.Size); all {
		if !raw && !bytes.Contains(p, []byte("\r\n")) {
			s.out = appendCRLF(s.out[:0], p)
			p = s.out
		}
		s.content.Write(p) // never fails
		return mail.LocalContent{Content: s.content.Content(), Date: st.date(), Inode: st.Inode}, nil
	}
	shape, err := shapeOf(f, s.in, raw, st.Size)
	if err != nil {
		return mail.LocalContent{}, err
	}
	if err := copyWire(ctx, s.content, f, shape, s.in, s.out[:0]); err != nil {
		return mail.LocalContent{}, err
	}
	return mail.LocalContent{Content: s.content.Content(), Date: st.date(), Inode: st.Inode}, nil
}

// readAtOnce reads a file that fits into a buffer by one call, and tells whether
// that is all of it: as long as it was said to be, and room was left for more.
func readAtOnce(f *file, buf []byte, size int64) ([]byte, bool) {
	if size >= int64(len(buf)) {
		return nil, false
	}
	n, err := f.sys.ReadAt(f.fd, buf[:size+1], 0)
	if err != nil || int64(n) != size {
		return nil, false
	}
	return buf[:n], true
}

// copyWire writes a file's wire form to content. in is a buffer, wide the room
// for what it becomes.
func copyWire(ctx context.Context, content io.Writer, f io.Reader, s shape, in, wide []byte) error {
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(in)
		p := in[:n]
		if !s.asIs {
			wide = appendCRLF(wide[:0], p)
			p = wide
		}
		total += int64(len(p))
		if _, err := content.Write(p); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if total != s.size {
		return errChanged
	}
	return nil
}

// copyAll is io.CopyBuffer that ends when the context does.
func copyAll(ctx context.Context, to io.Writer, from io.Reader, buf []byte) (int64, error) {
	var total int64
	for {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return total, err
			}
			total += int64(n)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Open streams a message in wire form, with its size. The caller closes it. A
// file that somebody writes to meanwhile fails instead of giving another number
// of octets.
func (a *Account) Open(ctx context.Context, m mail.Mailbox, k mail.Key) (body mail.Body, size int64, err error) {
	f, e, st, err := a.message(ctx, m, k)
	if err != nil {
		return nil, 0, explain("open", m, k, err)
	}
	raw := parseName(e.name).raw
	if st.Size <= inMemory {
		defer f.Close()
		all, err := io.ReadAll(io.LimitReader(f, st.Size+1))
		if err == nil && int64(len(all)) != st.Size {
			err = errChanged
		}
		if err != nil {
			return nil, 0, explain("open", m, k, err)
		}
		if !raw && !bytes.Contains(all, []byte("\r\n")) {
			if lines := bytes.Count(all, []byte{'\n'}); lines > 0 {
				all = appendCRLF(make([]byte, 0, len(all)+lines), all)
			}
		}
		return inMemoryBody{bytes.NewReader(all)}, int64(len(all)), nil
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	shape, err := shapeOf(f, s.in, raw, st.Size)
	if err != nil {
		return nil, 0, explain("open", m, k, errors.Join(err, f.Close()))
	}
	return &openBody{newWireReader(f, shape), m, k}, shape.size, nil
}

type inMemoryBody struct{ *bytes.Reader }

func (inMemoryBody) Close() error { return nil }

// openBody is a message being streamed; its errors name it.
type openBody struct {
	*wireReader
	mailbox mail.Mailbox
	key     mail.Key
}

func (b *openBody) Read(p []byte) (int, error) {
	n, err := b.wireReader.Read(p)
	if err != nil && err != io.EOF {
		err = explain("read", b.mailbox, b.key, err)
	}
	return n, err
}
