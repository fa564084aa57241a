package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"godwit/internal/corpus"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// script makes a running script what the helpers need of a test.
type script struct{ *testscript.TestScript }

func (script) Helper() {}

type handler func(a *account, ts *testscript.TestScript, neg bool, args []string)

func commands(testing.TB) map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){
		"account":  accountCommand,
		"exitcode": exitcode,
	}
	for name, h := range map[string]handler{
		"config":     func(a *account, _ *testscript.TestScript, _ bool, args []string) { a.set(args...) },
		"server":     serverCommand,
		"local":      localCommand,
		"has":        has,
		"count":      count,
		"same":       sameCommand,
		"quiet":      func(a *account, _ *testscript.TestScript, _ bool, args []string) { a.quiet(args...) },
		"turns":      turns,
		"snapshot":   func(a *account, _ *testscript.TestScript, _ bool, _ []string) { a.memory = a.take() },
		"unchanged":  unchanged,
		"cut":        cut,
		"offline":    func(a *account, _ *testscript.TestScript, _ bool, _ []string) { a.offline() },
		"online":     func(a *account, _ *testscript.TestScript, _ bool, _ []string) { a.online() },
		"hide":       func(a *account, _ *testscript.TestScript, _ bool, args []string) { a.proxy.Hide(args...) },
		"kill-at":    killAt,
		"lose-state": loseState,
		"record":     recordCommand,
	} {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(stageKey{}).(*stage)
			if s.current == nil {
				ts.Fatalf("no account yet")
			}
			if neg && name != "has" {
				ts.Fatalf("! %s means nothing", name)
			}
			s.current.t = script{ts}
			h(s.current, ts, neg, args)
		}
	}
	return all
}

func accountCommand(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(stageKey{}).(*stage)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: account NAME [KEY=VALUE …]")
	}
	a := s.accounts[args[0]]
	settings := args[1:]
	if a == nil {
		profile := "full"
		settings = slices.DeleteFunc(slices.Clone(settings), func(pair string) bool {
			name, ok := strings.CutPrefix(pair, "server=")
			if ok {
				profile = name
			}
			return ok
		})
		a = s.newAccount(script{ts}, args[0], profile)
		ts.Defer(a.close)
	}
	a.t = script{ts}
	s.current = a
	a.set(settings...)
	ts.Setenv("MAILDIR", a.root)
	ts.Setenv("STATE", a.state)
	ts.Setenv("CONFIG", filepath.Join(s.home, "config", "godwit", "config.toml"))
	ts.Setenv("IMAP", a.server.Addr)
	ts.Setenv("IMAPS", a.server.TLSAddr)
	ts.Setenv("IMAPPORT", a.server.Addr[strings.LastIndexByte(a.server.Addr, ':')+1:])
	ts.Setenv("IMAPSPORT", a.server.TLSAddr[strings.LastIndexByte(a.server.TLSAddr, ':')+1:])
	ts.Setenv("CERT", a.server.Cert)
	ts.Setenv("USERNAME", a.user)
	ts.Setenv("FINGERPRINT", fingerprint(ts, a.server.Cert))
}

func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N[,N…] PROGRAM …")
	}
	var want []int
	for n := range strings.SplitSeq(args[0], ",") {
		want = append(want, number(ts, n))
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if !slices.Contains(want, got) {
		ts.Fatalf("%s ended with exit code %d, want %v\nstdout: %s\nstderr: %s", args[1], got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		ts.Fatalf("%q is no number", text)
	}
	return n
}

// span reads "A-B", or "A" for A-A.
func span(ts *testscript.TestScript, text string) (from, to int) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	return number(ts, first), number(ts, last)
}

// choose turns WHICH into the sums that each wanted message may have; nil is all.
func choose(ts *testscript.TestScript, which string) [][]sum {
	if which == "*" {
		return nil
	}
	var out [][]sum
	if numbers, ok := strings.CutPrefix(which, "@"); ok {
		from, to := span(ts, numbers)
		for i := from; i <= to; i++ {
			out = append(out, wireSums(corpus.Message(i)))
		}
		return out
	}
	return [][]sum{wireSums([]byte(ts.ReadFile(which)))}
}

// uids finds messages on the server, as a UID set; each choice must be there.
func (a *account) uids(ts *testscript.TestScript, mailbox, which string) string {
	messages := a.other().Messages(a.remote(mailbox))
	var out []string
	if which == "*" {
		for _, m := range messages {
			out = append(out, fmt.Sprint(m.UID))
		}
	}
	for _, sums := range choose(ts, which) {
		at := slices.IndexFunc(messages, func(m dovecot.Message) bool { return slices.Contains(sums, m.Sum) })
		if at < 0 {
			ts.Fatalf("%s: the server has no %s", mailbox, which)
		}
		out = append(out, fmt.Sprint(messages[at].UID))
		messages = slices.Delete(messages, at, at+1)
	}
	return strings.Join(out, ",")
}

