package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	gosync "sync"

	"golang.org/x/sync/errgroup"

	"godwit/imap"
	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
	"godwit/mail/search"
	"godwit/statedb"
	"godwit/sync"
)

// presence tells how much of a message is here, as the last run left it.
type presence string

const (
	isHere    presence = "here"
	isPartial presence = "partial"
	isAbsent  presence = "absent"
)

// match is a message that was found.
type match struct {
	account  string
	mailbox  mail.Mailbox
	validity mail.UIDValidity
	uid      mail.UID
	state    presence
	key      mail.Key // empty: no file
	date     mail.UnixTime
	dated    bool // date was looked for
	left     bool // the mailbox is not synchronised
	glance   imap.Glance
}

// newerFirst orders matches, the newest first, and always alike.
func newerFirst(a, b match) int {
	return cmp.Or(cmp.Compare(b.date, a.date), strings.Compare(a.account, b.account), strings.Compare(string(a.mailbox), string(b.mailbox)), cmp.Compare(b.uid, a.uid))
}

// wanted is what is looked for, and where.
type wanted struct {
	key      search.Key
	patterns []string // of mailboxes; none: those that are synchronised
	limit    int      // of the messages that are listed; zero: none
	bare     bool     // nothing will be shown: dates and headers are not needed
}

// found is what was found in one account.
type found struct {
	matches []match // the newest, at most the limit
	total   int
	hit     []bool // which of the patterns chose a mailbox
	code    int    // exit code for single mailboxes that failed
}

// has tells whether a row's message was found.
func (f *found) has(row mail.Row) bool {
	return slices.ContainsFunc(f.matches, func(m match) bool { return m.mailbox == row.Mailbox && m.uid == row.UID && m.state != isAbsent })
}

// find searches an account. It needs no lock, and no state: a run may be under
// way.
func find(ctx context.Context, p *ui.Printer, t *target, w wanted) (f found, err error) {
	c := t.account
	server, err := openServer(c, opening{printer: p, notice: func(text string) { p.Notice(c.Name, text) }})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	all, err := server.Names(ctx)
	if err != nil {
		return f, err
	}
	f.hit = make([]bool, len(w.patterns))
	var boxes []mail.Mailbox
	left := map[mail.Mailbox]bool{}
	for _, m := range all {
		synced := c.Wanted(m.Name, m.Role) && (!c.SubscribedOnly || m.Subscribed || m.Name == mail.Inbox)
		meant := synced && len(w.patterns) == 0
		for i, pattern := range w.patterns {
			if config.Pattern(pattern).Matches(m.Name, m.Role) {
				f.hit[i], meant = true, true
			}
		}
		if meant && !m.NoSelect {
			boxes = append(boxes, m.Name)
			left[m.Name] = !synced
		}
	}
	results, err := server.Search(ctx, boxes, w.key)
	if err != nil {
		return f, err
	}
	failed := func(m mail.Mailbox, err error) { f.code = worst(f.code, report(p, c.Name+"/"+string(m), err)) }
	for _, r := range results {
		if r.Err != nil {
			failed(r.Mailbox, r.Err)
			continue
		}
		f.total += r.UIDs.Len()
		for uid := range r.UIDs.All() {
			f.matches = append(f.matches, match{account: c.Name, mailbox: r.Mailbox, validity: r.UIDValidity, uid: uid, state: isAbsent, left: left[r.Mailbox]})
		}
	}
	if err := known(ctx, c, f.matches); err != nil || w.bare {
		return f, err
	}
	if w.limit > 0 && len(f.matches) > w.limit {
		if err := glances(ctx, server, f.matches, func(m *match) bool { return !m.dated }, nil, failed); err != nil {
			return f, err
		}
		slices.SortFunc(f.matches, newerFirst)
		f.matches = f.matches[:w.limit]
	}
	err = glances(ctx, server, f.matches, func(*match) bool { return true }, []string{"FROM", "SUBJECT", "DATE", "MESSAGE-ID"}, failed)
	// What went meanwhile is nothing to show.
	f.matches = slices.DeleteFunc(f.matches, func(m match) bool { return m.glance.UID == 0 })
	slices.SortFunc(f.matches, newerFirst)
	return f, err
}

