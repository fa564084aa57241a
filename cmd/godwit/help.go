package main

import "github.com/urfave/cli/v2"

func helpCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "help",
		Usage:     "tell what there is, or more about one command",
		ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			if name == "" {
				return cli.ShowAppHelp(c)
			}
			about := c.App.Command(name)
			if about == nil {
				return unknownCommand(c.App, name)
			}
			cli.HelpPrinter(c.App.Writer, commandHelp, about)
			return nil
		},
		BashComplete: func(c *cli.Context) {
			for _, other := range c.App.VisibleCommands() {
				_, _ = c.App.Writer.Write([]byte(other.Name + "\n"))
			}
		},
	})
}
