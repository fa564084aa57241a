package maildir

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// box is an open mailbox: its directory, and those of its three that are there.
type box struct {
	name          mail.Mailbox
	top           dir
	new, cur, tmp dir
}

func (b *box) close() {
	for _, d := range []dir{b.tmp, b.cur, b.new, b.top} {
		d.close()
	}
}

// find opens a mailbox's directory.
func (a *Account) find(m mail.Mailbox) (dir, error) {
	d, err := openTop(a.sys, a.root)
	for _, u := range a.names.units(m) {
		if err != nil {
			break
		}
		var next dir
		if next, err = descend(d, u.escaped); isMissing(err) && u.literal != "" {
			next, err = d.sub(u.literal)
		}
		d.close()
		d = next
	}
	if isMissing(err) {
		err = fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
	}
	return d, err
}

// descend opens a directory some names below d, and leaves d open.
func descend(d dir, names []string) (dir, error) {
	next, err := d.sub(names[0])
	for _, n := range names[1:] {
		if err != nil {
			return noDir, err
		}
		var deeper dir
		deeper, err = next.sub(n)
		next.close()
		next = deeper
	}
	return next, err
}

// open opens a mailbox to look into it. new/ may be missing.
func (a *Account) open(m mail.Mailbox) (*box, error) {
	top, err := a.find(m)
	if err != nil {
		return nil, err
	}
	b := &box{name: m, top: top, new: noDir, cur: noDir, tmp: noDir}
	if b.cur, err = top.sub("cur"); err == nil {
		if b.new, err = top.sub("new"); isMissing(err) {
			b.new, err = noDir, nil
		}
	} else if isMissing(err) {
		err = fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// openAll opens a mailbox to put messages into it, with all its directories.
func (a *Account) openAll(m mail.Mailbox) (*box, error) {
	b, err := a.open(m)
	if err != nil {
		return nil, err
	}
	if b.new.fd < 0 {
		b.new, err = makeSub(b.top, "new")
	}
	if err == nil {
		b.tmp, err = makeSub(b.top, "tmp")
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// makeSub opens a directory, making it durably if it is not there.
func makeSub(d dir, name string) (dir, error) {
	s, err := d.sub(name)
	if !isMissing(err) {
		return s, err
	}
	made, err := d.mkdir(name)
	if err == nil && made {
		err = d.sync()
	}
	if err != nil {
		return noDir, err
	}
	return d.sub(name)
}

// Create makes a mailbox, and the directories it is in; it may be there
// already.
func (a *Account) Create(ctx context.Context, m mail.Mailbox) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain("create", m, "", a.create(m))
}

func (a *Account) create(m mail.Mailbox) error {
	d, err := openTop(a.sys, a.root)
	if err != nil {
		return err
	}
	units := a.names.units(m)
	var above [][]string
	for _, u := range units {
		next, step, err := enter(d, u)
		d.close()
		var other *misspelled
		if errors.As(err, &other) {
			return a.collides(above, step, m, other)
		}
		if err != nil {
			next.close()
			return err
		}
		d, above = next, append(above, step)
	}
	defer d.close()
	if a.names.layout == MaildirPlusPlus && len(units) > 0 {
		// Tells that this is not the root (Maildir++).
		f, err := d.file("maildirfolder", unix.O_WRONLY|unix.O_CREAT)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	// cur/ comes last: a directory is a mailbox when it has that.
	for _, name := range []string{"tmp", "new", "cur"} {
		if _, err := d.mkdir(name); err != nil {
			return err
		}
		s, err := d.sub(name) // refuses a file or a link in its place
		if err != nil {
			return err
		}
		s.close()
	}
	return d.sync()
}

// enter opens the directory of a unit in d, or makes it. step are the names that
// it has.
func enter(d dir, u unit) (next dir, step []string, err error) {
	if u.literal != "" {
		next, err := descend(d, u.escaped)
		if err == nil {
			next.close()
		}
		if there, _ := d.has(u.literal); there && isMissing(err) {
			next, err = makeChain(d, []string{u.literal})
			return next, []string{u.literal}, err
		}
	}
	next, err = makeChain(d, u.escaped)
	return next, u.escaped, err
}

// makeChain opens nested directories in d, makes those that are missing, and
// returns the innermost. It fails with a [*misspelled] where the file system has
// one of them under another name.
func makeChain(d dir, names []string) (dir, error) {
	next, err := makeSpelled(d, names[0])
	for _, n := range names[1:] {
		if err != nil {
			return noDir, err
		}
		var deeper dir
		deeper, err = makeSpelled(next, n)
		next.close()
		next = deeper
	}
	return next, err
}

// Anchor makes durable that a mailbox is where it is: its own directories, and
// those that it is in. Whoever made them, a mail reader or a run of ours that
// died or failed, need not have done that.
func (a *Account) Anchor(ctx context.Context, m mail.Mailbox) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain("make durable", m, "", a.anchor(m))
}

func (a *Account) anchor(m mail.Mailbox) error {
	d, err := openTop(a.sys, a.root)
	if err != nil {
		return err
	}
	items := []item{{dir: d}}
	defer func() {
		for _, i := range items {
			i.dir.close()
		}
	}()
	for _, u := range a.names.units(m) {
		names := u.escaped
		if u.literal != "" {
			probe, err := descend(d, names)
			probe.close()
			if isMissing(err) {
				names = []string{u.literal}
			}
		}
		for _, n := range names {
			if d, err = d.sub(n); err != nil {
				if isMissing(err) {
					err = fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
				}
				return err
			}
			items = append(items, item{dir: d})
		}
	}
	return a.durable.flush(items)
}

// makeSpelled is makeSub for a directory that must have just this name.
func makeSpelled(d dir, name string) (dir, error) {
	s, err := d.sub(name)
	made := false
	if isMissing(err) {
		if made, err = d.mkdir(name); err == nil {
			s, err = d.sub(name)
		}
	}
	if err != nil {
		return noDir, err
	}
	if !made || isSuspect(name) {
		err = spelled(d, name)
	}
	if err != nil && made {
		err = errors.Join(err, d.rmdir(name))
	} else if err == nil {
		// One that is no mailbox yet may have been made a moment ago by a run that
		// died before its name was durable.
		done := false
		if !made {
			done, err = s.has("cur")
		}
		if err == nil && !done {
			err = d.sync()
		}
	}
	if err != nil {
		s.close()
		return noDir, err
	}
	return s, nil
}

// Mailboxes finds the mailboxes, sorted by name, with the stamps of their
// directories. It reads no directory of messages. A directory is a mailbox when
// it holds cur/. It fails with [ErrCollision] when two directories would be the
// same mailbox.
func (a *Account) Mailboxes(ctx context.Context) ([]mail.LocalMailbox, error) {
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return nil, explain("list mailboxes", "", "", err)
	}
	defer top.close()
	w := walk{Account: a, ctx: ctx, at: map[mail.Mailbox]string{}}
	if a.names.layout == MaildirPlusPlus {
		err = w.visit(top, nil)
	}
	if err == nil {
		err = w.children(top, nil)
	}
	if err != nil {
		return nil, explain("list mailboxes", "", "", err)
	}
	slices.SortFunc(w.found, func(a, b mail.LocalMailbox) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return w.found, nil
}

type walk struct {
	*Account
	ctx   context.Context
	found []mail.LocalMailbox
	at    map[mail.Mailbox]string
}

// children looks at the directories in d, which is at the given steps; the last
// step may be the beginning of a name that was cut.
func (w *walk) children(d dir, steps [][]string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	var names []string
	err := eachEntry(d, func(name []byte, _ uint64, k Kind) error {
		if (k == IsDirectory || k == IsUnknown) && w.mayHold(string(name)) {
			names = append(names, string(name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		s, err := d.sub(name)
		if isMissing(err) {
			continue // a file after all, or gone meanwhile
		}
		if err != nil {
			return err
		}
		err = w.descend(s, steps, name)
		s.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// mayHold leaves out names that no mailbox has.
func (w *walk) mayHold(name string) bool {
	if strings.HasPrefix(name, cut) {
		return true
	}
	switch w.names.layout {
	case MaildirPlusPlus:
		return name[0] == '.' && len(name) > 1
	case Flat:
		return name[0] != '.' && !isTaken(name)
	}
	return !isTaken(name)
}

// descend looks at the directory s, which has that name below the steps.
func (w *walk) descend(s dir, steps [][]string, name string) error {
	if n := len(steps); n > 0 && strings.HasPrefix(name, cut) && isCut(steps[n-1]) {
		whole := append(slices.Clone(steps[:n-1]), append(slices.Clone(steps[n-1]), name))
		if err := w.visit(s, whole); err != nil {
			return err
		}
		if w.names.layout == Verbatim || strings.HasSuffix(name, cut) {
			return w.children(s, whole)
		}
		return nil
	}
	if len(steps) > 0 && w.names.layout != Verbatim {
		return nil // one level only
	}
	below := append(slices.Clone(steps), []string{name})
	if err := w.visit(s, below); err != nil {
		return err
	}
	if w.names.layout == Verbatim || strings.HasSuffix(name, cut) {
		return w.children(s, below)
	}
	return nil
}

func isCut(step []string) bool { return strings.HasSuffix(step[len(step)-1], cut) }

// visit notes the mailbox that s is, if it is one.
func (w *walk) visit(s dir, steps [][]string) error {
	stamp, err := w.stamp(s)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	m, ok, err := w.names.mailbox(steps)
	if err != nil || !ok {
		return err
	}
	if other, twice := w.at[m]; twice {
		return fmt.Errorf("maildir: %w: the directories %q and %q are both %q; rename one", ErrCollision, other, place(steps), m)
	}
	w.at[m] = place(steps)
	table, err := readTable(s)
	if err != nil {
		stamp.Racy = true // it is looked into, and what is wrong is told of it alone
	}
	w.found = append(w.found, mail.LocalMailbox{Name: m, Stamp: stamp, Letters: table.String()})
	return nil
}

// Stamp takes a mailbox's stamp.
func (a *Account) Stamp(ctx context.Context, m mail.Mailbox) (mail.Stamp, error) {
	if err := ctx.Err(); err != nil {
		return mail.Stamp{}, err
	}
	top, err := a.find(m)
	if err != nil {
		return mail.Stamp{}, explain("stamp", m, "", err)
	}
	defer top.close()
	s, err := a.stamp(top)
	if isMissing(err) {
		err = errors.Join(mail.ErrNoMailbox, err)
	}
	return s, explain("stamp", m, "", err)
}

// How long after a change a further one may leave the same time: the clock that
// a kernel stamps files with moves in steps of up to 10 ms, and some file
// systems keep whole seconds, or every other one.
const (
	grain       = 20 * time.Millisecond
	coarseGrain = 2 * time.Second
)

// stamp takes the stamp of the mailbox in top. new/ may be missing.
func (a *Account) stamp(top dir) (mail.Stamp, error) {
	s, _, err := a.stampAge(top)
	return s, err
}

// stampAge also tells how long to wait until the stamp would not be racy; zero
// when it is not.
func (a *Account) stampAge(top dir) (s mail.Stamp, wait time.Duration, err error) {
	now := a.now().UnixNano()
	cur, err := top.stat("cur")
	if err == nil && !isDir(cur) {
		err = top.fail("stat", "cur", unix.ENOENT)
	}
	if err != nil {
		return s, 0, err
	}
	s.Cur = stampOf(cur)
	fresh, err := top.stat("new")
	switch {
	case err == nil && isDir(fresh):
		s.New = stampOf(fresh)
	case err != nil && !isMissing(err):
		return s, 0, err
	}
	g := grain
	if s.Cur.MTime%1e9 == 0 && s.New.MTime%1e9 == 0 || s.Cur.CTime%1e9 == 0 && s.New.CTime%1e9 == 0 {
		g = coarseGrain
	}
	for _, d := range []mail.DirStamp{s.Cur, s.New} {
		// A change moves both times to now, and only ctime can be set by nobody: who
		// puts a file there and then sets the directory's mtime back to what it was
		// leaves ctime alone to tell. (FAT keeps mtime only.)
		young := now-d.CTime < int64(g) || now-d.MTime < int64(g) && now >= d.MTime
		if young {
			s.Racy = true
			wait = max(wait, min(g-time.Duration(now-max(d.CTime, min(d.MTime, now))), g))
		}
	}
	return s, wait, nil
}

func stampOf(st Stat) mail.DirStamp {
	return mail.DirStamp{Inode: st.Inode, MTime: st.MTime, CTime: st.CTime}
}
