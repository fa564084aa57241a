package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/ui"
)

func gcCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "gc",
		Usage:     "remove what is kept no longer, and make the state database smaller",
		ArgsUsage: "[ACCOUNT…]",
		Description: "Removes from the local trash and from the journal what is older than keep_deleted, as each sync does,\n" +
			"and then makes the state database smaller where that is worth its while. It says what it freed. What\n" +
			"\"godwit undo\" may still need is never touched.",
		Flags:        []cli.Flag{quietFlag, jsonFlag, flag("wait", "wait while another run holds the account")},
		Action:       overAccounts(wholeAccounts, runGC),
		BashComplete: completeAccounts,
	})
}

func runGC(ctx context.Context, c *invocation) error {
	return ended(eachAccount(c.targets, func(t *target) int {
		f, err := gcOf(ctx, t, opening{wait: c.Bool("wait"), printer: c.p})
		if err != nil {
			return report(c.p, t.account.Name, because(ctx, err))
		}
		f.show(c.p, t.account.Name)
		return exitDone
	}))
}

func gcOf(ctx context.Context, t *target, o opening) (f freed, err error) {
	a, err := openAccount(ctx, t.account, o)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if f, err = prune(ctx, a, time.Now()); err != nil {
		return f, err
	}
	f.State, err = a.base.Compact(ctx)
	return f, err
}

func (f freed) show(p *ui.Printer, account string) {
	if p.JSON() {
		p.JSONLine(struct {
			V       int    `json:"v"`
			Account string `json:"account"`
			Files   int    `json:"files"`
			Bytes   int64  `json:"bytes"`
			Runs    int    `json:"runs"`
			Entries int    `json:"entries"`
			State   int64  `json:"state_bytes"`
		}{ui.SchemaVersion, account, f.Files, f.Bytes, f.Runs, f.Entries, f.State})
		return
	}
	if p.Level() == ui.Quiet {
		return
	}
	var parts []string
	if f.Files > 0 {
		parts = append(parts, ui.Plural(f.Files, "file", "files")+" of the trash ("+ui.Bytes(f.Bytes)+")")
	}
	if f.Entries+f.Runs > 0 {
		parts = append(parts, ui.Plural(f.Entries, "entry", "entries")+" of the journal of "+ui.Plural(f.Runs, "run", "runs"))
	}
	if f.State > 0 {
		parts = append(parts, ui.Bytes(f.State)+" of the state database")
	}
	text := "nothing to free"
	if len(parts) > 0 {
		text = "freed " + strings.Join(parts, ", ")
	}
	p.Print(account + ": " + text)
}
