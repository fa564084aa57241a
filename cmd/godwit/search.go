package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/ui"
	"godwit/mail"
	"godwit/mail/search"
)

const defaultLimit = 100

func searchCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "search",
		Usage:     "look for messages on the server, also those that are not here",
		ArgsUsage: "QUERY…",
		Description: "Lists the messages that the server finds, the newest first, and says whether they are here, here in part\n" +
			"(partial), or not (absent). Nothing is changed. All terms of a query have to hold:\n\n" +
			"  invoice \"two words\"          anywhere in the message\n" +
			"  from: to: cc: bcc: subject: body: header:NAME:TEXT message-id:\n" +
			"  since: before: on:           2026-11-21, 7d or 2w ago, today, yesterday\n" +
			"  larger: smaller:             2MB, 500KB\n" +
			"  is:                          unread, read, flagged, answered, draft, deleted, forwarded\n" +
			"  keyword:todo\n" +
			"  -term, not term, a or b, (a b)\n\n" +
			"docs/search.md tells more. Without --mailbox, all mailboxes are searched that are synchronised.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "mailbox", Usage: "search the mailboxes that this pattern chooses (may be repeated)"},
			&cli.StringSliceFlag{Name: "account", Usage: "search this account alone (may be repeated)"},
			&cli.IntFlag{Name: "limit", Usage: "list at most so many, the newest (0: all)", Value: defaultLimit},
			flag("fetch", "fetch the whole of those that are listed, where it is not here"),
			jsonFlag,
		},
		Action: runSearch,
	})
}

// parseQuery reads a query. What it says of days is counted from today.
func parseQuery(text string) (search.Key, error) {
	key, err := search.Parse(text, search.DayOf(time.Now()))
	var wrong *search.Error
	if errors.As(err, &wrong) {
		u := &usage{text: wrong.Error(), hint: wrong.Hint}
		if u.hint == "" {
			u.hint = "godwit help search tells what a query is made of"
		}
		return nil, u
	}
	return key, err
}

// matchLine is a message that was found, as JSON.
type matchLine struct {
	V           int        `json:"v"`
	Account     string     `json:"account"`
	Mailbox     string     `json:"mailbox"`
	UID         uint32     `json:"uid"`
	UIDValidity uint32     `json:"uidvalidity"`
	State       string     `json:"state"`
	Key         string     `json:"key,omitempty"`
	Date        time.Time  `json:"date"`
	Sent        *time.Time `json:"sent,omitempty"`
	From        string     `json:"from"`
	Subject     string     `json:"subject"`
	MessageID   string     `json:"message_id,omitempty"`
	Size        int64      `json:"size"`
	Flags       []string   `json:"flags"`
}

func runSearch(c *cli.Context) error {
	p, err := printerFor(c)
	if err != nil {
		return err
	}
	defer p.Close()
	key, err := parseQuery(strings.Join(c.Args().Slice(), " "))
	if err != nil {
		return err
	}
	limit := c.Int("limit")
	if limit < 0 {
		return usagef("--limit is %d, and cannot be less than 0", limit)
	}
	conf, err := loadConfig(c)
	if err != nil {
		return err
	}
	targets, err := wholeAccounts(conf, c.StringSlice("account"))
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context, p)
	defer stop()

	w := wanted{key: key, patterns: c.StringSlice("mailbox"), limit: limit}
	results := make([]found, len(targets))
	code := overTargets(targets, func(i int, t *target) int {
		var err error
		results[i], err = find(ctx, p, t, w)
		return worst(results[i].code, report(p, t.account.Name, because(ctx, err)))
	})
	if err := missedEverywhere(w.patterns, results); err != nil && code == 0 {
		return err
	}
	listed, total := newest(results, limit)
	showFound(p, listed, len(targets) > 1)
	if total > len(listed) && len(listed) == limit {
		p.Hint(fmt.Sprintf("%s of %s are listed, the newest; --limit 0 lists all", ui.Count(len(listed)), ui.Plural(total, "match", "matches")))
	}
	if !c.Bool("fetch") {
		return ended(code)
	}
	return ended(worst(code, fetchFound(ctx, p, targets, listed)))
}

// missedEverywhere complains of a pattern that chose no mailbox of any account.
func missedEverywhere(patterns []string, results []found) error {
	for i, pattern := range patterns {
		if !slices.ContainsFunc(results, func(f found) bool { return f.hit != nil && f.hit[i] }) {
			return &usage{text: fmt.Sprintf("no mailbox is called %q", pattern), hint: "godwit mailboxes lists them"}
		}
	}
	return nil
}

// newest merges what the accounts have, and returns the newest messages and how
// many there are in all.
func newest(results []found, limit int) (listed []match, total int) {
	for _, r := range results {
		listed = append(listed, r.matches...)
		total += r.total
	}
	slices.SortStableFunc(listed, newerFirst)
	if limit > 0 && len(listed) > limit {
		listed = listed[:limit]
	}
	return listed, total
}

func showFound(p *ui.Printer, all []match, several bool) {
	var lines []ui.Match
	for _, m := range all {
		f := m.glance.Fields
		date := time.Time{}
		if m.date != 0 {
			date = time.Unix(int64(m.date), 0)
		}
		if p.JSON() {
			line := matchLine{
				V: ui.SchemaVersion, Account: m.account, Mailbox: p.Clean(string(m.mailbox)), UID: uint32(m.uid), UIDValidity: uint32(m.validity),
				State: string(m.state), Key: p.Clean(string(m.key)), Date: date.UTC(), From: p.Clean(search.Decode(f.Get("From"))),
				Subject: p.Clean(search.Decode(f.Get("Subject"))), MessageID: p.Clean(f.Get("Message-ID")), Size: m.glance.Content.Size, Flags: []string{},
			}
			if sent := f.Sent(); !sent.IsZero() {
				sent = sent.UTC()
				line.Sent = &sent
			}
			for _, name := range m.glance.Flags.Names() {
				line.Flags = append(line.Flags, p.Clean(name))
			}
			p.JSONLine(line)
			continue
		}
		mailbox := string(m.mailbox)
		if several {
			mailbox = m.account + "/" + mailbox
		}
		lines = append(lines, ui.Match{
			Date: date, State: string(m.state), Mailbox: mailbox, From: f.Sender(), Subject: search.Decode(f.Get("Subject")),
			Unread: m.glance.Flags.System&mail.Seen == 0,
		})
	}
	if !p.JSON() {
		p.Matches(lines)
	}
}

// fetchFound brings what was found, as far as it is not here.
func fetchFound(ctx context.Context, p *ui.Printer, targets []*target, all []match) int {
	return overTargets(targets, func(_ int, t *target) int {
		var mine []match
		for _, m := range all {
			if m.account == t.account.Name {
				mine = append(mine, m)
			}
		}
		return bring(ctx, p, t, mine)
	})
}
