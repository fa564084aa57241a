package e2e

import (
	"crypto/sha256"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"tunnel": tunnel})
}

// cleaning removes the binary that the tests built.
type cleaning struct{ *testing.M }

func (c cleaning) Run() int {
	defer func() {
		if built.dir != "" && os.Getenv("GODWIT_E2E_BIN") == "" {
			os.RemoveAll(built.dir)
		}
	}()
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		// Most of what these tests do is waiting: for networks that are slow or
		// silent, and for disks.
		if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	tally.began = time.Now()
	code := c.M.Run()
	summary(os.Stdout, code)
	return code
}

// built is the godwit under test, with crash points.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary returns the directory with the godwit binary. It is built once, with
// the race detector when GODWIT_E2E_RACE is set. GODWIT_E2E_BIN names a directory
// with a godwit to be tested instead.
func binary() (string, error) {
	built.once.Do(func() {
		if built.dir = os.Getenv("GODWIT_E2E_BIN"); built.dir != "" {
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "godwit-e2e-"); built.err != nil {
			return
		}
		args := []string{"build", "-tags", "crashpoints", "-o", filepath.Join(built.dir, "godwit")}
		if os.Getenv("GODWIT_E2E_RACE") != "" {
			args = append(args, "-race")
		}
		out, err := exec.Command("go", append(args, "godwit/cmd/godwit")...).CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("building godwit: %w\n%s", err, out)
		}
	})
	return built.dir, built.err
}

// tunnel is a command for the setting of that name: it carries standard input and
// output to an address.
func tunnel() {
	conn, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tunnel:", err)
		os.Exit(1)
	}
	go func() {
		io.Copy(conn, os.Stdin)
		conn.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(os.Stdout, conn)
}

// stageKey is under which a script keeps its stage.
type stageKey struct{}

func TestScripts(t *testing.T) {
	t.Parallel()
	dir, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Cmds:                commands(t),
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", dir+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Values[stageKey{}] = &stage{test: t, home: env.WorkDir, accounts: map[string]*account{}}
			for key, value := range environment(env.WorkDir) {
				env.Setenv(key, value)
			}
			return nil
		},
	})
}

// environment is what godwit sees beside PATH: a home of its own.
func environment(home string) map[string]string {
	return map[string]string{
		"HOME":            filepath.Join(home, "home"),
		"XDG_CONFIG_HOME": filepath.Join(home, "config"),
		"XDG_STATE_HOME":  filepath.Join(home, "state"),
		"XDG_CACHE_HOME":  filepath.Join(home, "cache"),
		"XDG_RUNTIME_DIR": filepath.Join(home, "run"),
		"NO_COLOR":        "1",
		"TZ":              "UTC",
	}
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// fingerprint is that of a certificate's DER form.
func fingerprint(ts *testscript.TestScript, path string) string {
	text, err := os.ReadFile(path)
	ts.Check(err)
	block, _ := pem.Decode(text)
	if block == nil {
		ts.Fatalf("%s holds no certificate", path)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(block.Bytes))
}