// find finds files in the Maildir; each choice must be there.
func (a *account) find(ts *testscript.TestScript, mailbox, which string) []file {
	files := a.files(mailbox)
	if which == "*" {
		return files
	}
	var out []file
	for _, sums := range choose(ts, which) {
		at := slices.IndexFunc(files, func(f file) bool { return slices.ContainsFunc(sums, f.is) })
		if at < 0 {
			ts.Fatalf("%s: the Maildir has no %s", mailbox, which)
		}
		out = append(out, files[at])
		files = slices.Delete(files, at, at+1)
	}
	return out
}

func want(ts *testscript.TestScript, args []string, least int, usage string) {
	if len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func serverCommand(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "server VERB MAILBOX …")
	verb, mailbox, rest := args[0], args[1], args[2:]
	remote := a.remote(mailbox)
	c := a.other()
	switch verb {
	case "append":
		want(ts, rest, 1, "server append MAILBOX FILE [FLAG …]")
		c.Append(remote, rest[1:], date(ts.MkAbs(rest[0])), corpus.WireForm([]byte(ts.ReadFile(rest[0]))))
	case "fill":
		want(ts, rest, 1, "server fill MAILBOX A-B")
		from, to := span(ts, rest[0])
		c.Fill(remote, to-from+1, func(i int) []byte { return corpus.Message(from + i) })
	case "odds", "altered":
		for _, odd := range corpus.Odds() {
			if !odd.Refused && odd.Altered == (verb == "altered") {
				c.Append(remote, nil, corpus.Date(1), odd.Body)
			}
		}
	case "big":
		want(ts, rest, 1, "server big MAILBOX BYTES")
		c.Append(remote, nil, corpus.Date(1), corpus.Sized(1, number(ts, rest[0])))
	case "flag":
		want(ts, rest, 2, "server flag MAILBOX WHICH ±FLAG …")
		set := a.uids(ts, mailbox, rest[0])
		for _, change := range rest[1:] {
			c.Store(remote, set, change[:1], change[1:])
		}
	case "expunge":
		want(ts, rest, 1, "server expunge MAILBOX WHICH")
		c.Expunge(remote, a.uids(ts, mailbox, rest[0]))
	case "move":
		want(ts, rest, 2, "server move MAILBOX WHICH TARGET")
		c.Move(remote, a.uids(ts, mailbox, rest[0]), a.remote(rest[1]))
	case "copy":
		want(ts, rest, 2, "server copy MAILBOX WHICH TARGET")
		c.Copy(remote, a.uids(ts, mailbox, rest[0]), a.remote(rest[1]))
	case "create":
		c.Create(remote)
	case "delete":
		c.Delete(remote)
	case "rename":
		want(ts, rest, 1, "server rename MAILBOX TARGET")
		c.Rename(remote, a.remote(rest[0]))
	case "subscribe", "unsubscribe":
		if _, err := c.Do("%s \"%s\"", strings.ToUpper(verb), remote); err != nil {
			ts.Fatalf("%v", err)
		}
	case "uidvalidity":
		before := c.Select(remote).UIDValidity
		a.reconnect()
		a.adm("mailbox", "update", "-u", a.user, "--uid-validity", fmt.Sprint(before+1), remote)
		if after := a.other().Select(remote).UIDValidity; after == before {
			ts.Fatalf("%s: UIDVALIDITY is still %d", mailbox, after)
		}
	case "renumber":
		a.renumber(ts, mailbox)
	case "acl":
		a.reconnect()
		a.adm(append([]string{"acl", "set", "-u", a.user, remote, "owner"}, rest...)...)
	case "break":
		want(ts, rest, 1, "server break MAILBOX @N")
		a.breakMessage(ts, rest[0])
	case "mend":
		a.mendMessage(ts)
	case "plant":
		// A message that no client could append: put into the server's storage.
		want(ts, rest, 1, "server plant MAILBOX FILE")
		a.reconnect()
		a.plant(remote, []byte(ts.ReadFile(rest[0])))
	default:
		ts.Fatalf("server: unknown verb %q", verb)
	}
}

// storage is where a mailbox is in the server's Maildir++.
func (a *account) storage(remote string) string {
	if remote == "INBOX" {
		return a.server.MailDir(a.user)
	}
	relative := strings.TrimPrefix(remote, a.profile.Prefix)
	return filepath.Join(a.server.MailDir(a.user), "."+strings.ReplaceAll(relative, a.server.Separator(), "."))
}

