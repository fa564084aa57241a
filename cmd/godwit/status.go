package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/offline"
	"godwit/internal/ui"
	"godwit/mail"
	"godwit/statedb"
)

func statusCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "status",
		Usage:     "tell what is waiting and what failed, without asking the server",
		ArgsUsage: "[ACCOUNT…]",
		Description: "Tells, without connecting to the server, what has changed in the Maildir since both sides last agreed,\n" +
			"what failed and why, and when the last run was.",
		Flags:        []cli.Flag{quietFlag, jsonFlag, flag("partial", "list the messages that are here only in part")},
		Action:       overAccounts(wholeAccounts, runStatus),
		BashComplete: completeAccounts,
	})
}

// accountStatus is an account's state, for people and as JSON.
type accountStatus struct {
	V        int             `json:"v"`
	Account  string          `json:"account"`
	Running  string          `json:"running,omitempty"` // who holds the account
	LastRun  *lastRun        `json:"last_run,omitempty"`
	Pairing  *lastRun        `json:"last_pairing,omitempty"` // the last run that paired by content, of some
	Waiting  []waitingStatus `json:"waiting"`
	Problems []problemStatus `json:"problems"`
	Held     []heldBack      `json:"held"` // by the last run
	SetAside []asideStatus   `json:"set_aside"`
	Messages int             `json:"messages"`
	// Outside are the messages that windows leave on the server, by mailbox.
	Outside []outsideStatus `json:"outside"`
	// Interrupted counts operations that a run left under way; the next run
	// settles them first.
	Interrupted int    `json:"interrupted"`
	Maildir     string `json:"maildir"` // "ok", "missing", "marker missing", "of another account", "arranged otherwise"
	// MaildirText tells how it is arranged otherwise.
	MaildirText string `json:"maildir_text,omitempty"`
}

type outsideStatus struct {
	Mailbox  string `json:"mailbox"`
	Messages int    `json:"messages"`
}

type lastRun struct {
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	Text    string     `json:"text,omitempty"`
	Fetched int        `json:"fetched"`
	Sent    int        `json:"sent"`
	Moved   int        `json:"moved"`
	Flagged int        `json:"flagged"`
	Removed int        `json:"removed"`
	Paired  int        `json:"paired"`
}

type waitingStatus struct {
	Mailbox string `json:"mailbox"`
	New     int    `json:"new"`
	Removed int    `json:"removed"`
	Flagged int    `json:"flagged"`
	Edited  int    `json:"edited"`
	InPart  int    `json:"edited_in_part,omitempty"`
	Moved   int    `json:"moved"`
	Unsure  bool   `json:"unsure,omitempty"`
	Gone    bool   `json:"gone_locally,omitempty"`
	Fresh   bool   `json:"new_mailbox,omitempty"`
}

