package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"godwit/internal/config"
	"godwit/mail"
	"godwit/mail/search"
	"godwit/statedb"
)

// byUID reads an argument that may be MAILBOX/UID. A file may have a name of digits,
// too: what is neither is found out when the state is asked.
func (q *request) byUID(arg string) {
	mailbox, digits, found := cutLast(arg, "/")
	uid, err := strconv.ParseUint(digits, 10, 32)
	if !found || err != nil || uid == 0 || mailbox == "" {
		return
	}
	if q.uids == nil {
		q.uids = map[mail.Mailbox]mail.UIDSet{}
	}
	uids := q.uids[mail.Mailbox(mailbox)]
	uids.Add(mail.UID(uid))
	q.uids[mail.Mailbox(mailbox)] = uids
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// outside is what an account has outside of its windows.
type outside struct {
	uids map[mail.Mailbox]mail.UIDSet // of it what was asked for by UID
	any  bool                         // there is something
}

// outside looks up which of the UIDs that were asked for are outside of a window, and
// whether anything is.
func (q *request) outside(ctx context.Context, c *config.Account) (o outside, err error) {
	o.uids = map[mail.Mailbox]mail.UIDSet{}
	if len(q.uids)+len(q.ids) == 0 {
		return o, nil
	}
	state, err := config.StateDir(c.Name)
	if err != nil {
		return o, fmt.Errorf("%w: %w", errConfig, err)
	}
	if _, err := os.Stat(databasePath(state)); errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	base, err := statedb.Open(ctx, databasePath(state))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	total, err := base.Total(ctx)
	if err != nil {
		return o, err
	}
	o.any = total.Outside > 0
	for m, uids := range q.uids {
		rows, err := base.FindUIDs(ctx, m, uids)
		if err != nil {
			return o, err
		}
		for _, row := range rows {
			if row.Window == mail.Outside {
				found := o.uids[m]
				found.Add(row.UID)
				o.uids[m] = found
			}
		}
	}
	return o, nil
}

// onServer is what the server is to search for: the query, and where anything is
// outside of a window, the Message-IDs that no message has which is here in part.
func (q *request) onServer(all []partialMessage, o outside) search.Key {
	var keys search.Or
	if q.query != nil {
		keys = append(keys, q.query)
	}
	if o.any {
		for _, id := range slices.Sorted(maps.Keys(q.ids)) {
			if !slices.ContainsFunc(all, func(m partialMessage) bool { return m.id == id }) {
				keys = append(keys, search.Header{Name: "Message-ID", Value: id})
			}
		}
	}
	switch len(keys) {
	case 0:
		return nil
	case 1:
		return keys[0]
	}
	return keys
}