func (a *account) plant(remote string, body []byte) {
	a.serial++
	path := filepath.Join(a.storage(remote), "new", fmt.Sprintf("%d.M%dP1.planted", 1_450_000_000+a.serial, a.serial))
	if err := os.WriteFile(path, body, 0o666); err != nil {
		a.t.Fatalf("%v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil { // whoever runs the server reads it
		a.t.Fatalf("%v", err)
	}
}

// renumber makes the server forget which UIDs it gave, as after a restore from a
// backup: new UIDVALIDITY, other UIDs.
func (a *account) renumber(ts *testscript.TestScript, mailbox string) {
	remote := a.remote(mailbox)
	before := a.other().Select(remote)
	a.reconnect()
	forgotten, err := filepath.Glob(filepath.Join(a.storage(remote), "dovecot*"))
	if err != nil || len(forgotten) == 0 {
		ts.Fatalf("%s: no index in %s: %v", mailbox, a.storage(remote), err)
	}
	for _, path := range forgotten {
		if filepath.Base(path) != "dovecot-keywords" && filepath.Base(path) != "dovecot-acl" {
			os.Remove(path)
		}
	}
	// A UIDVALIDITY is made from the clock's seconds: by another one than last time.
	a.adm("mailbox", "update", "-u", a.user, "--uid-validity", fmt.Sprint(before.UIDValidity+7), remote)
	if after := a.other().Select(remote); after.UIDValidity == before.UIDValidity {
		ts.Fatalf("%s: UIDVALIDITY is still %d", mailbox, after.UIDValidity)
	}
}

func (a *account) adm(args ...string) {
	a.t.Helper()
	if _, err := a.server.Adm(args...); err != nil {
		a.t.Fatalf("%v", err)
	}
}

// date is the Date field of a script's message, so that both sides' dates can be
// told apart; without one, a fixed day.
func date(path string) time.Time {
	body, err := os.ReadFile(path)
	if err == nil {
		for line := range strings.Lines(string(body)) {
			if value, ok := strings.CutPrefix(line, "Date: "); ok {
				if when, err := time.Parse(time.RFC1123Z, strings.TrimSpace(value)); err == nil {
					return when
				}
			}
		}
	}
	return corpus.Date(0)
}

func localCommand(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "local VERB MAILBOX …")
	verb, mailbox, rest := args[0], args[1], args[2:]
	switch verb {
	case "add":
		want(ts, rest, 1, "local add MAILBOX FILE [FLAG …]")
		a.localAdd(mailbox, []byte(ts.ReadFile(rest[0])), date(ts.MkAbs(rest[0])), rest[1:]...)
	case "fill":
		want(ts, rest, 1, "local fill MAILBOX A-B")
		from, to := span(ts, rest[0])
		for i := from; i <= to; i++ {
			a.localAdd(mailbox, corpus.LocalForm(corpus.Message(i)), corpus.Date(i), `\Seen`)
		}
	case "odds", "altered":
		for _, odd := range corpus.Odds() {
			if !odd.Refused && odd.Altered == (verb == "altered") {
				a.localAdd(mailbox, corpus.LocalForm(odd.Body), corpus.Date(1))
			}
		}
	case "big":
		want(ts, rest, 1, "local big MAILBOX BYTES")
		a.localAdd(mailbox, corpus.LocalForm(corpus.Sized(1, number(ts, rest[0]))), corpus.Date(1))
	case "flag":
		want(ts, rest, 2, "local flag MAILBOX WHICH ±FLAG …")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			a.localFlag(mailbox, f, rest[1:]...)
		}
	case "rm":
		want(ts, rest, 1, "local rm MAILBOX WHICH")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			ts.Check(os.Remove(f.path))
		}
	case "mv":
		want(ts, rest, 2, "local mv MAILBOX WHICH TARGET")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			a.localMove(mailbox, f, rest[1])
		}
	case "cp":
		want(ts, rest, 2, "local cp MAILBOX WHICH TARGET")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			body, err := os.ReadFile(f.path)
			ts.Check(err)
			a.localAdd(rest[1], body, f.date, f.flags...)
		}
	case "edit":
		want(ts, rest, 2, "local edit MAILBOX WHICH FILE")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			a.localEdit(mailbox, f, []byte(ts.ReadFile(rest[1])))
		}
	case "rename":
		want(ts, rest, 1, "local rename MAILBOX WHICH")
		for _, f := range a.find(ts, mailbox, rest[0]) {
			a.localMove(mailbox, f, mailbox)
		}
	case "create":
		a.localCreate(mailbox)
	case "relocate":
		want(ts, rest, 1, "local relocate MAILBOX NAME")
		a.localRename(mailbox, rest[0])
	case "delete":
		ts.Check(os.RemoveAll(a.dir(mailbox)))
	case "show":
		for _, f := range a.files(mailbox) {
			fmt.Fprintf(ts.Stdout(), "%s %v\n", filepath.Base(f.path), f.flags)
		}
	default:
		ts.Fatalf("local: unknown verb %q", verb)
	}
}

