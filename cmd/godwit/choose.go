package main

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/mail"
	"godwit/sync"
)

// target is an account, whole or some mailboxes of it.
type target struct {
	account *config.Account
	only    []*chosen // nil: all mailboxes
	maxSize *int64    // instead of the account's max_size; nil: that
}

// chosen is a pattern from the command line, and whether it chose anything.
type chosen struct {
	pattern config.Pattern
	exactly mail.Mailbox // instead of a pattern; empty: none
	hit     atomic.Bool
}

// choose reads the arguments ACCOUNT[:MAILBOX]…; none means every account.
func choose(c *config.Config, args []string) ([]*target, error) {
	var targets []*target
	if len(args) == 0 {
		for _, a := range c.Accounts {
			targets = append(targets, &target{account: a})
		}
		return targets, nil
	}
	byName := map[string]*target{}
	for _, arg := range args {
		name, mailbox, some := strings.Cut(arg, ":")
		a, known := c.Account(name)
		switch {
		case !known:
			u := &usage{text: fmt.Sprintf("no account %q in the configuration", name), hint: "there is " + strings.Join(c.Names(), ", ")}
			if like, found := config.Nearest(name, c.Names()); found {
				u.hint = fmt.Sprintf("did you mean %q?", like)
			}
			return nil, u
		case some && mailbox == "":
			return nil, usagef("%q names no mailbox after the colon", arg)
		}
		t := byName[name]
		if t == nil {
			t = &target{account: a}
			byName[name] = t
			targets = append(targets, t)
			if some {
				t.only = []*chosen{{pattern: config.Pattern(mailbox)}}
			}
			continue
		}
		if !some {
			t.only = nil
		} else if t.only != nil {
			t.only = append(t.only, &chosen{pattern: config.Pattern(mailbox)})
		}
	}
	return targets, nil
}

// parts says what is fetched of the messages of a mailbox.
func (t *target) parts(m mail.Mailbox, role mail.Role) sync.Parts {
	p := t.account.PartsFor(m, role)
	if t.maxSize != nil {
		p.MaxSize = *t.maxSize
	}
	return sync.Parts{MaxSize: p.MaxSize, MaxText: p.MaxText, HeadersOnly: p.HeadersOnly, Flagged: p.FetchFlagged}
}

// window says which messages of a mailbox the Maildir is to have.
func (t *target) window(m mail.Mailbox, role mail.Role) sync.Window {
	return sync.Window(t.account.WindowFor(m, role))
}

// filter tells which mailboxes are meant; nil when all are.
func (t *target) filter() func(mail.Mailbox) bool {
	if t.only == nil {
		return nil
	}
	return func(m mail.Mailbox) bool {
		meant := false
		for _, o := range t.only {
			if o.exactly == m || o.exactly == "" && o.pattern.Matches(m, "") {
				o.hit.Store(true)
				meant = true
			}
		}
		return meant
	}
}

// missed returns the patterns that chose no mailbox.
func (t *target) missed() []string {
	var out []string
	for _, o := range t.only {
		if !o.hit.Load() {
			out = append(out, string(o.pattern))
		}
	}
	return out
}

// loadConfig reads the configuration that the command line names.
func loadConfig(c *cli.Context) (*config.Config, error) {
	path := c.String("config")
	if path == "" {
		var err error
		if path, err = config.DefaultPath(); err != nil {
			return nil, fmt.Errorf("%w: %w", errConfig, err)
		}
	}
	loaded, err := config.Load(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	return loaded, nil
}

// wholeAccounts reads the arguments ACCOUNT…, for commands that know no
// mailboxes.
func wholeAccounts(c *config.Config, args []string) ([]*target, error) {
	for _, arg := range args {
		if strings.Contains(arg, ":") {
			return nil, usagef("%q: this command takes whole accounts", arg)
		}
	}
	return choose(c, args)
}
