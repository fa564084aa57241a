package sim

import (
	"context"
	"fmt"
	"io"
	gosync "sync"

	"godwit/mail"
	"godwit/maildir"
)

// calls is the real Maildir code, each of whose methods is a point before it
// begins. The points within are those of its file system.
type calls struct {
	account *maildir.Account
	now     func() *schedule
	// held keeps the listings alive. The code under test has weak pointers to
	// them, and what it does must not depend on when memory is collected.
	held *listings
}

type listings struct {
	mu  gosync.Mutex
	all []*mail.Listing
}

func (c calls) hold(l *mail.Listing) {
	c.held.mu.Lock()
	defer c.held.mu.Unlock()
	c.held.all = append(c.held.all, l)
}

func (c calls) at(method string, detail any) error {
	if s := c.now(); s != nil {
		return s.point("Local."+method, fmt.Sprint(detail))
	}
	return nil
}

func (c calls) Root(ctx context.Context) (mail.RootState, error) {
	if err := c.at("Root", ""); err != nil {
		return mail.RootState{}, err
	}
	return c.account.Root(ctx)
}

func (c calls) Init(ctx context.Context) error {
	if err := c.at("Init", ""); err != nil {
		return err
	}
	return c.account.Init(ctx)
}

func (c calls) Mailboxes(ctx context.Context) ([]mail.LocalMailbox, error) {
	if err := c.at("Mailboxes", ""); err != nil {
		return nil, err
	}
	return c.account.Mailboxes(ctx)
}

func (c calls) Stamp(ctx context.Context, m mail.Mailbox) (mail.Stamp, error) {
	if err := c.at("Stamp", m); err != nil {
		return mail.Stamp{}, err
	}
	return c.account.Stamp(ctx, m)
}

func (c calls) Create(ctx context.Context, m mail.Mailbox) error {
	if err := c.at("Create", m); err != nil {
		return err
	}
	return c.account.Create(ctx, m)
}

func (c calls) Scan(ctx context.Context, m mail.Mailbox) (*mail.Listing, error) {
	if err := c.at("Scan", m); err != nil {
		return nil, err
	}
	l, err := c.account.Scan(ctx, m)
	c.hold(l)
	return l, err
}

func (c calls) Tally(ctx context.Context, m mail.Mailbox) (mail.Tally, error) {
	if err := c.at("Scan", m); err != nil {
		return mail.Tally{}, err
	}
	return c.account.Tally(ctx, m)
}

func (c calls) RestoreLetters(ctx context.Context, m mail.Mailbox, was mail.KeywordTable) error {
	if err := c.at("RestoreLetters", m); err != nil {
		return err
	}
	return c.account.RestoreLetters(ctx, m, was)
}

func (c calls) Room(ctx context.Context, m mail.Mailbox) (mail.KeywordRoom, error) {
	if err := c.at("Room", m); err != nil {
		return mail.KeywordRoom{}, err
	}
	return c.account.Room(ctx, m)
}

func (c calls) Flush(ctx context.Context, m mail.Mailbox) error {
	if err := c.at("Flush", m); err != nil {
		return err
	}
	return c.account.Flush(ctx, m)
}

func (c calls) FlushMany(ctx context.Context, mailboxes []mail.Mailbox) []error {
	errs := make([]error, len(mailboxes))
	var left []mail.Mailbox
	for i, m := range mailboxes {
		if errs[i] = c.at("Flush", m); errs[i] == nil {
			left = append(left, m)
		}
	}
	flushed := c.account.FlushMany(ctx, left)
	for i := range errs {
		if errs[i] == nil {
			errs[i], flushed = flushed[0], flushed[1:]
		}
	}
	return errs
}

func (c calls) Anchor(ctx context.Context, m mail.Mailbox) error {
	if err := c.at("Anchor", m); err != nil {
		return err
	}
	return c.account.Anchor(ctx, m)
}

