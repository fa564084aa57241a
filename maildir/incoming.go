package maildir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"godwit/mail"
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
