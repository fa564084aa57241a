package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"godwit/internal/clean"
)

// Limits on what a command may say: a password is short, and so is the reason
// for which there is none.
const (
	maxOutput   = 64 << 10
	maxComplain = 4 << 10
)

// CommandTimeout is how long a password command may take: long enough for a
// person to unlock a key ring.
const CommandTimeout = 2 * time.Minute

// Source is where a secret comes from. It is asked at most once, when the
// secret is first needed, and remembers what it found: its answer or its
// failure. It is safe for use from many goroutines, which then wait for the one
// answer.
type Source struct {
	fetch func(context.Context) (Secret, error)

	mu    sync.Mutex
	known bool
	found Secret
	err   error
}

// Text is a source that holds the secret itself.
func Text(text string) *Source {
	return &Source{known: true, found: New(text)}
}

// Command is a source that runs a program, without a shell, and takes the first
// line of its standard output. The program reads nothing from standard input.
// It fails when the program does not end within timeout (zero: no limit), ends
// with another status than zero, or prints no text; what it wrote to standard
// error is then part of the error.
func Command(argv []string, timeout time.Duration) *Source {
	return &Source{fetch: func(ctx context.Context) (Secret, error) {
		return run(ctx, argv, timeout)
	}}
}

// Get returns the secret. A call that its context ended is not remembered: the
// next one asks again.
func (s *Source) Get(ctx context.Context) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known {
		return s.found, s.err
	}
	found, err := s.fetch(ctx)
	if err != nil && ctx.Err() != nil {
		return Secret{}, err
	}
	s.known, s.found, s.err = true, found, err
	return found, err
}

func run(ctx context.Context, argv []string, timeout time.Duration) (Secret, error) {
	if len(argv) == 0 {
		return Secret{}, errors.New("password_command is empty")
	}
	within := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	out, complaint := &limited{max: maxOutput}, &limited{max: maxComplain}
	command := exec.CommandContext(within, argv[0], argv[1:]...)
	command.Stdout, command.Stderr = out, complaint
	// A program that is told to end may want to restore the terminal; one that
	// does not listen, or whose children keep the pipe open, gets a second.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = time.Second
	err := command.Run()
	switch {
	case ctx.Err() != nil:
		return Secret{}, fmt.Errorf("password_command %s: %w", quoted(argv[0]), ctx.Err())
	case within.Err() != nil:
		return Secret{}, fmt.Errorf("password_command %s: not done within %s%s", quoted(argv[0]), timeout, complaint.reason())
	case err != nil:
		return Secret{}, fmt.Errorf("password_command %s: %w%s", quoted(argv[0]), err, complaint.reason())
	}
	line, _, _ := bytes.Cut(out.kept, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return Secret{}, fmt.Errorf("password_command %s: its first line of output is empty%s", quoted(argv[0]), complaint.reason())
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return Secret{}, fmt.Errorf("password_command %s: its output holds a NUL", quoted(argv[0]))
	}
	return New(string(line)), nil
}

// quoted names a program. Its arguments are left out: they may be secrets.
func quoted(program string) string { return `"` + clean.Line(program) + `"` }

// limited keeps the beginning of what is written to it and drops the rest.
type limited struct {
	kept []byte
	max  int
}

func (l *limited) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p[:min(len(p), l.max-len(l.kept))]...)
	return len(p), nil
}

// reason is the complaint as the tail of an error message.
func (l *limited) reason() string {
	text := clean.Line(strings.TrimSpace(string(l.kept)))
	if text == "" {
		return ""
	}
	return ": " + text
}