// known fills in what the last run left of the messages here.
func known(ctx context.Context, c *config.Account, all []match) (err error) {
	state, err := config.StateDir(c.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	if _, err := os.Stat(databasePath(state)); errors.Is(err, fs.ErrNotExist) || len(all) == 0 {
		return nil
	}
	base, err := statedb.Open(ctx, databasePath(state))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	points, err := base.Checkpoints(ctx)
	if err != nil {
		return err
	}
	validity := map[mail.Mailbox]mail.UIDValidity{}
	for _, point := range points {
		validity[point.Mailbox] = point.UIDValidity
	}
	byUID := map[mail.Mailbox]map[mail.UID]*match{}
	for i := range all {
		m := &all[i]
		if m.validity != validity[m.mailbox] { // UIDs of another life
			continue
		}
		if byUID[m.mailbox] == nil {
			byUID[m.mailbox] = map[mail.UID]*match{}
		}
		byUID[m.mailbox][m.uid] = m
	}
	for mailbox, uids := range byUID {
		for row, err := range base.RowsByUID(ctx, mailbox) {
			if err != nil {
				return err
			}
			m := uids[row.UID]
			if m == nil {
				continue
			}
			m.date, m.dated = row.Date, row.Date != 0
			switch {
			case row.Key == "":
			case row.Content.Partial > 0:
				m.state, m.key = isPartial, row.Key
			default:
				m.state, m.key = isHere, row.Key
			}
		}
	}
	return nil
}

// glances asks the server about some of the messages. What it does not tell of a
// mailbox, failed is told; the error is of the account.
func glances(ctx context.Context, server *server, all []match, which func(*match) bool, fields []string, failed func(mail.Mailbox, error)) error {
	type box struct {
		name     mail.Mailbox
		validity mail.UIDValidity
	}
	byBox := map[box]map[mail.UID]*match{}
	for i := range all {
		if m := &all[i]; which(m) {
			b := box{m.mailbox, m.validity}
			if byBox[b] == nil {
				byBox[b] = map[mail.UID]*match{}
			}
			byBox[b][m.uid] = m
		}
	}
	var one gosync.Mutex // of failed
	group, ctx := errgroup.WithContext(ctx)
	for b, wanted := range byBox {
		group.Go(func() error {
			seen, err := server.Glance(ctx, b.name, b.validity, mail.UIDs(slices.Collect(maps.Keys(wanted))...), fields)
			for uid, g := range seen {
				if m := wanted[uid]; m != nil {
					m.glance, m.date, m.dated = g, g.Date, true
				}
			}
			switch {
			case err == nil, errors.Is(err, mail.ErrUIDValidity), errors.Is(err, mail.ErrNoMailbox): // it went since it was searched
			case ctx.Err() != nil, exitCode(err) != exitPart:
				return err
			default:
				one.Lock()
				defer one.Unlock()
				failed(b.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// bring runs over the mailboxes of messages that were found, for those that are not
// wholly here.
func bring(ctx context.Context, p *ui.Printer, t *target, all []match) int {
	type message struct {
		mailbox mail.Mailbox
		uid     mail.UID
	}
	whole, boxes := map[message]bool{}, map[mail.Mailbox]bool{}
	code := exitDone
	for _, m := range all {
		switch {
		case m.state == isHere:
		case m.left:
			if !boxes[m.mailbox] {
				p.Error(t.account.Name+"/"+string(m.mailbox), "the configuration leaves this mailbox out: nothing is fetched from it")
			}
			code = exitPart
		default:
			whole[message{m.mailbox, m.uid}], boxes[m.mailbox] = true, true
		}
	}
	if len(whole) == 0 {
		return code
	}
	run := &target{account: t.account}
	for m := range boxes {
		run.only = append(run.only, &chosen{exactly: m})
	}
	options := sync.Options{
		Complete: func(row mail.Row) bool { return whole[message{row.Mailbox, row.UID}] }, Bring: absent(all),
	}
	return worst(code, syncAccount(ctx, p, run, options, opening{wait: true}))
}

// absent are the messages of which nothing is here: those outside of a window, and
// those that came since the last run.
func absent(all []match) map[mail.Mailbox]mail.Wanted {
	found := map[mail.Mailbox]mail.Wanted{}
	for _, m := range all {
		if m.state == isAbsent && !m.left {
			w := found[m.mailbox]
			w.UIDValidity = m.validity
			w.UIDs.Add(m.uid)
			found[m.mailbox] = w
		}
	}
	return found
}
