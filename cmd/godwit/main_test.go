package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"

	"godwit/internal/demo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"godwit": main})
}

// TestScripts runs the scripts of testdata/script. Beside testscript's own
// commands they have:
//
//	exitcode N PROGRAM …   the program ends with this exit code
//	server                 an IMAP server with sample mail is at $HOST:$PORT, user $USER, password $PASSWORD
//	silence                a server that accepts connections and says nothing is at $HOST:$PORT
//	connected              wait until somebody connected to the silent server
//	account NAME [LINE …]  append an account on $HOST:$PORT to the configuration; LINE goes into its table
//	hold DIR               another run holds the lock of the state directory, as process 4711
//	release                it ends
//	says FILE REGEXP       wait until a file that a background program writes matches
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("CONFIG", filepath.Join(e.WorkDir, "config", "godwit", "config.toml"))
			e.Setenv("TERM", "xterm")
			e.Values[acceptedKey{}] = make(chan struct{}, 100)
			e.Values[heldKey{}] = &heldLock{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitcode, "server": startServer, "silence": silence, "connected": connected,
			"account": addAccount, "hold": hold, "release": letGo, "says": says,
		},
	})
}

func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N PROGRAM …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", args[1], got, want)
	}
}

func startServer(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := demo.Start()
	ts.Check(err)
	ts.Defer(func() {
		if err := s.Close(); err != nil {
			ts.Logf("stopping the server: %v", err)
		}
	})
	ts.Setenv("HOST", s.Host)
	ts.Setenv("PORT", strconv.Itoa(s.Port))
	ts.Setenv("USER", demo.User)
	ts.Setenv("PASSWORD", demo.Password)
}

// The keys of what a script keeps.
type (
	acceptedKey struct{} // chan struct{}: one for each connection to the silent server
	heldKey     struct{} // *heldLock
)

type heldLock struct{ *flock.Flock }

func silence(ts *testscript.TestScript, _ bool, _ []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	accepted, done := ts.Value(acceptedKey{}).(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			accepted <- struct{}{}
		}
	}()
	ts.Defer(func() {
		listener.Close()
		<-done
	})
	ts.Setenv("HOST", "127.0.0.1")
	ts.Setenv("PORT", strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	ts.Setenv("USER", "me")
	ts.Setenv("PASSWORD", "correct horse")
}

func connected(ts *testscript.TestScript, _ bool, _ []string) {
	select {
	case <-ts.Value(acceptedKey{}).(chan struct{}):
	case <-time.After(30 * time.Second):
		ts.Fatalf("nobody connected")
	}
}

func addAccount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: account NAME [LINE …]")
	}
	file := ts.Getenv("CONFIG")
	ts.Check(os.MkdirAll(filepath.Dir(file), 0o700))
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = io.WriteString(f, strings.Join([]string{
		"[accounts." + args[0] + "]",
		`maildir = "~/Mail/` + args[0] + `"`,
		strings.Join(args[1:], "\n"),
		"[accounts." + args[0] + ".imap]",
		`host = "` + ts.Getenv("HOST") + `"`,
		"port = " + ts.Getenv("PORT"),
		`tls = "none"`,
		`user = "` + ts.Getenv("USER") + `"`,
		`password = "` + ts.Getenv("PASSWORD") + `"`,
		"\n",
	}, "\n"))
	ts.Check(err)
	ts.Check(f.Close())
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	l := flock.New(filepath.Join(dir, "lock"))
	got, err := l.TryLock()
	ts.Check(err)
	if !got {
		ts.Fatalf("%s is locked already", dir)
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "lock"), []byte("process 4711, since noon\n"), 0o600))
	ts.Value(heldKey{}).(*heldLock).Flock = l
}

func letGo(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(ts.Value(heldKey{}).(*heldLock).Close())
}

// says waits for what a program in the background writes: only its end could be
// waited for otherwise.
func says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says FILE REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var text []byte
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if text, err = os.ReadFile(ts.MkAbs(args[0])); err == nil && want.Match(text) {
			return
		}
	}
	ts.Fatalf("%s does not say %q: %s (%v)", args[0], args[1], text, err)
}
