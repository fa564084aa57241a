package maildir

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// kept is what is kept of one message.
type kept struct {
	in     *Incoming
	dir    dir
	name   string
	octets *file // nil: nothing was begun
	record *file
	end    int64 // of the record
	about  mail.Incomplete
	sum    hash.Hash // of all octets
	marked int64     // octets that the record vouches for
	when   time.Time // when it came to do so
	named  bool      // the files' names are durable
}

func (k *kept) About() mail.Incomplete { return k.about }

// open finds what there is, as far as it is what it was.
func (k *kept) open(ctx context.Context) error {
	d, err := openTop(k.in.sys, k.in.path)
	if isMissing(err) {
		k.dir = noDir
		return nil
	}
	if err != nil {
		k.dir = noDir
		return err
	}
	k.dir = d
	text, err := readSmall(d, k.name+recordSuffix)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	about, marks, end := parseRecord(text)
	if len(marks) == 0 || !about.Is(k.about.Mailbox, k.about.UIDValidity, k.about.UID) {
		return nil
	}
	if k.octets, err = d.file(k.name, unix.O_RDWR); err != nil {
		if isMissing(err) {
			return nil
		}
		return err
	}
	last := marks[len(marks)-1]
	same, err := k.verify(ctx, last)
	if err != nil {
		return err
	}
	if !same {
		k.sum.Reset()
		k.shutFiles()
		return nil
	}
	if k.record, err = d.file(k.name+recordSuffix, unix.O_RDWR); err != nil {
		return err
	}
	about.Octets = last.octets
	k.about, k.end, k.marked, k.named, k.when = about, end, last.octets, true, k.in.now()
	return nil
}

// verify hashes the octets that a record vouches for.
func (k *kept) verify(ctx context.Context, m mark) (bool, error) {
	buf := make([]byte, 256<<10)
	for at := int64(0); at < m.octets; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := k.octets.ReadAt(buf[:min(int64(len(buf)), m.octets-at)], at)
		k.sum.Write(buf[:n])
		at += int64(n)
		if err == io.EOF && at < m.octets {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return hex.EncodeToString(k.sum.Sum(nil)) == m.sum, nil
}

func (k *kept) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("maildir: keeping what comes of UID %d of %s: %w", k.about.UID, k.about.Mailbox, classify(err))
}

// Begin begins anew. No old record ever stands beside new octets.
func (k *kept) Begin(of mail.Incomplete) error { return k.fail(k.begin(of)) }

func (k *kept) begin(of mail.Incomplete) error {
	if !of.Is(k.about.Mailbox, k.about.UIDValidity, k.about.UID) {
		return errors.New("another message")
	}
	k.shutFiles()
	k.sum.Reset()
	of.Octets = 0
	k.about, k.end, k.marked, k.named = of, 0, 0, false
	if k.dir.fd < 0 {
		d, err := makeDirs(k.in.sys, k.in.path)
		if err != nil {
			return err
		}
		k.dir = d
	}
	if s, err := k.in.statfs(filepath.Clean(k.in.path)); err == nil {
		// Twice: when all has come, it is copied to where it belongs.
		if err := s.check(2 * max(of.Total, of.Size, 0)); err != nil {
			return fmt.Errorf("%w: %w", mail.ErrDisk, err)
		}
	}
	if err := dropIncoming(k.dir, k.name); err != nil {
		return err
	}
	line, err := json.Marshal(of)
	if err != nil {
		return err
	}
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL
	if k.octets, err = k.dir.file(k.name, flags); err != nil {
		return err
	}
	if k.record, err = k.dir.file(k.name+recordSuffix, flags); err != nil {
		return err
	}
	k.when = k.in.now()
	return k.line(append(line, '\n'))
}

// line adds a line to the record.
func (k *kept) line(text []byte) error {
	n, err := k.record.WriteAt(text, k.end)
	if err != nil {
		return err
	}
	k.end += int64(n)
	return nil
}

func (k *kept) Write(p []byte) (int, error) {
	n, err := k.octets.WriteAt(p, k.about.Octets)
	k.sum.Write(p[:n])
	k.about.Octets += int64(n)
	if err == nil && k.about.Octets-k.marked >= k.in.least && k.in.now().Sub(k.when) >= k.in.every {
		err = k.mark()
	}
	return n, k.fail(err)
}

// mark makes durable what there is, and then says so in the record.
func (k *kept) mark() error {
	if k.octets == nil || k.about.Octets == k.marked {
		return nil
	}
	if err := k.octets.sync(); err != nil {
		return err
	}
	if err := k.line(fmt.Appendf(nil, "%d %x\n", k.about.Octets, k.sum.Sum(nil))); err != nil {
		return err
	}
	if err := k.record.sync(); err != nil {
		return err
	}
	if !k.named {
		if err := k.dir.sync(); err != nil {
			return err
		}
		k.named = true
	}
	k.marked, k.when = k.about.Octets, k.in.now()
	return nil
}

func (k *kept) ReadAt(p []byte, offset int64) (int, error) {
	if k.octets == nil || offset >= k.about.Octets {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), k.about.Octets-offset)]
	n, err := k.octets.ReadAt(want, offset)
	if err == nil && len(want) < len(p) {
		err = io.EOF
	}
	return n, err
}

func (k *kept) Close() error {
	err := k.mark()
	k.shut()
	return k.fail(err)
}

func (k *kept) Drop() error {
	k.shutFiles()
	var err error
	if k.dir.fd >= 0 {
		err = dropIncoming(k.dir, k.name)
	}
	k.shut()
	return k.fail(err)
}

// shut closes what is open. What could not be written has been told by then.
func (k *kept) shut() {
	k.shutFiles()
	k.dir.close()
	k.dir = noDir
}

func (k *kept) shutFiles() {
	for _, f := range []**file{&k.octets, &k.record} {
		if *f != nil {
			_ = (*f).Close() // twice is told, and no harm
			*f = nil
		}
	}
}
