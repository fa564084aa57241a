package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/internal/undo"
	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
)

func logCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "log",
		Usage:     "tell what earlier runs did, without asking the server",
		ArgsUsage: "[ACCOUNT[:MAILBOX]…]",
		Description: "Tells what the last runs did, newest first: what came and went, what was moved, flagged and removed, and\n" +
			"which rule asked for it. Runs that changed nothing are left out. A run's number is what \"godwit undo\" takes.\n\n" +
			"WHEN is a date (2026-11-21), a date and time (\"2026-11-21 10:30\"), today, yesterday, or how long ago (90m,\n" +
			"36h, 7d, 2w).\n" +
			"MESSAGE is a Message-ID, a file name without its flags, or the beginning of a content's SHA-256 (6 digits\n" +
			"or more).",
		Flags: []cli.Flag{
			&cli.Int64Flag{Name: "run", Usage: "this run alone, by its `NUMBER`", DefaultText: "all"},
			&cli.StringSliceFlag{Name: "mailbox", Usage: "what concerns the mailboxes that a `PATTERN` chooses"},
			&cli.StringFlag{Name: "message", Usage: "what concerns one `MESSAGE`"},
			&cli.StringFlag{Name: "since", Usage: "runs that began at or after `WHEN`"},
			&cli.StringFlag{Name: "until", Usage: "runs that began before `WHEN`"},
			&cli.IntFlag{Name: "limit", Usage: "at most so many `RUNS`; 0: all", Value: 20},
			jsonFlag,
		},
		Action:       overAccounts(choose, runLog),
		BashComplete: completeAccounts,
	})
}

// logFilter says which runs and entries are wanted.
type logFilter struct {
	run          int64 // zero: all
	patterns     []config.Pattern
	message      string
	since, until mail.UnixTime // zero: no limit
	limit        int           // zero: none
}

func runLog(ctx context.Context, c *invocation) error {
	filter, err := filterOf(c.Context, time.Now())
	if err != nil {
		return err
	}
	var codes []int
	for _, t := range c.targets {
		if err := logOf(ctx, c.p, t, filter); err != nil {
			codes = append(codes, report(c.p, t.account.Name, because(ctx, err)))
		}
	}
	return ended(worst(codes...))
}

func filterOf(c *cli.Context, now time.Time) (logFilter, error) {
	f := logFilter{run: c.Int64("run"), message: c.String("message"), limit: c.Int("limit")}
	for _, text := range c.StringSlice("mailbox") {
		f.patterns = append(f.patterns, config.Pattern(text))
	}
	if f.limit < 0 || f.run < 0 {
		return f, usagef("--limit and --run take numbers that are not negative")
	}
	if f.run > 0 {
		f.limit = 0
	}
	var err error
	for _, at := range []struct {
		name string
		to   *mail.UnixTime
	}{{"since", &f.since}, {"until", &f.until}} {
		if text := c.String(at.name); text != "" {
			if *at.to, err = moment(text, now); err != nil {
				return f, usagef("--%s %q: %s", at.name, text, err)
			}
		}
	}
	return f, nil
}

// moment reads a date, a date and time in the local time, or how long ago.
func moment(text string, now time.Time) (mail.UnixTime, error) {
	for ago, word := range []string{"today", "yesterday"} {
		if text == word {
			year, month, day := now.Date()
			return mail.UnixTime(time.Date(year, month, day-ago, 0, 0, 0, 0, now.Location()).Unix()), nil
		}
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return mail.UnixTime(t.Unix()), nil
		}
	}
	if ago, err := duration(text); err == nil {
		return mail.UnixTime(now.Add(-ago).Unix()), nil
	}
	return 0, errors.New(`neither a date (2026-11-21), nor a date and time ("2026-11-21 10:30"), today or yesterday, nor how long ago (36h, 7d)`)
}

// duration reads Go's durations, and whole days and weeks.
func duration(text string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, is := strings.CutSuffix(text, unit); is {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * length, err
		}
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = errors.New("negative")
	}
	return d, err
}

// matches tells whether an entry is wanted.
func (f *logFilter) matches(ctx context.Context, t *target, o *mail.Operation, found *foundMessage) (bool, error) {
	wanted := func(match func(mail.Mailbox) bool) bool {
		return match(o.Mailbox) || o.Other != "" && match(o.Other)
	}
	if only := t.filter(); only != nil && !wanted(only) {
		return false, nil
	}
	if len(f.patterns) > 0 && !wanted(func(m mail.Mailbox) bool {
		return slices.ContainsFunc(f.patterns, func(p config.Pattern) bool { return p.Matches(m, "") })
	}) {
		return false, nil
	}
	if f.message == "" {
		return true, nil
	}
	return found.is(ctx, o)
}

