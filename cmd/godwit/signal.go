package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"godwit/internal/ui"
)

// errInterrupted is why a context ended: the user, or the system, said so. To
// those who are given it as the context's cause it is a cancellation.
var errInterrupted error = interruption{}

type interruption struct{}

func (interruption) Error() string        { return "interrupted; the next run goes on from here" }
func (interruption) Is(target error) bool { return target == context.Canceled }

// interruptible returns a context that the first Ctrl-C or SIGTERM ends: what is
// in hand is finished or left for the next run to finish. A second one ends the
// program at once, which loses nothing either, only time. stop ends the
// listening.
func interruptible(parent context.Context, p *ui.Printer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for first := true; ; first = false {
			select {
			case <-done:
				return
			case <-signals:
				if !first {
					os.Exit(exitPart)
				}
				p.Stopping()
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// because replaces what an interrupted run ended with by the bare reason.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}