func (c calls) Locate(ctx context.Context, keys []mail.Key) (map[mail.Key]mail.Located, error) {
	if err := c.at("Locate", fmt.Sprintf("%q", keys)); err != nil {
		return nil, err
	}
	return c.account.Locate(ctx, keys)
}

func (c calls) Read(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.LocalContent, error) {
	if err := c.at("Read", fmt.Sprintf("%s %q", m, string(k))); err != nil {
		return mail.LocalContent{}, err
	}
	return c.account.Read(ctx, m, k)
}

func (c calls) Open(ctx context.Context, m mail.Mailbox, k mail.Key) (mail.Body, int64, error) {
	if err := c.at("Open", fmt.Sprintf("%s %q", m, string(k))); err != nil {
		return nil, 0, err
	}
	return c.account.Open(ctx, m, k)
}

func (c calls) Stage(ctx context.Context, m mail.Mailbox, d mail.Delivery, body io.Reader) (mail.Staged, error) {
	if err := c.at("Stage", m); err != nil {
		return mail.Staged{}, err
	}
	return c.account.Stage(ctx, m, d, body)
}

func (c calls) Link(ctx context.Context, from, to mail.Mailbox, links []mail.Link) ([]mail.Staged, []error, error) {
	if err := c.at("Link", fmt.Sprintf("%s to %s %d", from, to, len(links))); err != nil {
		return nil, nil, err
	}
	return c.account.Link(ctx, from, to, links)
}

func (c calls) Settle(ctx context.Context, staged []mail.Staged) error {
	if err := c.at("Settle", len(staged)); err != nil {
		return err
	}
	return c.account.Settle(ctx, staged)
}

func (c calls) Place(ctx context.Context, staged []mail.Staged) error {
	if err := c.at("Place", len(staged)); err != nil {
		return err
	}
	return c.account.Place(ctx, staged)
}

func (c calls) Discard(ctx context.Context, staged []mail.Staged) error {
	if err := c.at("Discard", len(staged)); err != nil {
		return err
	}
	return c.account.Discard(ctx, staged)
}

func (c calls) SetFlags(ctx context.Context, m mail.Mailbox, changes []mail.KeyFlags) ([]error, error) {
	if err := c.at("SetFlags", fmt.Sprintf("%s %d", m, len(changes))); err != nil {
		return make([]error, len(changes)), err
	}
	return c.account.SetFlags(ctx, m, changes)
}

func (c calls) Relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	if err := c.at("Relocate", fmt.Sprintf("%s %q to %s %q", from, string(k), to, string(newKey))); err != nil {
		return mail.LocalMessage{}, err
	}
	return c.account.Relocate(ctx, from, k, to, newKey, flags)
}

func (c calls) Replace(ctx context.Context, staged mail.Staged, k mail.Key, was uint64, run int64) error {
	if err := c.at("Replace", fmt.Sprintf("%s %q", staged.Mailbox, string(k))); err != nil {
		return err
	}
	return c.account.Replace(ctx, staged, k, was, run)
}

func (c calls) Remove(ctx context.Context, m mail.Mailbox, keys []mail.Key, run int64) ([]error, error) {
	if err := c.at("Remove", fmt.Sprintf("%s %q", m, keys)); err != nil {
		return make([]error, len(keys)), err
	}
	return c.account.Remove(ctx, m, keys, run)
}

func (c calls) RenameMailbox(ctx context.Context, from, to mail.Mailbox) error {
	if err := c.at("RenameMailbox", fmt.Sprintf("%s to %s", from, to)); err != nil {
		return err
	}
	return c.account.RenameMailbox(ctx, from, to)
}

func (c calls) DeleteMailbox(ctx context.Context, m mail.Mailbox) error {
	if err := c.at("DeleteMailbox", m); err != nil {
		return err
	}
	return c.account.DeleteMailbox(ctx, m)
}

func (c calls) Sweep(ctx context.Context, m mail.Mailbox) error {
	if err := c.at("Sweep", m); err != nil {
		return err
	}
	return c.account.Sweep(ctx, m)
}

func (c calls) NewKey() mail.Key { return c.account.NewKey() }
