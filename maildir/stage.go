package maildir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Stage writes a message to tmp/ under a fresh key, or the delivery's, with LF
// or CRLF as the package page says, and tells what it is. The body is read once
// to its end. A body that fails, or is not as long as the delivery says, leaves
// nothing behind; its error is wrapped. A disk that is nearly full takes no message:
// [mail.ErrDisk].
func (a *Account) Stage(ctx context.Context, m mail.Mailbox, d mail.Delivery, body io.Reader) (mail.Staged, error) {
	k := d.Key
	if k == "" {
		k = a.NewKey()
	}
	if err := checkKey(k); err != nil {
		return mail.Staged{}, explain("store", m, k, err)
	}
	if err := a.checkSpace(d.Size); err != nil {
		return mail.Staged{}, explain("store", m, k, err)
	}
	held, err := a.holdTmp(m)
	if err != nil {
		return mail.Staged{}, explain("store", m, k, err)
	}
	defer a.release(held)
	tmp := held.dir
	name := tmpName(k)
	f, err := a.createTmp(tmp, m, name)
	if err != nil {
		a.letGo(m)
		return mail.Staged{}, explain("store", m, k, err)
	}
	staged := mail.Staged{Mailbox: m, Key: k, Flags: d.Flags}
	marked, err := a.store(ctx, f, d.Size, body, &staged)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && d.Date != 0 {
		err = tmp.setTime(name, int64(d.Date))
	}
	if err == nil && marked {
		err = tmp.replace(name, name+rawField)
	}
	if err != nil {
		err = errors.Join(err, tmp.unlink(name))
		a.forget(m, name)
		a.letGo(m)
		return mail.Staged{}, explain("store", m, k, err)
	}
	return staged, nil
}

// heldTmp is a mailbox's tmp/, kept open from the first message of a batch until
// the batch is settled: finding it costs as much as writing a small message.
type heldTmp struct {
	dir   dir
	users int
	old   bool // to be closed by its last user
}

func (a *Account) holdTmp(m mail.Mailbox) (*heldTmp, error) {
	if h := a.heldNow(m, nil); h != nil {
		return h, nil
	}
	tmp, err := a.openTmp(m) // not under the lock: a slow disk would hold up the other mailboxes
	if err != nil {
		return nil, err
	}
	h := a.heldNow(m, &heldTmp{dir: tmp})
	if h.dir != tmp {
		tmp.close() // another message was faster
	}
	return h, nil
}

// heldNow is what is kept, or else other, which is kept from now on; nil when
// there is neither. The caller releases it.
func (a *Account) heldNow(m mail.Mailbox, other *heldTmp) *heldTmp {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[m]
	if h == nil && other != nil {
		h = other
		a.held[m] = h
	}
	if h != nil {
		h.users++
	}
	return h
}

func (a *Account) release(h *heldTmp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h.users--; h.users == 0 && h.old {
		h.dir.close()
	}
}

// letGo ends the keeping: the next message finds the directory anew, wherever
// the user has moved it.
func (a *Account) letGo(m mail.Mailbox) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[m]
	if h == nil {
		return
	}
	delete(a.held, m)
	if h.old = true; h.users == 0 {
		h.dir.close()
	}
}

// openTmp opens a mailbox's tmp/, making it if it is not there.
func (a *Account) openTmp(m mail.Mailbox) (dir, error) {
	top, err := a.find(m)
	if err != nil {
		return noDir, err
	}
	defer top.close()
	tmp, err := top.sub("tmp")
	if !isMissing(err) {
		return tmp, err
	}
	if has, herr := top.has("cur"); herr != nil || !has {
		return noDir, errors.Join(mail.ErrNoMailbox, herr)
	}
	return makeSub(top, "tmp")
}

// createTmp creates a file in tmp/. What a dead run left under the name is
// removed; what this process has there is not.
func (a *Account) createTmp(tmp dir, m mail.Mailbox, name string) (*file, error) {
	if !a.claim(m, name) {
		return nil, tmp.fail("open", name, unix.EEXIST)
	}
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL
	f, err := tmp.file(name, flags)
	if errors.Is(err, unix.EEXIST) {
		if err = tmp.unlink(name); err == nil {
			f, err = tmp.file(name, flags)
		}
	}
	if err != nil {
		_ = tmp.unlink(name) // made, perhaps, and the answer lost
		a.forget(m, name)
	}
	return f, err
}

