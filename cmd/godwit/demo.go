package main

import (
	"context"
	"os"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/demo"
	"godwit/internal/ui"
	"godwit/sync"
)

func demoCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "demo",
		Usage:     "show the main job at work, without an account",
		ArgsUsage: "[DIRECTORY]",
		Description: "Starts an IMAP server inside the process, on a loopback port, with some sample mail; brings a Maildir\n" +
			"and the server to the same state, changes things on both sides, and does it again. DIRECTORY must be\n" +
			"empty, or not there; without one a temporary directory is made. It stays, to be looked at.",
		Action: runDemo,
	})
}

func runDemo(c *cli.Context) error {
	if c.NArg() > 1 {
		return usagef("demo takes one directory")
	}
	o, err := ui.Detect(os.Stdout, os.Stderr, "never", os.Getenv)
	if err != nil {
		return err
	}
	// The tour is what was asked for, whether a terminal shows it or not.
	o.Color = o.Color && o.OutTerminal
	o.OutTerminal = true
	brief := ui.New(o)
	o.Level = ui.Verbose
	p := ui.New(o)
	defer p.Close()
	ctx, stop := interruptible(c.Context, p)
	defer stop()
	return because(ctx, demo.Run(ctx, demo.Options{
		Dir: c.Args().First(), Print: p.Print, Heading: p.Style().Bold, Dim: p.Style().Dim,
		Sync: func(ctx context.Context, a *config.Account, state string, verbose bool) error {
			printer := brief
			if verbose {
				printer = p
			}
			return ended(syncAccount(ctx, printer, &target{account: a}, sync.Options{}, opening{state: state}))
		},
	}))
}
