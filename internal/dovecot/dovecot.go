// Package dovecot starts throw-away Dovecot servers for tests: a real IMAP
// server on free loopback ports, with its mail in a temporary directory, gone
// when the test ends.
//
// Any user name logs in with [Password]. A user that was never seen before has
// an empty account, so tests that share one server each take a name of their own
// ([NewUser]) and never meet.
//
//	server := dovecot.Shared(t)             // one for the whole test binary
//	user := dovecot.NewUser()
//	other := server.Dial(t, user)           // "another client" of the account
//	other.Append("INBOX", nil, time.Now(), message)
//
// [Start] gives a server of the test's own, [Shared] one for all tests of the
// binary that ask for the same [Options], [Run] one without any test. Each is
// stopped even when the binary dies: the server runs below a shell that waits for the binary's end of a
// pipe to close.
//
// Without Dovecot on the machine the test is skipped, unless the environment
// has CI or GODWIT_REQUIRE_DOVECOT: then it fails, for a promise that nobody
// checked must not look kept.
package dovecot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Password is what every user logs in with.
const Password = "pass"

// startTime is how long a server may take until it greets.
const startTime = 30 * time.Second

// Server is a running Dovecot.
type Server struct {
	Addr    string // host:port of IMAP, with STARTTLS offered
	TLSAddr string // host:port of IMAP over TLS
	Cert    string // path of the self-signed certificate, PEM; valid for localhost and 127.0.0.1

	options  Options
	dir      string
	config   string
	group    int       // process group of the server and of the shell that watches it
	lifeline io.Closer // when it closes, the server stops: by itself, should we die
	exited   chan struct{}
}

// Options says what the server shall be like. The zero value is Dovecot with all it
// has: QRESYNC, CONDSTORE, MOVE, UIDPLUS, LIST-STATUS, SPECIAL-USE, LITERAL+, and
// "." between the parts of a name.
type Options struct {
	// Capability replaces what the server announces; empty leaves Dovecot's own.
	Capability string
	// Separator stands between the parts of a mailbox name: "." or "/"; empty is ".".
	Separator string
	// Prefix is that of the personal namespace ("INBOX."); INBOX alone is without it.
	Prefix string
	// MemoryIndex keeps the indexes in memory: CONDSTORE is announced and does not work.
	MemoryIndex bool
	// Storage is "maildir" or "mdbox"; empty is "maildir".
	Storage string
	// Compress offers COMPRESS=DEFLATE.
	Compress bool
	// ACL makes access control lists work (doveadm acl set), for mailboxes that
	// are read-only or cannot be selected.
	ACL bool
	// MaxMessages is the quota of each user; zero is none.
	MaxMessages int
	// Extra is appended to the configuration, a setting a line.
	Extra string
}

// Capability lists of servers that can do less than Dovecot.
const (
	// CapabilityPlain is IMAP4rev1 and nothing else.
	CapabilityPlain = "IMAP4rev1 SASL-IR LITERAL+"
	// CapabilityUIDPlus has UIDPLUS and MOVE, and no modification sequences.
	CapabilityUIDPlus = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE NAMESPACE UIDPLUS MOVE UNSELECT IDLE"
	// CapabilityCondstore has modification sequences, but no QRESYNC.
	CapabilityCondstore = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE UNSELECT CHILDREN UIDPLUS " +
		"LIST-EXTENDED LIST-STATUS SPECIAL-USE ESEARCH CONDSTORE MOVE"
)

// Start starts a server that is stopped when the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	require(t)
	s, err := start(o)
	if err != nil {
		t.Fatalf("starting Dovecot: %v", err)
	}
	t.Cleanup(s.stop)
	return s
}

// Run is [Start] without a test, below the directory that TMPDIR names. The caller
// stops the server.
func Run(o Options) (*Server, error) {
	if err := errors.Join(lookup("dovecot"), lookup("doveadm")); err != nil {
		return nil, fmt.Errorf("Dovecot is not installed: %w", err)
	}
	return start(o)
}

// Stop ends a server that [Run] started, and removes its mail.
func (s *Server) Stop() { s.stop() }

var shared struct {
	mu    sync.Mutex
	byOpt map[Options]func() (*Server, error)
}

// Shared returns the server that all tests of this binary with the same options
// use together. At most one Options may be given; none is the zero value. Use a
// user of your own ([NewUser]). It is stopped when the binary ends.
func Shared(t testing.TB, o ...Options) *Server {
	t.Helper()
	require(t)
	var options Options
	if len(o) > 0 {
		options = o[0]
	}
	shared.mu.Lock()
	if shared.byOpt == nil {
		shared.byOpt = map[Options]func() (*Server, error){}
	}
	once := shared.byOpt[options]
	if once == nil {
		once = sync.OnceValues(func() (*Server, error) { return start(options) })
		shared.byOpt[options] = once
	}
	shared.mu.Unlock()
	s, err := once()
	if err != nil {
		t.Fatalf("starting the shared Dovecot: %v", err)
	}
	return s
}

