package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	s := New("hunter2")
	in := struct {
		Name string
		Pass Secret
		Ptr  *Secret
	}{"work", s, &s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("login", "pass", s, "all", in)
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "pass", s, "all", in)
	encoded, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{log.String(), string(encoded), fmt.Errorf("login with %v: %w", s, errors.New("no")).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, in))
	}
	for _, text := range shown {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the secret is shown: %s", text)
		}
	}
	if s.Reveal() != "hunter2" {
		t.Errorf("Reveal = %q", s.Reveal())
	}
}

func TestTextIsItsOwnSecret(t *testing.T) {
	t.Parallel()
	got, err := Text("hunter2").Get(t.Context())
	if err != nil || got.Reveal() != "hunter2" {
		t.Errorf("Get = %q, %v", got.Reveal(), err)
	}
}

// shell makes a password command of a script.
func shell(script string) []string { return []string{"sh", "-c", script} }

func TestCommandGivesItsFirstLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, script, want string }{
		{"one line", "echo hunter2", "hunter2"},
		{"no line end", "printf hunter2", "hunter2"},
		{"more lines", "printf 'hunter2\nlogin: me\n'", "hunter2"},
		{"CRLF", `printf 'hunter2\r\n'`, "hunter2"},
		{"white space belongs to it", "echo ' hunter2 '", " hunter2 "},
		{"standard input is empty", "cat; echo hunter2", "hunter2"},
	} {
		got, err := Command(shell(test.script), time.Minute).Get(t.Context())
		if err != nil || got.Reveal() != test.want {
			t.Errorf("%s: Get = %q, %v", test.name, got.Reveal(), err)
		}
	}
}

func TestCommandSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		want         []string
	}{
		{"status", "echo 'gpg: no secret key' >&2; echo hunter2; exit 2", []string{"exit status 2", "gpg: no secret key"}},
		{"control characters", `printf '\033[31mred\n' >&2; exit 1`, []string{"?[31mred"}},
		{"nothing printed", "true", []string{"first line of output is empty"}},
		{"empty first line", "echo; echo hunter2", []string{"first line of output is empty"}},
	} {
		_, err := Command(shell(test.script), time.Minute).Get(t.Context())
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", test.name, err, want)
			}
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: unfit to be shown: %q", test.name, err)
		}
	}
}

func TestCommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := Command([]string{"no-such-program-here", "hunter2"}, 0).Get(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no-such-program-here") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Get: %v", err)
	}
}

func TestCommandRunsOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"echo x >>%s; echo hunter2", "echo x >>%s; exit 1"} {
		file := filepath.Join(t.TempDir(), "runs")
		s := Command(shell(fmt.Sprintf(script, file)), time.Minute)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _, _ = s.Get(t.Context()) })
		}
		all.Wait()
		runs, err := os.ReadFile(file)
		if err != nil || string(runs) != "x\n" {
			t.Errorf("%q ran as %q, %v", script, runs, err)
		}
	}
}

func TestCommandEndsWithItsTimeAndItsContext(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	_, err := Command(shell("echo locked >&2; sleep 30 & sleep 30"), 50*time.Millisecond).Get(t.Context())
	if err == nil || !strings.Contains(err.Error(), "not done within 50ms") {
		t.Errorf("slow command: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := Command(shell(`trap "" TERM; echo $$ >&2; sleep 30 & wait; sleep 30`), time.Hour)
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestCancelledCommandIsAskedAgain(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Command(shell("echo hunter2"), time.Minute)
	if _, err := s.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	if got, err := s.Get(t.Context()); err != nil || got.Reveal() != "hunter2" {
		t.Errorf("Get = %q, %v", got.Reveal(), err)
	}
}
