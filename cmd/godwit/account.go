package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/gofrs/flock"

	"godwit/imap"
	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/maildir"
	"godwit/statedb"
)

// account is an open account: its three trees, and the lock that keeps other
// runs away from them.
type account struct {
	config *config.Account
	state  string // directory
	lock   *flock.Flock
	base   *statedb.DB
	local  *maildir.Account
	server *server
}

// opening says how an account is to be opened.
type opening struct {
	state string // directory; empty: where it belongs
	wait  bool   // for another run to end
	// relocate has directories renamed after the layout or the map was changed.
	relocate bool
	printer  *ui.Printer
	notice   func(text string) // what the server wants the user to know
	trace    func(line string) // what goes over the connections; nil: nobody asks
	// before, when not nil, is called under the lock before the database is opened.
	before func(database string) error
}

// openAccount locks an account and opens all three trees. Nothing is connected
// yet. Close it.
func openAccount(ctx context.Context, c *config.Account, o opening) (_ *account, err error) {
	a := &account{config: c, state: o.state}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.state == "" {
		if a.state, err = config.StateDir(c.Name); err != nil {
			return nil, fmt.Errorf("%w: %w", errConfig, err)
		}
	}
	if err := os.MkdirAll(a.state, 0o700); err != nil {
		return nil, fmt.Errorf("state of %s: %w", c.Name, err)
	}
	a.lock, err = lock(ctx, a.state, o.wait, func(holder string) {
		o.printer.Warn(c.Name, "waiting for another run to end: "+holder)
	})
	if err != nil {
		return nil, because(ctx, err)
	}
	if a.local, err = openMaildir(c, a.state); err != nil {
		return nil, err
	}
	if a.server, err = openServer(c, o); err != nil {
		return nil, err
	}
	if o.before != nil {
		if err := o.before(databasePath(a.state)); err != nil {
			return nil, err
		}
	}
	if a.base, err = statedb.Open(ctx, databasePath(a.state)); err != nil {
		return nil, because(ctx, err)
	}
	return a, nil
}

// Close closes what is open. The lock goes last.
func (a *account) Close() error {
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Close())
	}
	if a.base != nil {
		errs = append(errs, a.base.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}

func databasePath(state string) string { return filepath.Join(state, "state.db") }

func trashPath(state string) string { return filepath.Join(state, "trash") }

func incomingPath(state string) string { return filepath.Join(state, "incoming") }

// openMaildir makes the local side of an account.
func openMaildir(c *config.Account, state string) (*maildir.Account, error) {
	local, err := maildir.Open(maildir.Options{
		Root: c.Maildir, Account: c.Name, Layout: maildir.Layout(c.Layout), Map: c.Map, TrashDir: trashPath(state),
		CopyToTrash: c.TrashCopy, NoLinks: !c.Link,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	return local, nil
}

// openServer makes the server side of an account. It does not connect.
func openServer(c *config.Account, o opening) (*server, error) {
	quiet := &server{}
	options := imap.Options{
		Host: c.IMAP.Host, Port: c.IMAP.Port, TLS: tlsMode(c.IMAP.TLS), AllowCleartext: c.IMAP.AllowCleartext,
		RootCAs: c.IMAP.CA, Fingerprint: c.IMAP.Fingerprint, Command: c.IMAP.Command,
		Timeout: c.IMAP.Timeout, User: c.IMAP.User,
		Connections: c.Connections, Compress: c.IMAP.Compress, Shown: c.IMAP.Shown,
		Trace: o.trace,
		Notify: func(text string) {
			if !quiet.closing.Load() && o.notice != nil {
				o.notice(text)
			}
		},
	}
	options.Remark = func(text string) {
		if !quiet.closing.Load() && o.printer != nil {
			o.printer.Remark(c.Name, text)
		}
	}
	if source := c.IMAP.Password; source != nil {
		options.Password = func(ctx context.Context) (string, error) {
			found, err := source.Get(ctx)
			if err != nil {
				if ctx.Err() != nil {
					return "", err
				}
				return "", fmt.Errorf("%w: %w", errPassword, err)
			}
			o.printer.Secrets.Add(c.IMAP.User, found.Reveal())
			return found.Reveal(), nil
		}
	}
	account, err := imap.New(options)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	quiet.Account = account
	return quiet, nil
}

// server is the server side of an account. Once it is being closed the server
// has no news for the user: it answers our LOGOUT with a BYE.
type server struct {
	*imap.Account
	closing atomic.Bool
}

func (s *server) Close() error {
	s.closing.Store(true)
	return s.Account.Close()
}

func tlsMode(t config.TLS) imap.TLSMode {
	switch t {
	case config.StartTLS:
		return imap.TLSStart
	case config.NoTLS:
		return imap.TLSNone
	}
	return imap.TLSImplicit
}
