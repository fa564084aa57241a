package maildir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Incoming is where the octets of large messages wait for the rest of them: a
// directory of the account's state, out of the reach of everybody who tidies the
// tmp directories of mailboxes. Nothing there is the only copy of anything.
//
// A message has two files. One holds its octets, as the server sends them. The
// record beside it says in its first line which message they are of, and in each
// further line how many were durable at some moment, and their SHA-256. A line is
// written after the octets are on the disk, and what the last whole line does not
// vouch for is not there.
type Incoming struct {
	sys    System
	path   string
	every  time.Duration
	least  int64
	now    func() time.Time
	statfs func(path string) (space, error)
}

// IncomingOptions say where octets are kept.
type IncomingOptions struct {
	// Path is the directory; it is made when it is needed.
	Path string
	// Every is how often octets are made durable while more come, and Least how many
	// at a time at least; zero: a second, and 256 KiB. Less than zero: at once.
	Every time.Duration
	Least int64
	// Now is the clock for that, and for what is too old; nil: time.Now.
	Now func() time.Time
	// System carries out all that is done to files; nil: the kernel does.
	System System
}

const (
	recordSuffix = ".record"
	// What nobody asked for in this time is thrown away, and the oldest of all that
	// is more than this much.
	incomingAge  = 30 * 24 * time.Hour
	incomingMost = 4 << 30
)

// OpenIncoming touches nothing.
func OpenIncoming(o IncomingOptions) *Incoming {
	i := &Incoming{sys: o.System, path: o.Path, every: o.Every, least: o.Least, now: o.Now, statfs: statfs}
	if i.sys == nil {
		i.sys = kernel{}
	}
	if _, real := i.sys.(kernel); !real {
		i.statfs = func(string) (space, error) { return space{}, nil }
	}
	i.every, i.least = cmp.Or(i.every, time.Second), cmp.Or(i.least, 256<<10)
	if i.now == nil {
		i.now = time.Now
	}
	return i
}

// incomingName is the name of a message's octets.
func incomingName(m mail.Mailbox, v mail.UIDValidity, u mail.UID) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", m, v, u))
	return hex.EncodeToString(sum[:16])
}

// List tells of which messages octets are kept, and how many of each as far as
// its record says. It throws away what is too old, or too much, or of no message.
func (i *Incoming) List(ctx context.Context) ([]mail.Incomplete, error) {
	all, err := i.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("maildir: what is kept of messages: %w", classify(err))
	}
	return all, nil
}

// listed is a message's record, as List finds it.
type listed struct {
	about mail.Incomplete
	name  string
	size  int64 // of the file
	time  int64
}

func (i *Incoming) list(ctx context.Context) ([]mail.Incomplete, error) {
	d, err := openTop(i.sys, i.path)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.close()
	var names []string
	err = eachEntry(d, func(name []byte, _ uint64, k Kind) error {
		if k != IsDirectory {
			names = append(names, string(name))
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var found []listed
	for _, name := range names {
		octets, isRecord := strings.CutSuffix(name, recordSuffix)
		if !isRecord {
			if _, has := slices.BinarySearch(names, name+recordSuffix); !has {
				if err := d.unlink(name); err != nil && !isMissing(err) {
					return nil, err
				}
			}
			continue
		}
		l, err := i.look(d, octets)
		if err != nil {
			return nil, err
		}
		if l.about.UID == 0 || i.now().Sub(time.Unix(0, l.time)) > incomingAge {
			if err := dropIncoming(d, octets); err != nil {
				return nil, err
			}
			continue
		}
		found = append(found, l)
	}
	slices.SortFunc(found, func(a, b listed) int { return cmp.Or(cmp.Compare(b.time, a.time), strings.Compare(a.name, b.name)) })
	var all []mail.Incomplete
	total := int64(0)
	for _, l := range found {
		if total += l.size; total > incomingMost {
			if err := dropIncoming(d, l.name); err != nil {
				return nil, err
			}
			continue
		}
		all = append(all, l.about)
	}
	return all, nil
}

// look reads a record. What it does not say is zero.
func (i *Incoming) look(d dir, name string) (l listed, err error) {
	l.name = name
	text, err := readSmall(d, name+recordSuffix)
	if isMissing(err) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	st, err := d.stat(name + recordSuffix)
	if err != nil {
		return l, err
	}
	l.time = st.MTime
	if st, err = d.stat(name); err == nil {
		l.size = st.Size
	} else if !isMissing(err) {
		return l, err
	}
	about, marks, _ := parseRecord(text)
	if name != incomingName(about.Mailbox, about.UIDValidity, about.UID) {
		return l, nil
	}
	l.about = about
	if n := len(marks); n > 0 {
		l.about.Octets = min(marks[n-1].octets, l.size)
	}
	return l, nil
}

// dropIncoming removes a message's files: the record first, since octets without
// one are of no message.
func dropIncoming(d dir, name string) error {
	for _, name := range []string{name + recordSuffix, name} {
		if err := d.unlink(name); err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}

// mark is a line of a record behind the first.
type mark struct {
	octets int64
	sum    string
}

// parseRecord reads the lines that are whole; end is where the last one ends.
func parseRecord(text []byte) (about mail.Incomplete, marks []mark, end int64) {
	for n, line := range strings.SplitAfter(string(text), "\n") {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break
		}
		if n == 0 {
			if json.Unmarshal([]byte(line), &about) != nil {
				return mail.Incomplete{}, nil, 0
			}
			about.Octets = 0
		} else {
			digits, sum, _ := strings.Cut(line, " ")
			octets, err := strconv.ParseInt(digits, 10, 64)
			if err != nil || octets <= 0 || len(sum) != 2*sha256.Size {
				break
			}
			marks = append(marks, mark{octets, sum})
		}
		end += int64(len(line)) + 1
	}
	return about, marks, end
}

// Open opens what is kept of a message, to go on with it: nothing, at first. What
// does not hash to what its record says is not kept. Close or Drop it.
func (i *Incoming) Open(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, u mail.UID) (mail.Kept, error) {
	k := &kept{in: i, name: incomingName(m, v, u), about: mail.Incomplete{Mailbox: m, UIDValidity: v, UID: u}, sum: sha256.New()}
	if err := k.open(ctx); err != nil {
		k.shut()
		return nil, fmt.Errorf("maildir: what is kept of UID %d of %s: %w", u, m, classify(err))
	}
	return k, nil
}

// Drop throws away what is kept of a message that nobody has open.
func (i *Incoming) Drop(_ context.Context, of mail.Incomplete) error {
	d, err := openTop(i.sys, i.path)
	if isMissing(err) {
		return nil
	}
	if err == nil {
		defer d.close()
		err = dropIncoming(d, incomingName(of.Mailbox, of.UIDValidity, of.UID))
	}
	if err != nil {
		return fmt.Errorf("maildir: what is kept of UID %d of %s: %w", of.UID, of.Mailbox, classify(err))
	}
	return nil
}

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
