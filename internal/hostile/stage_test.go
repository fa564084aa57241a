package hostile

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// What must hold for every run, whatever the server does.
const (
	mostMemory = 300 << 20
	mostTime   = 60 * time.Second // a case says what is less
)

// The time-outs of a run. A server that goes on answering, however badly, is not
// silent when the machine is busy: only the cases of silence have a brief one.
const (
	ample = "20s"
	brief = "1s"
)

// built is the godwit under test.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain has more tests side by side than there are processors: many wait for a
// time-out, or to try again.
func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		if err := parallel.Value.Set(strconv.Itoa(4 * runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// godwit returns the path of the binary, which is built once.
func godwit(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "godwit-hostile-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "godwit"), "godwit/cmd/godwit").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("building godwit: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "godwit")
}

// stage is a server, and a user's directories beside it.
type stage struct {
	t       testing.TB
	server  *Server
	jail    string // all that a run may write to is below, and only some of that
	root    string // the Maildir
	state   string
	account []string // more lines of the account's table
	imap    []string // and of its imap table
	timeout string   // in that table
	umask   string
	secret  string // how the configuration says the password; empty: in clear
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	jail := t.TempDir()
	st := &stage{
		t: t, server: s, jail: jail,
		root: filepath.Join(jail, "home", "Mail", "work"), state: filepath.Join(jail, "state", "godwit", "work"), timeout: ample,
	}
	for _, dir := range []string{"home", "state", "config/godwit", "tmp"} {
		if err := os.MkdirAll(filepath.Join(jail, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

func (st *stage) configure() {
	st.t.Helper()
	secret := st.secret
	if secret == "" {
		secret = "password = '" + Password + "'"
	}
	text := strings.Join(slices.Concat(
		[]string{"[accounts.work]", `maildir = "` + st.root + `"`}, st.account,
		[]string{
			"[accounts.work.imap]", `host = "` + st.server.Host + `"`, fmt.Sprintf("port = %d", st.server.Port),
			`user = "` + User + `"`, secret, `timeout = "` + st.timeout + `"`,
		}, st.imap,
	), "\n") + "\n"
	if !strings.Contains(text, "\ntls = ") {
		text += "tls = \"none\"\n"
	}
	if err := os.WriteFile(filepath.Join(st.jail, "config", "godwit", "config.toml"), []byte(text), 0o600); err != nil {
		st.t.Fatal(err)
	}
}

// result is how a run ended.
type result struct {
	exit     int
	out, err string
	took     time.Duration
	memory   int64 // at most, in octets
}

func (r *result) String() string {
	return fmt.Sprintf("exit %d after %v with %d MiB\n--- out\n%s--- err\n%s", r.exit, r.took.Round(time.Millisecond), r.memory>>20, short(r.out), short(r.err))
}

func short(text string) string {
	if len(text) > 4000 {
		return text[:4000] + "…\n"
	}
	return text
}

// command is a godwit with the stage's directories.
func (st *stage) command(args ...string) *exec.Cmd {
	st.t.Helper()
	st.configure()
	path := godwit(st.t)
	if st.umask != "" {
		args = append([]string{"-c", "umask " + st.umask + `; exec "$0" "$@"`, path}, args...)
		path = "/bin/sh"
	}
	cmd := exec.Command(path, args...)
	cmd.Env = []string{
		"HOME=" + filepath.Join(st.jail, "home"), "XDG_CONFIG_HOME=" + filepath.Join(st.jail, "config"),
		"XDG_STATE_HOME=" + filepath.Join(st.jail, "state"), "TMPDIR=" + filepath.Join(st.jail, "tmp"),
		"PATH=" + os.Getenv("PATH"), "TZ=UTC",
	}
	return cmd
}

// watchMemory reads the largest resident memory of a process, octets, until the
// function that it returns is called, after the process's end. The kernel's own
// count (ru_maxrss) begins with what the parent had when it forked.
func watchMemory(pid int) (peak func() int64) {
	stop, result := make(chan struct{}), make(chan int64, 1)
	go func() {
		var most int64
		defer func() { result <- most }()
		status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return
		}
		defer status.Close()
		text := make([]byte, 8<<10)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			n, _ := status.ReadAt(text, 0) // always ends with EOF, or the process's end
			_, line, found := bytes.Cut(text[:n], []byte("\nVmHWM:"))
			var kib int64
			if found {
				fmt.Sscan(string(line[:min(len(line), 20)]), &kib)
			}
			most = max(most, kib<<10)
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// run runs godwit to its end, and checks what must hold for any run.
func (st *stage) run(most time.Duration, args ...string) *result {
	st.t.Helper()
	cmd := st.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	if err := cmd.Start(); err != nil {
		st.t.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	// Its goroutines' stacks are worth more than its death.
	hung := time.AfterFunc(most, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	err := cmd.Wait()
	r := &result{out: out.String(), err: errs.String(), took: time.Since(began)}
	if !hung.Stop() {
		st.t.Errorf("a hang: it did not end within %v: %s", most, tail(r.err))
	}
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		r.exit = exit.ExitCode()
	} else if err != nil {
		st.t.Fatal(err)
	}
	r.memory = peak()
	st.common(r)
	return r
}

func tail(text string) string { return text[max(0, len(text)-6000):] }

// secrets are the forms in which the password may show itself.
func secrets() []string {
	encode := base64.StdEncoding.EncodeToString
	return []string{
		"Canary-4711", Password, strings.ReplaceAll(Password, `"`, `\"`), encode([]byte(Password)),
		encode([]byte("\x00" + User + "\x00" + Password)), encode([]byte(User + "\x00" + User + "\x00" + Password)),
	}
}

// common checks what must hold for every run.
func (st *stage) common(r *result) {
	st.t.Helper()
	if r.memory > mostMemory {
		st.t.Errorf("it took %d MiB of memory", r.memory>>20)
	}
	for name, text := range map[string]string{"output": r.out, "error output": r.err} {
		if strings.Contains(text, "panic:") || strings.Contains(text, "goroutine ") || strings.Contains(text, "fatal error:") {
			st.t.Errorf("a panic: %s", text)
		}
		for _, secret := range secrets() {
			if strings.Contains(text, secret) {
				st.t.Errorf("the %s shows the password, as %q", name, secret)
			}
		}
		if !utf8.ValidString(text) {
			st.t.Errorf("the %s is no UTF-8: %q", name, text)
		}
		if i := strings.IndexFunc(text, unprintable); i >= 0 {
			st.t.Errorf("the %s has a control character: %q", name, text[max(0, i-50):min(len(text), i+50)])
		}
	}
	if r.exit < 0 || r.exit > 6 {
		st.t.Errorf("there is no exit code %d", r.exit)
	}
	st.files()
}

func unprintable(c rune) bool {
	return unicode.IsControl(c) && c != '\n' || unicode.Is(unicode.Cf, c) && c != '\u200c' && c != '\u200d' || c == '\u2028' || c == '\u2029'
}

// files checks what the runs left on disk: nothing but where it belongs, for
// nobody else to read, without the password.
func (st *stage) files() {
	st.t.Helper()
	inside := func(path, dir string) bool {
		return path == dir || strings.HasPrefix(path, dir+string(os.PathSeparator))
	}
	err := filepath.WalkDir(st.jail, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case inside(path, st.root), inside(path, st.state):
		case inside(st.root, path), inside(st.state, path), inside(path, filepath.Join(st.jail, "config")), path == filepath.Join(st.jail, "tmp"):
			return nil
		default:
			st.t.Errorf("a file outside: %s", path)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if info.Mode() != want {
			st.t.Errorf("%s is %v, not %v", path, info.Mode(), want)
		}
		if strings.ContainsFunc(d.Name(), unicode.IsControl) {
			st.t.Errorf("a control character in a file's name: %q", path)
		}
		if d.IsDir() || info.Size() > 50<<20 {
			return nil
		}
		octets, err := os.ReadFile(path)
		for _, secret := range secrets() {
			if bytes.Contains(octets, []byte(secret)) {
				st.t.Errorf("the password is in %s, as %q", path, secret)
			}
		}
		return err
	})
	if err != nil {
		st.t.Error(err)
	}
}

// file is a message in the Maildir.
type file struct {
	mailbox, path, flags string
	sums                 [2][32]byte // as it is, and with CRLF
}

// mails are the messages in the Maildir.
func (st *stage) mails() []file {
	st.t.Helper()
	var out []file
	err := filepath.WalkDir(st.root, func(path string, d fs.DirEntry, err error) error {
		kind := filepath.Base(filepath.Dir(path))
		if errors.Is(err, fs.ErrNotExist) || d != nil && (d.IsDir() || kind != "cur" && kind != "new") {
			return nil
		}
		if err != nil {
			return err
		}
		octets, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, flags, _ := strings.Cut(d.Name(), ":2,")
		mailbox, err := filepath.Rel(st.root, filepath.Dir(filepath.Dir(path)))
		out = append(out, file{mailbox, path, strings.Map(func(c rune) rune {
			if c >= 'a' {
				return -1 // a keyword
			}
			return c
		}, flags), [2][32]byte{sha256.Sum256(octets), sha256.Sum256(bytes.ReplaceAll(octets, []byte("\n"), []byte("\r\n")))}})
		return err
	})
	if err != nil {
		st.t.Fatal(err)
	}
	return out
}

// put delivers a message into the Maildir, as another program does.
func (st *stage) put(mailbox, name string, body []byte) {
	st.t.Helper()
	dir := filepath.Join(st.root, mailbox, "cur")
	for _, d := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(st.root, mailbox, d), 0o700); err != nil {
			st.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name+":2,"), bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), 0o600); err != nil {
		st.t.Fatal(err)
	}
}

// reflag gives the file of a message other flags, as a mail reader does.
func (st *stage) reflag(body []byte, flags string) {
	st.t.Helper()
	for _, f := range st.mails() {
		if f.sums[1] == sha256.Sum256(body) {
			key, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
			if err := os.Rename(f.path, filepath.Join(filepath.Dir(filepath.Dir(f.path)), "cur", key+":2,"+flags)); err != nil {
				st.t.Fatal(err)
			}
			return
		}
	}
	st.t.Fatalf("no file has %q", body)
}

var letters = map[string]string{`\Draft`: "D", `\Flagged`: "F", `$Forwarded`: "P", `\Answered`: "R", `\Seen`: "S", `\Deleted`: "T"}

// sides lists what both sides hold, a line for each message.
func (st *stage) sides() (server, local []string) {
	st.t.Helper()
	server, known := st.serverLines()
	for _, f := range st.mails() {
		sum := known[f.sums[0]]
		if sum == "" {
			sum = fmt.Sprintf("%x", f.sums[1][:6])
		}
		local = append(local, fmt.Sprintf("%s %s %s", f.mailbox, sum, f.flags))
	}
	slices.Sort(local)
	return server, local
}

// serverLines lists what the server holds, and names its messages by content.
func (st *stage) serverLines() (server []string, known map[[32]byte]string) {
	known = map[[32]byte]string{}
	st.server.Do(func() {
		for _, b := range st.server.Mailboxes {
			for _, m := range b.Messages {
				flags := ""
				for _, f := range m.Flags {
					flags += letters[f]
				}
				sorted := []byte(flags)
				slices.Sort(sorted)
				sum := sha256.Sum256(m.Body)
				known[sum] = fmt.Sprintf("%x", sum[:6])
				server = append(server, fmt.Sprintf("%s %x %s", b.Name, sum[:6], sorted))
			}
		}
	})
	slices.Sort(server)
	return server, known
}

// contents are the messages of a side, counted.
func contents(lines []string) map[string]int {
	out := map[string]int{}
	for _, line := range lines {
		out[strings.Fields(line)[1]]++
	}
	return out
}

// pick finds the file of a message.
func (st *stage) pick(body []byte) string {
	st.t.Helper()
	for _, f := range st.mails() {
		if f.sums[1] == sha256.Sum256(body) {
			return f.path
		}
	}
	st.t.Fatalf("no file has %q", body)
	return ""
}

// move moves a message to another mailbox, as a mail reader does.
func (st *stage) move(body []byte, mailbox string) {
	st.t.Helper()
	path := st.pick(body)
	name := filepath.Base(path)
	if !strings.Contains(name, ":2,") {
		name += ":2,"
	}
	if err := os.Rename(path, filepath.Join(st.root, mailbox, "cur", name)); err != nil {
		st.t.Fatal(err)
	}
}

// remove removes a message, as a user does.
func (st *stage) remove(body []byte) {
	st.t.Helper()
	if err := os.Remove(st.pick(body)); err != nil {
		st.t.Fatal(err)
	}
}