// has checks that one side has each message once, with exactly these flags;
// negated, that it has none of them.
func has(a *account, ts *testscript.TestScript, neg bool, args []string) {
	want(ts, args, 3, "[!] has server|local MAILBOX WHICH [FLAG …]")
	side, mailbox, which, flags := args[0], args[1], args[2], folded(args[3:])
	type found struct {
		flags string
		is    func(sum) bool
	}
	var all []found
	switch side {
	case "server":
		for _, m := range a.other().Messages(a.remote(mailbox)) {
			all = append(all, found{folded(m.Flags), func(s sum) bool { return m.Sum == s }})
		}
	case "local":
		for _, f := range a.files(mailbox) {
			all = append(all, found{folded(f.flags), f.is})
		}
	default:
		ts.Fatalf("the sides are server and local")
	}
	for i, sums := range choose(ts, which) {
		n := 0
		for _, f := range all {
			if !slices.ContainsFunc(sums, f.is) {
				continue
			}
			n++
			if !neg && f.flags != flags {
				ts.Fatalf("%s %s: %s (%d) has flags [%s], want [%s]", side, mailbox, which, i+1, f.flags, flags)
			}
		}
		if neg && n > 0 || !neg && n != 1 {
			ts.Fatalf("%s %s: %s (%d) is there %d times", side, mailbox, which, i+1, n)
		}
	}
}

func count(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 3, "count server|local MAILBOX N")
	n := 0
	switch args[0] {
	case "server":
		n = a.other().Select(a.remote(args[1])).Exists
	case "local":
		n = len(a.files(args[1]))
	default:
		ts.Fatalf("the sides are server and local")
	}
	if n != number(ts, args[2]) {
		ts.Fatalf("%s %s has %d messages, want %s", args[0], args[1], n, args[2])
	}
}

func sameCommand(a *account, ts *testscript.TestScript, _ bool, args []string) {
	var except []string
	if len(args) == 2 && args[0] == "-except" {
		except = strings.Split(args[1], ",")
	} else if len(args) > 0 {
		ts.Fatalf("usage: same [-except MAILBOX,…]")
	}
	a.same(except...)
}

func turns(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, "turns N")
	if c := a.proxy.Counts(); c.Turns > number(ts, args[0]) {
		ts.Fatalf("%d turns over %d connections, want at most %s; sent:\n%s", c.Turns, c.Connections, args[0], a.proxy.Sent())
	}
}

func unchanged(a *account, ts *testscript.TestScript, _ bool, args []string) {
	if a.memory == nil {
		ts.Fatalf("no snapshot was taken")
	}
	if changes := a.memory.changes(a.take(), args...); len(changes) > 0 {
		ts.Fatalf("changed since the snapshot:\n%s", strings.Join(changes, "\n"))
	}
}

func cut(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 2, "cut up|down N")
	fault := wan.Fault{AfterDown: int64(number(ts, args[1]))}
	if args[0] == "up" {
		fault = wan.Fault{AfterUp: fault.AfterDown}
	}
	a.proxy.Reset()
	a.proxy.Fail(func(connection int) wan.Fault {
		if connection == 0 {
			return fault
		}
		return wan.Fault{}
	})
}

func (a *account) offline() { a.proxy.Fail(func(int) wan.Fault { return wan.Fault{Refuse: true} }) }

func (a *account) online() {
	a.proxy.Reset()
	a.proxy.Fail(nil)
}

func killAt(a *account, ts *testscript.TestScript, _ bool, args []string) {
	want(ts, args, 1, "kill-at STEP")
	if r := a.run([]string{"GODWIT_CRASH_AT=" + args[0]}, "sync"); r.exit != -1 {
		ts.Fatalf("godwit sync was not killed at %s: %v", args[0], r)
	}
}

func loseState(a *account, ts *testscript.TestScript, _ bool, _ []string) {
	databases, err := filepath.Glob(filepath.Join(a.state, "state.db*"))
	if err != nil || len(databases) == 0 {
		ts.Fatalf("no state database in %s: %v", a.state, err)
	}
	for _, path := range databases {
		ts.Check(os.Remove(path))
	}
}