// foundMessage is what is known of the message that was asked for.
type foundMessage struct {
	text string
	undo *undo.Undo // which knows where to look
	rows []mail.Row // where it is now
}

// findMessage looks the message up in base, where it has a file name or a hash
// that base knows.
func findMessage(ctx context.Context, base *statedb.DB, local *maildir.Account, text string) (*foundMessage, error) {
	f := &foundMessage{text: text, undo: &undo.Undo{Base: base, Local: local}}
	if text == "" {
		return f, nil
	}
	known, err := base.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	_, isHash := undo.IsHash(text)
	for _, c := range known {
		rows, err := base.FindKeys(ctx, c.Mailbox, []mail.Key{mail.Key(text)})
		if err != nil {
			return nil, err
		}
		f.rows = append(f.rows, rows...)
		if !isHash {
			continue
		}
		for row, err := range base.RowsByUID(ctx, c.Mailbox) {
			if err != nil {
				return nil, err
			}
			if undo.Is(&mail.Operation{Content: row.Content}, text) {
				f.rows = append(f.rows, row)
			}
		}
	}
	return f, nil
}

func (f *foundMessage) is(ctx context.Context, o *mail.Operation) (bool, error) {
	if undo.Is(o, f.text) {
		return true, nil
	}
	for _, row := range f.rows {
		if row.Mailbox == o.Mailbox && o.UIDs.Contains(row.UID) {
			return true, nil
		}
	}
	if !strings.Contains(f.text, "@") {
		return false, nil
	}
	id, err := f.undo.MessageID(ctx, o)
	return undo.SameMessageID(id, f.text), err
}

