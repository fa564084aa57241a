package maildir

import (
	"context"
	"strings"
	"time"
	"unsafe"

	"godwit/mail"
)

// rounds is how often a mailbox is read again because it changed meanwhile.
const rounds = 5

// entry is a message's file as a listing found it.
type entry struct {
	name  string
	isNew bool
	inode uint64
}

// in is the directory that the entry is in.
func (b *box) in(e entry) dir {
	if e.isNew {
		return b.new
	}
	return b.cur
}

// read calls message for each message's file, new/ first: what another program
// moves to cur/ meanwhile is then seen there, not in neither. The name is valid
// during the call.
func (b *box) read(message func(name string, isNew bool, inode uint64)) error {
	for _, d := range []dir{b.new, b.cur} {
		isNew := d == b.new
		err := eachEntry(d, func(name []byte, inode uint64, k Kind) error {
			if k == IsUnknown {
				st, err := d.stat(string(name))
				if isMissing(err) {
					return nil
				}
				if err != nil {
					return err
				}
				if isRegular(st) {
					k = IsFile
				}
			}
			if k == IsFile && name[0] != '.' {
				message(unsafe.String(unsafe.SliceData(name), len(name)), isNew, inode)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle reads a mailbox until it stood still meanwhile, a bounded number of
// times. begin is called before each reading, message for each file, and done
// after a reading that may be the last; it may ask for another round. The stamp is the last round's; it
// was taken before the reading. settled says that it stood still.
func (a *Account) settle(ctx context.Context, b *box, begin func(mail.Stamp), message func(string, bool, uint64), done func() (again bool, err error)) (settled bool, err error) {
	for round := 0; ; round++ {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		before, wait, err := a.stampAge(b.top)
		if err != nil {
			return false, err
		}
		still := before
		if before.Racy {
			// A change within this very tick would not move the stamp.
			if err := pause(ctx, wait); err != nil {
				return false, err
			}
			later, err := a.stamp(b.top)
			if err != nil {
				return false, err
			}
			// A stamp that did not move for as long as the clock needs to move on will
			// from now on, whatever our clock says of it: it may have been set back, or
			// be another than the file system's. The next run trusts it only when it is
			// not ahead any more.
			still = later
			if wait >= grain && later.Cur == before.Cur && later.New == before.New {
				still.Racy = false
			}
			before = later
		}
		begin(before)
		if err := b.read(message); err != nil {
			return false, err
		}
		after, err := a.stamp(b.top)
		if err != nil {
			return false, err
		}
		unmoved, last := still.Unmoved(after), round == rounds-1
		if !unmoved && !last {
			continue
		}
		again, err := done()
		if err != nil {
			return false, err
		}
		if settled := unmoved && !again; settled || last {
			return settled, nil
		}
	}
}

// pause waits, or ends early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Scan lists a mailbox by reading new/ and then cur/, again up to five times
// while it is being changed. When a directory changed a moment ago, it first
// waits until a further change would move its stamp: 20 ms, or up to two
// seconds on a file system that keeps whole seconds. Of two files with one key
// one is given a fresh key, so that neither is lost; of two names of one file,
// the one in cur/ is listed.
func (a *Account) Scan(ctx context.Context, m mail.Mailbox) (*mail.Listing, error) {
	b, err := a.open(m)
	if err != nil {
		return nil, explain("scan", m, "", err)
	}
	defer b.close()
	var l *mail.Listing
	var odd map[mail.Key]string
	settled, err := a.settle(ctx, b, func(s mail.Stamp) {
		l, odd = &mail.Listing{Stamp: s}, nil
	}, func(name string, isNew bool, inode uint64) {
		f := parseName(name)
		if f.key == "" {
			return
		}
		l.Add(mail.LocalMessage{Key: mail.Key(f.key), System: f.system, Letters: f.letters.String(), Inode: inode, New: isNew})
		if !f.isPlain(name, isNew) && len(odd) < maxOdd {
			if odd == nil {
				odd = map[mail.Key]string{}
			}
			odd[mail.Key(strings.Clone(f.key))] = strings.Clone(name)
		}
	}, func() (again bool, err error) {
		l.Sort()
		twice := map[mail.Key]bool{}
		for i := 1; i < l.Len(); i++ {
			if k := l.Key(i); k == l.Key(i-1) {
				twice[mail.Key(strings.Clone(string(k)))] = true
			}
		}
		if len(twice) == 0 {
			return false, nil
		}
		once, again, err := a.separate(b, twice)
		l = replaced(l, once)
		return again, err
	})
	if err == nil {
		l.Settled = settled
		l.Table, err = readTable(b.top)
	}
	if err != nil {
		return nil, explain("scan", m, "", err)
	}
	a.remember(m, l, odd)
	return l, nil
}
