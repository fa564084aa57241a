package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
	"godwit/mail/search"
	"godwit/maildir"
	"godwit/statedb"
	"godwit/sync"
)

func fetchCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "fetch",
		Usage:     "fetch the whole of messages that are here only in part, or not at all",
		ArgsUsage: "[MAILBOX/KEY|MAILBOX/UID|FILE|-…]",
		Description: "Messages larger than max_size are fetched only in part. This fetches the whole of some, which takes the\n" +
			"place of the part under the same name, with its flags. FILE is a message's file; MAILBOX/KEY its name without\n" +
			"the flags; - reads a message from standard input and goes by its Message-ID; --query has the\n" +
			"server find them, also those of which nothing is here yet.\n\n" +
			"A message that is outside of its mailbox's window (max_age, keep_last) is named by --message-id, by --query, or\n" +
			"by MAILBOX/UID. It stays here from then on.\n\n" +
			"It is a run over the mailboxes of these messages, and waits for another run to end.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "message-id", Usage: "the message with this Message-ID (may be repeated)"},
			flag("all", "all messages that are here in part"),
			&cli.StringFlag{Name: "newer-than", Usage: "those that arrived within this time (7d, 12h)"},
			&cli.StringFlag{Name: "query", Usage: "those that the server finds (see search)"},
			&cli.StringSliceFlag{Name: "account", Usage: "look in this account alone (may be repeated)"},
			quietFlag, verboseFlag, jsonFlag,
			&cli.StringFlag{Name: "progress", Usage: "draw progress: auto (on a terminal), always, or never", DefaultText: "auto"},
		},
		Action: runFetch,
	})
}

// request says which partial messages are wanted whole.
type request struct {
	keys  map[mail.Key]bool
	uids  map[mail.Mailbox]mail.UIDSet
	ids   map[string]bool
	all   bool
	since time.Time  // zero: whenever
	query search.Key // nil: none
}

func (q *request) wants(p partialMessage) bool {
	return q.all || q.keys[p.row.Key] || p.id != "" && q.ids[p.id] || !q.since.IsZero() && p.date.After(q.since)
}

func runFetch(c *cli.Context) error {
	p, err := printerFor(c)
	if err != nil {
		return err
	}
	defer p.Close()
	conf, err := loadConfig(c)
	if err != nil {
		return err
	}
	q, err := requested(c)
	if err != nil {
		return err
	}
	targets, err := wholeAccounts(conf, c.StringSlice("account"))
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context, p)
	defer stop()
	found := false
	var codes []int
	for _, t := range targets {
		code, some := fetchWhole(ctx, p, t, q)
		found = found || some
		codes = append(codes, code)
	}
	if code := worst(codes...); found || code != 0 {
		return ended(code)
	}
	if q.all || !q.since.IsZero() || q.query != nil {
		return nil // all of none
	}
	return &usage{text: "no message that is here only in part, or is outside of a window, is the one that was asked for",
		hint: "godwit status --partial lists the former, godwit search finds both"}
}

// requested reads the command line.
func requested(c *cli.Context) (*request, error) {
	q := &request{keys: map[mail.Key]bool{}, ids: map[string]bool{}, all: c.Bool("all")}
	for _, id := range c.StringSlice("message-id") {
		id = strings.TrimSpace(id)
		id = strings.TrimPrefix(id, "id:") // as notmuch writes it
		if id != "" && id[0] != '<' {
			id = "<" + id + ">"
		}
		q.ids[id] = true
	}
	for _, arg := range c.Args().Slice() {
		if arg == "-" {
			id, err := messageIDOf(os.Stdin)
			if err != nil {
				return nil, err
			}
			q.ids[id] = true
			continue
		}
		q.keys[maildir.KeyOf(filepath.Base(arg))] = true
		q.byUID(arg)
	}
	if text := c.String("newer-than"); text != "" {
		age, err := age(text)
		if err != nil {
			return nil, err
		}
		q.since = time.Now().Add(-age)
	}
	if c.IsSet("query") {
		key, err := parseQuery(c.String("query"))
		if err != nil {
			return nil, err
		}
		q.query = key
	}
	if !q.all && q.since.IsZero() && q.query == nil && len(q.keys)+len(q.ids) == 0 {
		return nil, &usage{text: "fetch wants to know which messages", hint: "name files, or use --message-id, --query, --newer-than or --all"}
	}
	return q, nil
}

