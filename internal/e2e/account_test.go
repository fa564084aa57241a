package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// profiles are the servers that an account can be on (server=NAME).
var profiles = map[string]dovecot.Options{
	"full":      {},
	"slash":     {Separator: "/"},
	"prefix":    {Prefix: "INBOX."},
	"condstore": {Capability: dovecot.CapabilityCondstore},
	"uidplus":   {Capability: dovecot.CapabilityUIDPlus},
	"plain":     {Capability: dovecot.CapabilityPlain},
	"memory":    {MemoryIndex: true},
	"mdbox":     {Storage: "mdbox", Separator: "/"},
	"compress":  {Compress: true},
	"acl":       {ACL: true},
	"quota":     {MaxMessages: 5},
}

// stage is where one test plays: a home directory with its accounts.
type stage struct {
	test     testing.TB
	home     string
	accounts map[string]*account
	order    []string
	current  *account
}

// account is one account of godwit: a user of a Dovecot, a Maildir, and what was
// configured.
type account struct {
	t        dovecot.T
	stage    *stage
	name     string
	root     string // of the Maildir
	state    string // directory of the state
	server   *dovecot.Server
	profile  dovecot.Options
	user     string
	proxy    *wan.Proxy
	client   *dovecot.Client
	settings map[string]string // TOML values; keys of the imap table begin with "imap.", of the map with "map."
	serial   int               // of local files
	environ  []string          // for every run
	memory   *snapshot
	broken   string // the server's file that it cannot read
}

// newAccount makes an account for a fresh user, on the server of a profile, and
// writes the configuration.
func (s *stage) newAccount(t dovecot.T, name, profile string) *account {
	t.Helper()
	options, known := profiles[profile]
	if !known {
		t.Fatalf("no server %q; there are %v", profile, slices.Sorted(maps.Keys(profiles)))
	}
	server := dovecot.Shared(s.test, options)
	proxy, err := wan.Listen(server.Addr, wan.Network{})
	if err != nil {
		t.Fatalf("%v", err)
	}
	proxy.Record()
	a := &account{
		t: t, stage: s, name: name, server: server, profile: options, user: dovecot.NewUser(), proxy: proxy,
		root:  filepath.Join(s.home, "Mail", name),
		state: filepath.Join(s.home, "state", "godwit", name),
	}
	host, port, _ := strings.Cut(proxy.Addr, ":")
	a.settings = map[string]string{
		"maildir":       fmt.Sprintf("%q", a.root),
		"imap.host":     fmt.Sprintf("%q", host),
		"imap.port":     port,
		"imap.tls":      `"none"`,
		"imap.user":     fmt.Sprintf("%q", a.user),
		"imap.password": fmt.Sprintf("%q", dovecot.Password),
		"imap.timeout":  `"20s"`,
	}
	s.accounts[name] = a
	s.order = append(s.order, name)
	return a
}

func (a *account) close() {
	if a.client != nil {
		a.client.Close()
	}
	a.proxy.Close()
}

// lists are the settings that hold several values, divided by commas.
var lists = []string{"include", "exclude", "window_keep", "imap.command", "imap.password_command"}

// set changes settings, KEY=VALUE each; an empty value takes the setting away.
func (a *account) set(pairs ...string) {
	a.t.Helper()
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			a.t.Fatalf("%q is not KEY=VALUE", pair)
		}
		switch {
		case value == "":
			delete(a.settings, key)
			continue
		case slices.Contains(lists, key):
			var quoted []string
			for v := range strings.SplitSeq(value, ",") {
				quoted = append(quoted, fmt.Sprintf("%q", v))
			}
			value = "[" + strings.Join(quoted, ", ") + "]"
		case value != "true" && value != "false" && strings.Trim(value, "0123456789") != "":
			value = fmt.Sprintf("%q", value)
		}
		a.settings[key] = value
	}
	a.stage.configure(a.t)
}

// configure writes the configuration of all accounts.
func (s *stage) configure(t dovecot.T) {
	t.Helper()
	var b strings.Builder
	for _, name := range s.order {
		tables := map[string][]string{}
		a := s.accounts[name]
		for _, key := range slices.Sorted(maps.Keys(a.settings)) {
			table, leaf, nested := strings.Cut(key, ".")
			if !nested {
				table, leaf = "", key
			}
			if table == "map" {
				leaf = fmt.Sprintf("%q", leaf)
			}
			tables[table] = append(tables[table], leaf+" = "+a.settings[key])
		}
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			title := "accounts." + name
			if table != "" {
				title += "." + table
			}
			fmt.Fprintf(&b, "[%s]\n%s\n\n", title, strings.Join(tables[table], "\n"))
		}
	}
	path := filepath.Join(s.home, "config", "godwit", "config.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
}

// setting returns a plain text setting, or what it is by default.
func (a *account) setting(key, otherwise string) string {
	if v, ok := a.settings[key]; ok {
		return strings.Trim(v, `"`)
	}
	return otherwise
}

// other is another client of the account.
func (a *account) other() *dovecot.Client {
	a.t.Helper()
	if a.client == nil {
		a.client = a.server.Dial(a.t, a.user)
	}
	return a.client
}

// reconnect drops the other client's connection: what was done to the server's
// files is seen by a new one.
func (a *account) reconnect() {
	if a.client != nil {
		a.client.Close()
		a.client = nil
	}
}

// remote turns a mailbox name as scripts have it into the server's.
func (a *account) remote(mailbox string) string {
	if mailbox == "INBOX" {
		return mailbox
	}
	return a.profile.Prefix + strings.ReplaceAll(mailbox, "/", a.server.Separator())
}

// shown turns a server's mailbox name into that of scripts and users.
func (a *account) shown(remote string) string {
	if remote == "INBOX" {
		return remote
	}
	return strings.ReplaceAll(strings.TrimPrefix(remote, a.profile.Prefix), a.server.Separator(), "/")
}

// result is how a run of godwit ended.
type result struct {
	exit           int // -1: killed by a signal
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\nstdout: %s\nstderr: %s", r.exit, r.stdout, r.stderr)
}

// command prepares godwit with arguments and extra environment.
func (s *stage) command(t dovecot.T, extra []string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := binary()
	if err != nil {
		t.Fatalf("%v", err)
	}
	cmd := exec.Command(filepath.Join(dir, "godwit"), args...)
	cmd.Dir = s.home
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"), "TMPDIR="+os.TempDir())
	for key, value := range environment(s.home) {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	cmd.Env = append(cmd.Env, extra...)
	return cmd
}

// run runs godwit to its end.
func (a *account) run(extra []string, args ...string) result {
	a.t.Helper()
	cmd := a.stage.command(a.t, slices.Concat(a.environ, extra), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	err := cmd.Start()
	if err == nil {
		late := time.AfterFunc(hang, func() { cmd.Process.Signal(syscall.SIGQUIT) }) // it says where it hangs
		err = cmd.Wait()
		if !late.Stop() {
			a.t.Fatalf("godwit %s hung: %s", strings.Join(args, " "), errs.String())
		}
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		a.t.Fatalf("running godwit: %v", err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// sync runs godwit sync, which must end with exit 0.
func (a *account) sync(args ...string) result {
	a.t.Helper()
	r := a.run(nil, append([]string{"sync"}, args...)...)
	if r.exit != 0 {
		a.t.Fatalf("godwit sync: %v", r)
	}
	return r
}