// store writes the body to the file and fills in what it is.
func (a *Account) store(ctx context.Context, f *file, size int64, body io.Reader, staged *mail.Staged) (marked bool, err error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.content.Reset()
	st := storer{out: f, write: func(p []byte) (int, error) { return a.write(f, p) }, buf: s.out[:0]}
	var got int64
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := body.Read(s.in)
		if err != nil && err != io.EOF {
			return false, fmt.Errorf("after %d octets of the body: %w", got, err)
		}
		done = err == io.EOF
		got += int64(n)
		if size >= 0 && got > size {
			break // said below; the rest is not wanted
		}
		s.content.Write(s.in[:n])
		if _, err := st.Write(s.in[:n]); err != nil {
			return false, err
		}
	}
	if size >= 0 && got != size {
		return false, fmt.Errorf("the body has %s %d octets, %d were announced", atLeast(got > size), got, size)
	}
	if marked, err = st.finish(); err != nil {
		return false, err
	}
	info, err := f.stat()
	if err != nil {
		return false, err
	}
	if info.Size != st.size {
		return false, fmt.Errorf("the file holds %d octets, %d were written", info.Size, st.size)
	}
	staged.Content = s.content.Content()
	staged.Inode = info.Inode
	return marked, nil
}

func atLeast(more bool) string {
	if more {
		return "at least"
	}
	return "only"
}

// claim notes a name in tmp/ as being in use by this process; false if it is
// already. forget takes that back.
func (a *Account) claim(m mail.Mailbox, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := string(m) + "\x00" + name
	if a.live[id] {
		return false
	}
	a.live[id] = true
	return true
}

func (a *Account) forget(m mail.Mailbox, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.live, string(m)+"\x00"+name)
}

func (a *Account) isLive(m mail.Mailbox, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.live[string(m)+"\x00"+name]
}

// inTmp calls act with the name in tmp/ of a staged message.
func inTmp(k mail.Key, act func(name string, raw bool) error) error {
	err := act(tmpName(k), false)
	if isMissing(err) {
		err = act(tmpName(k)+rawField, true)
	}
	return err
}

// Discard removes staged messages that shall not be placed. Those that are not
// in tmp/ are passed over.
func (a *Account) Discard(ctx context.Context, staged []mail.Staged) error {
	return a.byMailbox(ctx, staged, func(b *box, batch []mail.Staged) error {
		var failed error
		for _, s := range batch {
			err := inTmp(s.Key, func(name string, _ bool) error { return b.tmp.unlink(name) })
			if err != nil && !isMissing(err) {
				failed = errors.Join(failed, explain("discard", s.Mailbox, s.Key, err))
				continue
			}
			a.forget(s.Mailbox, tmpName(s.Key))
		}
		return failed
	})
}

// strangers is how long what looks like another host's is left in tmp/, as
// Maildir has it for all.
const strangers = 36 * time.Hour

// Sweep removes what a run of ours that died left in the tmp directory of a
// mailbox: files that carry our mark, and that this process is not writing. On
// a disk that hosts share, another host's are left for 36 hours.
func (a *Account) Sweep(ctx context.Context, m mail.Mailbox) error {
	return explain("sweep", m, "", a.sweep(ctx, m))
}

func (a *Account) sweep(ctx context.Context, m mail.Mailbox) error {
	top, err := a.find(m)
	if err != nil {
		return err
	}
	defer top.close()
	tmp, err := top.sub("tmp")
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer tmp.close()
	var strays []string
	err = eachEntry(tmp, func(raw []byte, _ uint64, k Kind) error {
		name := string(raw)
		ours, here := a.keys.isOurs(name)
		if !ours || k == IsDirectory || a.isLive(m, trimRaw(name)) {
			return nil
		}
		if !here {
			st, err := tmp.stat(name)
			if err != nil || time.Since(time.Unix(0, st.CTime)) < strangers {
				return nil // the time of writing; mtime is the message's date
			}
		}
		strays = append(strays, name)
		return nil
	})
	for _, name := range strays {
		if err != nil {
			break
		}
		if err = ctx.Err(); err == nil {
			err = tmp.unlink(name)
		}
		if isMissing(err) {
			err = nil
		}
	}
	return err
}

func trimRaw(name string) string {
	if f := parseName(name); f.raw {
		return f.key
	}
	return name
}