// messageIDOf reads a message's header for its Message-ID.
func messageIDOf(r io.Reader) (string, error) {
	content, read := mail.NewContentReader(), bufio.NewReader(io.LimitReader(r, 1<<20))
	for {
		line, err := read.ReadBytes('\n')
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 && err != nil {
			break
		}
		if bytes.HasPrefix(line, []byte("From ")) { // a mail reader's mbox line
			continue
		}
		_, _ = content.Write(append(line, '\r', '\n')) // never fails
		if len(line) == 0 || err != nil {
			break
		}
	}
	if id := content.HeaderContent(-1).MessageID; id != "" {
		return id, nil
	}
	return "", usagef("the message on standard input has no Message-ID")
}

// age reads "7d", "12h" or "30m".
func age(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 'w': 7 * 24 * time.Hour}
	if len(text) > 1 {
		n, err := strconv.Atoi(text[:len(text)-1])
		if unit, known := units[text[len(text)-1]]; known && err == nil && n > 0 && n < 100_000 {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, usagef("--newer-than: %q is not a time such as 7d or 12h", text)
}

// fetchWhole runs over the mailboxes of the wanted messages of one account; some
// tells that there were any.
func fetchWhole(ctx context.Context, p *ui.Printer, t *target, q *request) (code int, some bool) {
	all, err := partialMessages(ctx, t.account)
	if err != nil {
		return report(p, t.account.Name, because(ctx, err)), false
	}
	away, err := q.outside(ctx, t.account)
	if err != nil {
		return report(p, t.account.Name, because(ctx, err)), false
	}
	var found found
	if query := q.onServer(all, away); query != nil {
		if found, err = find(ctx, p, t, wanted{key: query, bare: true}); err != nil {
			return report(p, t.account.Name, because(ctx, err)), false
		}
	}
	rows, boxes := map[int64]bool{}, map[mail.Mailbox]bool{}
	for _, m := range all {
		if q.wants(m) || found.has(m.row) {
			rows[m.row.ID], boxes[m.row.Mailbox] = true, true
		}
	}
	for _, m := range found.matches {
		if m.state == isAbsent && !m.left {
			boxes[m.mailbox] = true // the run brings it, as new mail
		}
	}
	bring := absent(found.matches)
	for m, uids := range away.uids {
		w := bring[m]
		w.UIDs.AddSet(uids)
		bring[m], boxes[m] = w, true
	}
	if len(boxes) == 0 {
		return found.code, false
	}
	for m := range boxes {
		t.only = append(t.only, &chosen{exactly: m})
	}
	options := sync.Options{Complete: func(row mail.Row) bool { return rows[row.ID] }, Bring: bring}
	return worst(found.code, syncAccount(ctx, p, t, options, opening{wait: true})), true
}

// partialMessage is a message that is here only in part.
type partialMessage struct {
	row  mail.Row
	id   string // Message-ID
	date time.Time
}

// partialMessages lists them, without asking the server and without the lock.
func partialMessages(ctx context.Context, c *config.Account) ([]partialMessage, error) {
	state, err := config.StateDir(c.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	if _, err := os.Stat(databasePath(state)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	local, err := openMaildir(c, state)
	if err != nil {
		return nil, err
	}
	base, err := statedb.Open(ctx, databasePath(state))
	if err != nil {
		return nil, err
	}
	rows, err := base.PartialRows(ctx)
	if err = errors.Join(err, base.Close()); err != nil {
		return nil, err
	}
	var all []partialMessage
	for _, row := range rows {
		m := partialMessage{row: row}
		if row.Key != "" {
			content, err := local.Read(ctx, row.Mailbox, row.Key)
			switch {
			case err == nil:
				m.id, m.date = content.MessageID, time.Unix(int64(content.Date), 0)
			case !errors.Is(err, mail.ErrGone) && !errors.Is(err, mail.ErrNoMailbox):
				return nil, err
			}
		}
		all = append(all, m)
	}
	return all, nil
}