type problemStatus struct {
	Mailbox string    `json:"mailbox,omitempty"`
	UID     uint32    `json:"uid,omitempty"`
	Key     string    `json:"key,omitempty"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
}

func runStatus(ctx context.Context, c *invocation) error {
	var codes []int
	for _, t := range c.targets { // one after another: disks like it, and so do readers
		if c.Bool("partial") {
			codes = append(codes, showPartial(ctx, c.p, t.account))
			continue
		}
		s, err := statusOf(ctx, c.p, t.account)
		switch {
		case err != nil:
			codes = append(codes, report(c.p, t.account.Name, because(ctx, err)))
		case c.p.JSON():
			c.p.JSONLine(s)
		default:
			s.show(c.p, time.Now())
		}
	}
	return ended(worst(codes...))
}

// statusOf looks at an account's Maildir and state. It takes no lock: it may
// run beside a run, and then tells of the moment.
func statusOf(ctx context.Context, p *ui.Printer, c *config.Account) (*accountStatus, error) {
	s := &accountStatus{
		V: ui.SchemaVersion, Account: c.Name, Waiting: []waitingStatus{}, Problems: []problemStatus{}, SetAside: []asideStatus{}, Held: []heldBack{}, Outside: []outsideStatus{}, Maildir: "ok",
	}
	state, err := config.StateDir(c.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	local, err := openMaildir(c, state)
	if err != nil {
		return nil, err
	}
	root, err := local.Root(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(databasePath(state)); errors.Is(err, fs.ErrNotExist) {
		if !root.Exists {
			s.Maildir = "missing"
		}
		return s, nil // never run: nothing is known that could be compared
	}
	base, err := statedb.Open(ctx, databasePath(state))
	if err != nil {
		return nil, err
	}
	defer base.Close()
	if s.Running, err = holderOf(state); err != nil {
		return nil, err
	}
	total, err := base.Total(ctx)
	if err != nil {
		return nil, err
	}
	s.Messages = total.Local
	if total.Outside > 0 {
		if s.Outside, err = outsideOf(ctx, p, base); err != nil {
			return nil, err
		}
	}
	if err := s.history(ctx, p, base); err != nil {
		return nil, err
	}
	switch {
	case !root.Exists:
		s.Maildir = "missing"
	case root.Marker && root.Account != c.Name:
		s.Maildir = "of another account"
	case !root.Marker:
		s.Maildir = "marker missing"
	}
	if s.Maildir == "ok" {
		err := sameArrangement(ctx, &account{config: c, state: state, base: base, local: local})
		if errors.Is(err, errConfig) {
			s.Maildir, s.MaildirText = "arranged otherwise", p.Clean(strings.TrimPrefix(err.Error(), errConfig.Error()+": "))
		} else if err != nil {
			return nil, err
		}
	}
	if s.Maildir != "ok" {
		return s, nil // what is missing there was not removed by anybody
	}
	waiting, err := offline.Changes(ctx, local, base, func(m mail.Mailbox) bool { return c.Wanted(m, "") })
	if err != nil {
		return nil, err
	}
	for _, w := range waiting {
		s.Waiting = append(s.Waiting, waitingStatus{
			Mailbox: p.Clean(string(w.Name)), New: w.New, Removed: w.Removed, Flagged: w.Flagged,
			Edited: w.Edited, InPart: w.InPart, Moved: w.Moved,
			Unsure: w.Unsure, Gone: w.Gone, Fresh: w.Fresh,
		})
	}
	return s, nil
}

// outsideOf counts what is outside of windows.
func outsideOf(ctx context.Context, p *ui.Printer, base *statedb.DB) ([]outsideStatus, error) {
	points, err := base.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	var all []outsideStatus
	for _, c := range points {
		n, err := base.Counts(ctx, c.Mailbox)
		if err != nil {
			return nil, err
		}
		if n.Outside > 0 {
			all = append(all, outsideStatus{p.Clean(string(c.Mailbox)), n.Outside})
		}
	}
	return all, nil
}

// pairingRuns is how many runs back a pairing by content is told: a day of one
// every five minutes.
const pairingRuns = 288

// history fills in what base recorded of earlier runs.
func (s *accountStatus) history(ctx context.Context, p *ui.Printer, base *statedb.DB) error {
	runs, err := base.LastRuns(ctx, pairingRuns)
	if err != nil {
		return err
	}
	for i, r := range runs {
		reason, _, _ := strings.Cut(r.Summary, "\n")
		last := &lastRun{
			Started: instant(r.Started), Text: p.Clean(reason),
			Fetched: r.Pulled, Sent: r.Pushed, Moved: r.Relocate, Flagged: r.Flagged, Removed: r.Removed, Paired: r.Paired,
		}
		if r.Ended != 0 {
			ended := instant(r.Ended)
			last.Ended = &ended
		}
		if i == 0 {
			s.LastRun = last
		}
		if r.Paired > 0 && s.Pairing == nil {
			s.Pairing = last
		}
	}
	problems, err := base.Problems(ctx)
	if err != nil {
		return err
	}
	for _, f := range problems {
		s.Problems = append(s.Problems, problemStatus{
			Mailbox: p.Clean(string(f.Mailbox)), UID: uint32(f.UID), Key: p.Clean(string(f.Key)), Text: p.Clean(f.Reason),
			Since: instant(f.Since), Last: instant(f.Last), Count: f.Count,
		})
	}
	if s.SetAside, err = setAside(ctx, p, base); err != nil {
		return err
	}
	text, err := base.Meta(ctx, heldMeta)
	if err != nil {
		return err
	}
	held, err := parseHeld(text)
	if err != nil {
		return err
	}
	for _, h := range held {
		s.Held = append(s.Held, heldBack{p.Clean(h.Mailbox), p.Clean(h.Text), h.Guard})
	}
	intents, err := base.Intents(ctx)
	s.Interrupted = len(intents)
	return err
}

func instant(t mail.UnixTime) time.Time { return time.Unix(int64(t), 0).UTC() }

// show prints a status for a person.
func (s *accountStatus) show(p *ui.Printer, now time.Time) {
	if p.Level() == ui.Quiet {
		return
	}
	st := p.Style()
	p.Print(st.Bold(s.Account) + "  " + s.headline(now))
	line := func(m ui.Mark, format string, args ...any) {
		p.Print("  " + p.Mark(m) + " " + fmt.Sprintf(format, args...))
	}
	switch s.Maildir {
	case "missing":
		if s.LastRun != nil {
			line(ui.Bad, "the Maildir is not there; is its disk mounted?")
		}
	case "marker missing":
		line(ui.Bad, "the Maildir's marker .godwit is missing; is its disk mounted?")
	case "of another account":
		line(ui.Bad, "the Maildir belongs to another account")
	case "arranged otherwise":
		line(ui.Bad, "%s", s.MaildirText)
	}
	if s.Running != "" {
		line(ui.Neutral, "a run is under way: %s", s.Running)
	} else if s.Interrupted > 0 {
		line(ui.Doubtful, "%s left under way; the next run settles them first", ui.Plural(s.Interrupted, "operation was", "operations were"))
	}
	if r := s.Pairing; r != nil {
		line(ui.Neutral, "%s, %s paired by content; new were %s here and %s on the server", ui.Ago(now.Sub(r.Started)),
			ui.Plural(r.Paired, "message was", "messages were"), ui.Count(r.Fetched), ui.Count(r.Sent))
	}
	for _, o := range s.Outside {
		line(ui.Neutral, "%s: %s outside of the window, on the server alone", st.Cyan(o.Mailbox), ui.Plural(o.Messages, "message is", "messages are"))
	}
	for _, w := range s.Waiting {
		line(ui.Neutral, "%s: %s", st.Cyan(w.Mailbox), w.text())
	}
	if s.mayHaveMoved() {
		line(ui.Neutral, "what was moved under another name is counted at both ends; a run knows it by its content, and moves it")
	}
	for _, h := range s.Held {
		text := h.Text
		if h.Mailbox != "" {
			text = st.Cyan(h.Mailbox) + ": " + text
		}
		line(ui.Doubtful, "%s", text)
	}
	for _, a := range s.SetAside {
		line(ui.Doubtful, "%s", a.text(now))
	}
	if len(s.SetAside) > 0 {
		line(ui.Neutral, "godwit sync --retry %s tries what is set aside at once", s.Account)
	}
	for _, f := range s.Problems {
		line(ui.Doubtful, "%s", f.text(now))
	}
	if len(s.Waiting)+len(s.Problems)+len(s.SetAside)+len(s.Held) == 0 && s.Maildir == "ok" && s.LastRun != nil {
		line(ui.Good, "nothing is waiting")
	}
}

// mayHaveMoved tells that messages went from one mailbox and came to another one, under
// names that say nothing: files are not read for a status.
func (s *accountStatus) mayHaveMoved() bool {
	return slices.ContainsFunc(s.Waiting, func(from waitingStatus) bool {
		return from.Removed > 0 && slices.ContainsFunc(s.Waiting, func(to waitingStatus) bool { return to.New > 0 && to.Mailbox != from.Mailbox })
	})
}

func (s *accountStatus) headline(now time.Time) string {
	if s.LastRun == nil {
		return "never run"
	}
	text := ui.Messages(s.Messages) + ", last run " + ui.Ago(now.Sub(s.LastRun.Started))
	if s.LastRun.Text != "" {
		text += ": " + s.LastRun.Text
	}
	return text
}

func (w waitingStatus) text() string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, ui.Count(n)+" "+text)
		}
	}
	if w.Gone {
		parts = append(parts, "its directory is gone")
	}
	if w.Fresh {
		parts = append(parts, "new mailbox")
	}
	add(w.New, "to send")
	add(w.Moved, "moved here")
	add(w.Flagged, "with other flags")
	add(w.Edited, "edited")
	add(w.InPart, "edited in part, and not uploaded")
	add(w.Removed, "removed here")
	if w.Unsure {
		parts = append(parts, "being changed just now")
	}
	return strings.Join(parts, ", ")
}

func (f problemStatus) text(now time.Time) string {
	text := f.Text
	switch {
	case f.UID != 0:
		text = fmt.Sprintf("UID %d: %s", f.UID, text)
	case f.Key != "":
		text = f.Key + ": " + text
	}
	if f.Mailbox != "" {
		text = f.Mailbox + ": " + text
	}
	if f.Count > 1 {
		text += fmt.Sprintf(" (%d times, first %s)", f.Count, ui.Ago(now.Sub(f.Since)))
	}
	return text
}
