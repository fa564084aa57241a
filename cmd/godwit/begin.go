package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
)

// invocation is what a command over accounts begins with.
type invocation struct {
	*cli.Context
	p       *ui.Printer
	conf    *config.Config
	targets []*target
}

// overAccounts is the action of a command over accounts: it reads the command
// line and the configuration, has the arguments choose the accounts, and ends the
// context that it hands on with the first signal.
func overAccounts(
	choose func(*config.Config, []string) ([]*target, error), do func(context.Context, *invocation) error,
) cli.ActionFunc {
	return func(c *cli.Context) error {
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
		return do(ctx, &invocation{c, p, conf, targets})
	}
}
