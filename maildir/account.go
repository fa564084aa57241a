package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Options say which Maildir, and how it is arranged.
type Options struct {
	// Root is the Maildir's directory; it need not exist yet, and may be a
	// symbolic link.
	Root string
	// Account is written into the root's marker.
	Account string
	// Layout arranges the mailboxes; empty: Verbatim.
	Layout Layout
	// Map gives server names local ones, both with "/" between their parts. A
	// mailbox that is not in it has its server name. When a local name given here
	// is also the server name of a mailbox that is not in the map, that mailbox
	// gets its name with the last part escaped all over.
	Map map[mail.Mailbox]mail.Mailbox
	// TrashDir takes removed files: in the account's state directory, trash/. It
	// is made when it is needed. Where it is on another file system than the
	// mailbox, so that files could only be copied to it, they go to a trash in the
	// root instead, which holds no mailbox.
	TrashDir string
	// CopyToTrash copies a file to TrashDir that neither trash can be given by
	// renaming, because its mailbox is on a file system of its own. Otherwise
	// Remove fails for it with [ErrElsewhere].
	CopyToTrash bool
	// NoLinks has [Account.Link] copy every file, and none get a second name.
	NoLinks bool
	// Now is the clock that decides whether a directory changed so recently that
	// a further change might not move its time stamp; nil: time.Now.
	Now func() time.Time
	// System carries out all that is done to files; nil: the kernel does.
	System System
}

// Account is an account's Maildir. Its methods may be called side by side. It
// holds nothing open between calls, so that a disk can be unmounted, but for the
// tmp directories of messages that are staged and not yet settled.
type Account struct {
	sys                  System
	root, account, trash string
	inner                string // the trash in the root
	copyToTrash          bool
	now                  func() time.Time
	names                *names
	keys                 *keyMaker
	durable              durability
	noLinks              bool
	write                func(f *file, p []byte) (int, error) // for tests of full disks
	statfs               func(path string) (space, error)     // and of nearly full ones

	// keywords is full while somebody in this process writes a keyword table.
	keywords chan struct{}
	mu       sync.Mutex // guards what follows
	live     map[string]bool
	tables   map[mail.Mailbox]bool // whose table of keywords is durable
	hints    map[mail.Mailbox]hint
	held     map[mail.Mailbox]*heldTmp
	room     allowance // see checkSpace
}

// Open checks the options. It touches nothing: [Account.Root] tells what is
// there, and [Account.Init] makes it. It fails with [ErrCollision] when the map
// would put two mailboxes into one place.
func Open(o Options) (*Account, error) {
	if o.Root == "" {
		return nil, errors.New("maildir: no root directory is given")
	}
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return nil, fmt.Errorf("maildir: root %s: %w", o.Root, err)
	}
	n, err := newNames(o.Layout, o.Map)
	if err != nil {
		return nil, err
	}
	if o.System == nil {
		o.System = kernel{}
	}
	keys, err := newKeyMaker(o.System)
	if err != nil {
		return nil, err
	}
	a := &Account{
		sys: o.System, root: root, account: o.Account, trash: o.TrashDir, now: o.Now, names: n, keys: keys,
		inner: filepath.Join(root, innerTrash(n.layout)), copyToTrash: o.CopyToTrash, noLinks: o.NoLinks,
		live: map[string]bool{}, tables: map[mail.Mailbox]bool{}, hints: map[mail.Mailbox]hint{}, held: map[mail.Mailbox]*heldTmp{}, write: (*file).Write, statfs: statfs,
		keywords: make(chan struct{}, 1),
	}
	if _, real := o.System.(kernel); !real {
		a.statfs = func(string) (space, error) { return space{}, nil } // a simulated disk has no end
	}
	a.durable.start = time.Now()
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// NewKey makes a key that no file has.
func (a *Account) NewKey() mail.Key { return a.keys.key() }

const markerName = ".godwit"

// marker is the content of the marker file: TOML, a line or two.
func (a *Account) marker(generation string) []byte {
	text := "# This directory is kept by godwit. Without this file it refuses to work here.\naccount = " + strconv.Quote(a.account) + "\n"
	if generation != "" {
		text += "generation = " + strconv.Quote(generation) + "\n"
	}
	return []byte(text)
}

