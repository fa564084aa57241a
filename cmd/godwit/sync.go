package main

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/maildir"
	"godwit/sync"
)

func syncCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "sync",
		Usage:     "bring both sides of each account to the same state",
		ArgsUsage: "[ACCOUNT[:MAILBOX]…]",
		Description: "Brings the Maildir and the server to the same state. Without arguments all accounts are meant;\n" +
			"ACCOUNT:MAILBOX means one mailbox, or those that a pattern chooses (work:Lists/*).",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be done, and do nothing", DisableDefaultText: true},
			quietFlag, verboseFlag, jsonFlag,
			&cli.StringFlag{Name: "progress", Usage: "draw progress: auto (on a terminal), always, or never", DefaultText: "auto"},
			flag("wait", "wait while another run holds the account"),
			flag("allow-deletes", "carry out removals that the guard holds back"),
			flag("full", "distrust every stamp and look at everything (files are not read: see verify --deep)"),
			flag("retry", "try what is set aside, whether its time has come or not"),
			&cli.StringFlag{Name: "max-size", Usage: "fetch messages larger than this only in part (2MB; 0: none)"},
			&cli.StringFlag{Name: "budget", Usage: "transfer at most this much (50MB), the best first, and leave the rest to the next run"},
			&cli.StringFlag{Name: "for", Usage: "transfer for at most this long (60s, 10m), the best first, and leave the rest to the next run"},
			flag("new-root", "accept a Maildir whose marker is gone, and remove nothing"),
			flag("recreate", "create mailboxes again that one side has lost"),
			flag("relocate", "rename directories after the layout or the map was changed"),
		},
		Action:       runSync,
		BashComplete: completeAccounts,
	})
}

func runSync(c *cli.Context) error {
	p, err := printerFor(c)
	if err != nil {
		return err
	}
	defer p.Close()
	conf, err := loadConfig(c)
	if err != nil {
		return err
	}
	targets, err := choose(conf, c.Args().Slice())
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context, p)
	defer stop()
	options := sync.Options{
		DryRun: c.Bool("dry-run"), Full: c.Bool("full"), AllowDeletes: c.Bool("allow-deletes"),
		NewRoot: c.Bool("new-root"), Recreate: c.Bool("recreate"), Retry: c.Bool("retry"),
	}
	if limit := c.String("max-size"); limit != "" {
		size, err := config.Octets(limit)
		if err != nil {
			return usagef("--max-size: %v", err)
		}
		for _, t := range targets {
			t.maxSize = &size
		}
	}
	if options.Limit, err = limitOf(c.String("budget"), c.String("for"), time.Now()); err != nil {
		return err
	}
	return ended(eachAccount(targets, func(t *target) int {
		return syncAccount(ctx, p, t, options, opening{wait: c.Bool("wait"), relocate: c.Bool("relocate")})
	}))
}

// limitOf reads --budget and --for, which hold for all accounts together; nil:
// neither is given.
func limitOf(budget, duration string, now time.Time) (*sync.Limit, error) {
	if budget == "" && duration == "" {
		return nil, nil
	}
	l := &sync.Limit{}
	if budget != "" {
		n, err := config.Octets(budget)
		if err != nil {
			return nil, usagef("--budget: %v", err)
		}
		if n == 0 {
			return nil, usagef("--budget: nothing could be transferred; --dry-run tells what there is")
		}
		l.Octets = n
	}
	if duration != "" {
		d, err := time.ParseDuration(duration)
		if err != nil || d <= 0 {
			return nil, usagef("--for: %q is not a time such as 60s or 10m", duration)
		}
		l.Until = now.Add(d)
	}
	return l, nil
}

// eachAccount runs over the accounts side by side, and returns the exit code.
func eachAccount(targets []*target, f func(*target) int) int {
	return overTargets(targets, func(_ int, t *target) int { return f(t) })
}

// overTargets is eachAccount for who needs to know which one it is.
func overTargets(targets []*target, f func(int, *target) int) int {
	codes := make([]int, len(targets))
	var all gosync.WaitGroup
	for i, t := range targets {
		all.Go(func() { codes[i] = f(i, t) })
	}
	all.Wait()
	return worst(codes...)
}

// syncAccount carries out a run over one account, shows it, and returns its exit
// code.
func syncAccount(ctx context.Context, p *ui.Printer, t *target, options sync.Options, o opening) int {
	show := p.Account(t.account.Name)
	o.printer, o.notice = p, show.Notice
	result, err := oneRun(ctx, t, options, o, show.Event)
	err = because(ctx, err)
	if err == nil {
		if missed := t.missed(); len(missed) > 0 && result.Total == 0 {
			err = &usage{
				text: fmt.Sprintf("no mailbox is called %q", missed[0]),
				hint: "godwit mailboxes " + t.account.Name + " lists them",
			}
		}
	}
	code := exitOf(result, err)
	show.Done(ui.Outcome{Result: result, Err: err, Exit: code, DryRun: options.DryRun})
	report(p, t.account.Name, err)
	for _, hint := range failureHints(t.account.Name, &result) {
		p.Hint(hint)
	}
	for _, hint := range outcomeHints(t.account.Name, &result, options.DryRun) {
		p.Hint(hint)
	}
	return code
}

// oneRun opens an account, runs over it and closes it.
func oneRun(ctx context.Context, t *target, options sync.Options, o opening, events func(sync.Event)) (result sync.Result, err error) {
	a, err := openAccount(ctx, t.account, o)
	if err != nil {
		return sync.Result{}, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if options.After, err = runsInTrash(ctx, a); err != nil {
		return sync.Result{}, err
	}
	ready, err := a.ready(ctx, o.relocate, options.DryRun)
	if err != nil {
		return sync.Result{}, err
	}
	tellRenamed(o.printer, t.account.Name, ready.renamed)
	if ready.restored {
		o.printer.Warn(t.account.Name, restoredText)
	}
	engine := engineOptions(a, options)
	engine.Parts = t.parts
	engine.Only, engine.Events, engine.Step = t.filter(), events, crashStep
	result, err = a.run(ctx, ready, engine)
	if !options.DryRun {
		_, perr := prune(context.WithoutCancel(ctx), a, time.Now())
		err = errors.Join(err, perr)
	}
	return result, err
}

// engineOptions completes the engine's options with an account's settings.
func engineOptions(a *account, o sync.Options) sync.Options {
	o.Account, o.Server, o.Local, o.Base = a.config.Name, a.server, a.local, a.base
	o.Policy, o.Wanted, o.Trash, o.Workers = a.config.PolicyFor, a.config.Wanted, a.config.Trash, a.config.Connections
	o.SubscribedOnly = a.config.SubscribedOnly
	o.Parts, o.Window = (&target{account: a.config}).parts, (&target{account: a.config}).window
	o.Step, o.Patience = crashStep, patience
	o.Wire = func() int64 {
		t := a.server.Traffic()
		return t.In + t.Out
	}
	o.Incoming = maildir.OpenIncoming(maildir.IncomingOptions{Path: incomingPath(a.state)})
	return o
}

// failureHints are what a user can do about single failures, each once.
func failureHints(account string, r *sync.Result) []string {
	var out []string
	for _, f := range r.Failures {
		out = append(out, hints(account, f.Err)...)
	}
	return out
}