var users atomic.Int64

// NewUser returns a user name that nobody of this test binary has used.
func NewUser() string { return fmt.Sprintf("user%d", users.Add(1)) }

// require skips or fails the test when Dovecot is not installed.
func require(t testing.TB) {
	t.Helper()
	err := errors.Join(lookup("dovecot"), lookup("doveadm"))
	switch {
	case err == nil:
	case os.Getenv("CI") != "" || os.Getenv("GODWIT_REQUIRE_DOVECOT") != "":
		t.Fatalf("this test needs Dovecot: apt-get install dovecot-imapd (%v)", err)
	default:
		t.Skipf("this test needs Dovecot: apt-get install dovecot-imapd (%v)", err)
	}
}

func lookup(name string) error {
	_, err := program(name)
	return err
}

// program finds a program in PATH or where distributions put daemons, which is
// not in the PATH of ordinary users.
func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/bin"} {
		if err == nil {
			break
		}
		if found, e := exec.LookPath(filepath.Join(dir, name)); e == nil {
			return found, nil
		}
	}
	return path, err
}

// errPorts: somebody took a port between our choosing it and Dovecot's using it.
var errPorts = errors.New("ports in use")

func start(o Options) (*Server, error) {
	for try := 1; ; try++ {
		s, err := startOnce(o)
		if err == nil || try == 5 || !errors.Is(err, errPorts) {
			return s, err
		}
	}
}

func startOnce(o Options) (_ *Server, err error) {
	dir, err := os.MkdirTemp("", "godwit-dovecot-")
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, dir: dir, config: filepath.Join(dir, "dovecot.conf"), Cert: filepath.Join(dir, "cert.pem"), exited: make(chan struct{})}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s.Addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	s.TLSAddr = fmt.Sprintf("127.0.0.1:%d", ports[1])
	if err := s.prepare(ports); err != nil {
		return nil, err
	}
	if err := s.launch(); err != nil {
		return nil, err
	}
	if err := s.await(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// watchman runs the server until standard input ends, which happens when its
// parent stops it, and as well when the parent dies of a signal or a panic.
const watchman = `
"$1" -F -c "$2/dovecot.conf" </dev/null &
pid=$!
( read -r line; kill $pid 2>/dev/null ) <&3 &
wait $pid
status=$?
rm -rf "$2"
exit $status
`

func (s *Server) launch() error {
	dovecot, err := program("dovecot")
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	output, err := os.Create(filepath.Join(s.dir, "log", "output"))
	if err != nil {
		write.Close()
		return err
	}
	defer output.Close()
	shell := exec.Command("/bin/sh", "-c", watchman, "sh", dovecot, s.dir)
	shell.Stdout, shell.Stderr = output, output
	shell.ExtraFiles = []*os.File{read}                     // 3
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the test, and the test stops the server
	if err := shell.Start(); err != nil {
		write.Close()
		return err
	}
	s.lifeline, s.group = write, shell.Process.Pid
	go func() {
		defer close(s.exited)
		shell.Wait()
	}()
	return nil
}

// stop ends the server and waits for it; its directory goes with it.
func (s *Server) stop() {
	// A polite end takes Dovecot a second, and nobody is there to be polite to.
	select {
	case <-s.exited: // then the group's number may be somebody else's
	default:
		syscall.Kill(-s.group, syscall.SIGKILL)
	}
	<-s.exited
	s.lifeline.Close()
	os.RemoveAll(s.dir)
}

// await waits for the greeting.
func (s *Server) await() error {
	deadline := time.Now().Add(startTime)
	for time.Now().Before(deadline) {
		if greets(s.Addr) {
			return nil
		}
		select {
		case <-s.exited:
			return errPorts // the directory with the log is gone; most likely it was the ports
		case <-time.After(5 * time.Millisecond):
		}
		if log := s.Log(); strings.Contains(log, "Address already in use") {
			return fmt.Errorf("%w: %s", errPorts, log)
		}
	}
	return fmt.Errorf("no greeting on %s within %v; its log:\n%s", s.Addr, startTime, s.Log())
}

func greets(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "* OK")
}

// freePorts finds ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are held until all are found, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Log returns what the server logged and printed so far.
func (s *Server) Log() string {
	var all strings.Builder
	for _, name := range []string{"output", "dovecot.log"} {
		text, err := os.ReadFile(filepath.Join(s.dir, "log", name))
		if err == nil {
			all.Write(text)
		}
	}
	return all.String()
}

// Adm runs doveadm against this server and returns what it printed.
func (s *Server) Adm(args ...string) (string, error) {
	doveadm, err := program("doveadm")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(doveadm, append([]string{"-c", s.config}, args...)...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("doveadm %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// MailDir returns the directory with a user's mail: a Maildir++ with
// [Options].Storage "maildir". It exists once the user has logged in or has mail.
func (s *Server) MailDir(user string) string { return filepath.Join(s.dir, "mail", user) }

// Separator returns what stands between the parts of a mailbox name.
func (s *Server) Separator() string { return s.options.separator() }