func parseMarker(b []byte) (account, generation string, err error) {
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte("="))
		into := &account
		switch string(bytes.TrimSpace(key)) {
		case "account":
		case "generation":
			into = &generation
		default:
			continue
		}
		if *into, err = strconv.Unquote(string(bytes.TrimSpace(value))); err != nil {
			return "", "", err
		}
	}
	if account == "" {
		return "", "", errors.New("it names no account")
	}
	return account, generation, nil
}

// SetGeneration writes into the marker which time the Maildir is of. The marker must
// be there, and the account's.
func (a *Account) SetGeneration(ctx context.Context, generation string) error {
	state, err := a.Root(ctx)
	switch {
	case err != nil:
		return err
	case !state.Marker || state.Account != a.account:
		return fmt.Errorf("maildir: %s has no marker %s of the account %q", a.root, markerName, a.account)
	}
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return explain("write marker", "", "", err)
	}
	defer top.close()
	return explain("write marker", "", "", writeSmall(top, markerName, a.marker(generation), markerName+".new"))
}

// Root looks at the Maildir's root and its marker.
func (a *Account) Root(ctx context.Context) (mail.RootState, error) {
	var state mail.RootState
	if err := ctx.Err(); err != nil {
		return state, err
	}
	top, err := openTop(a.sys, a.root)
	if isMissing(err) {
		return state, nil
	}
	if err != nil {
		return state, explain("root", "", "", err)
	}
	defer top.close()
	state.Exists, state.Empty = true, true
	err = eachEntry(top, func(name []byte, _ uint64, _ Kind) error {
		if string(name) != markerName && string(name) != innerTrash(a.names.layout) {
			state.Empty = false
		}
		return nil
	})
	if err != nil {
		return state, explain("root", "", "", err)
	}
	b, err := readSmall(top, markerName)
	if isMissing(err) {
		return state, nil
	}
	if err == nil {
		state.Marker = true
		state.Account, state.Generation, err = parseMarker(b)
	}
	if err != nil {
		return state, fmt.Errorf("maildir: the marker %s: %w", filepath.Join(a.root, markerName), classify(err))
	}
	return state, nil
}

// Init makes the root and its marker; both may be there already. A marker that
// names another account is an error.
func (a *Account) Init(ctx context.Context) error {
	state, err := a.Root(ctx)
	switch {
	case err != nil:
		return err
	case state.Marker && state.Account == a.account:
		return nil
	case state.Marker:
		return fmt.Errorf("maildir: %s belongs to the account %q, as its marker %s says", a.root, state.Account, markerName)
	}
	top, err := makeDirs(a.sys, a.root)
	if err != nil {
		return explain("create root", "", "", err)
	}
	defer top.close()
	// A run that died, or somebody else, may have made the root a moment ago, and a
	// marker in a directory that a power cut takes away marks nothing.
	above, err := openTop(a.sys, filepath.Dir(a.root))
	if err != nil {
		return explain("create root", "", "", err)
	}
	err = above.sync()
	above.close()
	if err != nil {
		return explain("create root", "", "", err)
	}
	return explain("write marker", "", "", writeSmall(top, markerName, a.marker(""), markerName+".new"))
}

// makeDirs opens a directory by its path, making it and its parents durably.
func makeDirs(sys System, path string) (dir, error) {
	top, err := openTop(sys, path)
	if !isMissing(err) {
		return top, err
	}
	parent, err := makeDirs(sys, filepath.Dir(path))
	if err != nil {
		return noDir, err
	}
	defer parent.close()
	made, err := parent.mkdir(filepath.Base(path))
	if err == nil && made {
		err = parent.sync()
	}
	if err != nil {
		return noDir, err
	}
	return openTop(sys, path)
}

// readSmall reads a file that is a page or so.
func readSmall(d dir, name string) ([]byte, error) {
	f, err := d.file(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(f)
	return b.Bytes(), d.fail("read", name, err)
}

// writeSmall puts a file into d, durably and whole or not at all.
func writeSmall(d dir, name string, content []byte, by string) error {
	f, err := d.file(by, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.sync()
	}
	err = errors.Join(d.fail("write", by, err), f.Close())
	if err == nil {
		err = d.replace(by, name)
	}
	if err != nil {
		return errors.Join(err, d.unlink(by))
	}
	return d.sync()
}