// logOf shows one account's journal.
func logOf(ctx context.Context, p *ui.Printer, t *target, f logFilter) error {
	state, err := config.StateDir(t.account.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	if _, err := os.Stat(databasePath(state)); errors.Is(err, fs.ErrNotExist) {
		return nil // never run
	}
	base, err := statedb.Open(ctx, databasePath(state))
	if err != nil {
		return err
	}
	defer base.Close()
	local, err := openMaildir(t.account, state)
	if err != nil {
		return err
	}
	found, err := findMessage(ctx, base, local, f.message)
	if err != nil {
		return err
	}
	runs, err := base.LastRuns(ctx, 1<<30)
	if err != nil {
		return err
	}
	narrow := f.message != "" || len(f.patterns) > 0 || t.only != nil
	shown := 0
	for _, r := range runs {
		if f.run != 0 && r.ID != f.run || f.since != 0 && r.Started < f.since || f.until != 0 && r.Started >= f.until {
			continue
		}
		all, err := base.Operations(ctx, r.ID)
		if err != nil {
			return err
		}
		var entries []mail.Operation
		for i := range all {
			wanted, err := f.matches(ctx, t, &all[i], found)
			if err != nil {
				return err
			}
			if wanted {
				entries = append(entries, all[i])
			}
		}
		if len(entries) == 0 && (narrow || f.run == 0 && r.Summary == "" && r.Ended != 0) {
			continue
		}
		if f.limit > 0 && shown == f.limit {
			break
		}
		shown++
		if p.JSON() {
			logJSON(p, t.account, &r, entries)
		} else {
			logText(p, t.account, &r, entries)
		}
	}
	if f.run != 0 && shown == 0 && !narrow {
		return &usage{text: fmt.Sprintf("no run %d is known", f.run), hint: "godwit log --limit 0 " + t.account.Name + " lists those that are"}
	}
	return nil
}

// logText shows a run to a person.
func logText(p *ui.Printer, a *config.Account, r *mail.RunRecord, entries []mail.Operation) {
	st := p.Style()
	head := fmt.Sprintf("%s  %s", st.Bold(fmt.Sprintf("run %d", r.ID)), ui.Instant(r.Started))
	head = st.Bold(a.Name) + "  " + head
	if r.Command != "" {
		head += "  " + p.Clean(r.Command)
	}
	if sum := runCounts(r); sum != "" {
		head += "  " + sum
	}
	p.Print(head)
	if r.Ended == 0 {
		p.Print("  " + p.Mark(ui.Doubtful) + " it did not come to its end")
	}
	if r.Summary != "" {
		reason, _, _ := strings.Cut(r.Summary, "\n")
		p.Print("  " + p.Mark(ui.Doubtful) + " " + p.Clean(reason))
	}
	entries = ui.JournalTogether(entries)
	for i := range entries {
		p.Print("  " + st.Cyan(p.Clean(string(entries[i].Mailbox))) + ": " + p.Clean(ui.JournalEntry(&entries[i])))
	}
}

func runCounts(r *mail.RunRecord) string {
	var parts []string
	for _, n := range []struct {
		n    int
		what string
	}{{r.Pulled, "fetched"}, {r.Pushed, "sent"}, {r.Relocate, "moved"}, {r.Flagged, "flagged"}, {r.Removed, "removed"}} {
		if n.n > 0 {
			parts = append(parts, ui.Count(n.n)+" "+n.what)
		}
	}
	return strings.Join(parts, ", ")
}

// loggedRun is a run in JSON; loggedEntry one entry of its journal.
type loggedRun struct {
	V       int        `json:"v"`
	Event   string     `json:"event"`
	Account string     `json:"account"`
	Run     int64      `json:"run"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	Command string     `json:"command,omitempty"`
	Text    string     `json:"text,omitempty"`
	Fetched int        `json:"fetched"`
	Sent    int        `json:"sent"`
	Moved   int        `json:"moved"`
	Flagged int        `json:"flagged"`
	Removed int        `json:"removed"`
}

type loggedEntry struct {
	V         int       `json:"v"`
	Event     string    `json:"event"`
	Account   string    `json:"account"`
	Run       int64     `json:"run"`
	Seq       int64     `json:"seq"`
	What      string    `json:"what"`
	Side      string    `json:"side"`
	Mailbox   string    `json:"mailbox"`
	Other     string    `json:"other,omitempty"`
	Messages  int       `json:"messages,omitempty"`
	UIDs      string    `json:"uids,omitempty"`
	Validity  uint32    `json:"uidvalidity,omitempty"`
	OtherUID  uint32    `json:"other_uid,omitempty"`
	Key       string    `json:"key,omitempty"`
	OtherKey  string    `json:"other_key,omitempty"`
	Hash      string    `json:"sha256,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
	Before    *[]string `json:"before,omitempty"`
	Flags     *[]string `json:"flags,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Intended  bool      `json:"interrupted,omitempty"`
	Undone    int64     `json:"undone_by,omitempty"`
}

func logJSON(p *ui.Printer, a *config.Account, r *mail.RunRecord, entries []mail.Operation) {
	reason, _, _ := strings.Cut(r.Summary, "\n")
	run := loggedRun{
		V: ui.SchemaVersion, Event: "run", Account: a.Name, Run: r.ID, Started: instant(r.Started), Command: p.Clean(r.Command),
		Text: p.Clean(reason), Fetched: r.Pulled, Sent: r.Pushed, Moved: r.Relocate, Flagged: r.Flagged, Removed: r.Removed,
	}
	if r.Ended != 0 {
		at := instant(r.Ended)
		run.Ended = &at
	}
	p.JSONLine(run)
	for i := range entries {
		o := &entries[i]
		e := loggedEntry{
			V: ui.SchemaVersion, Event: "entry", Account: a.Name, Run: o.Run, Seq: o.Seq, What: ui.OperationName(o.Kind), Side: ui.SideName(o.Side),
			Mailbox: p.Clean(string(o.Mailbox)), Other: p.Clean(string(o.Other)), Messages: o.Count,
			UIDs: o.UIDs.String(), Validity: uint32(o.UIDValidity), OtherUID: uint32(o.OtherUID),
			Key: p.Clean(string(o.Key)), OtherKey: p.Clean(string(o.OtherKey)), MessageID: p.Clean(o.Content.MessageID),
			Reason: o.Reason, Detail: p.Clean(o.Detail), Intended: o.Intended, Undone: o.Undone,
		}
		if !o.Content.Hash.IsZero() {
			e.Hash = hex.EncodeToString(o.Content.Hash[:])
		}
		if o.Kind == mail.OperationFlags {
			before, after := flagNames(p, o.Before), flagNames(p, o.Flags)
			e.Before, e.Flags = &before, &after
		} else if !o.Flags.IsZero() {
			after := flagNames(p, o.Flags)
			e.Flags = &after
		}
		p.JSONLine(e)
	}
}

func flagNames(p *ui.Printer, f mail.Flags) []string {
	names := []string{}
	for _, n := range f.Names() {
		names = append(names, p.Clean(n))
	}
	return names
}
