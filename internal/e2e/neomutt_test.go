package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/internal/corpus"
)

// tool finds a program that a test has read what godwit wrote. Without it the test
// is skipped, except where CI or the variable is set.
func tool(t *testing.T, name, variable string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI")+os.Getenv(variable) != "" {
		t.Fatalf("%s is not installed, and required here", name)
	}
	t.Skipf("%s is not installed: apt-get install %[1]s", name)
	return ""
}

// neomutt opens a mailbox, as if these keys were pressed in the index, and ends.
type neomutt struct {
	t          *testing.T
	path, home string
	env        []string
}

func (n neomutt) press(mailbox, keys string) {
	n.t.Helper()
	// It wants a terminal, which script(1) has.
	commands := []string{
		"set folder=" + filepath.Dir(mailbox) + " mbox_type=Maildir abort_key=\\cX header_cache=\"\" sort=from quit=yes wait_key=no prompt_after=no pager_stop=yes delete=no mark_old=no timeout=1 confirm_append=no",
		"set send_charset=utf-8 charset=utf-8", `ignore *`, `unignore subject from`, `push "` + strings.ReplaceAll(keys, `"`, `\"`) + `<quit>"`,
	}
	args := []string{n.path, "-n", "-F", "/dev/null", "-f", mailbox}
	for _, c := range commands {
		args = append(args, "-e", c)
	}
	for i, a := range args {
		args[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	cmd := exec.Command("script", "-q", "-e", "-c", strings.Join(args, " "), "/dev/null")
	cmd.Env = append(n.env, "HOME="+n.home, "TERM=xterm", "LC_ALL=C.UTF-8", "TMPDIR="+n.home)
	cmd.WaitDelay = time.Second
	late := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("neomutt: %v\n%s", err, out)
	}
}

// shows has neomutt show each message of a mailbox, and returns that, by the name
// in the subject.
func (n neomutt) shows(mailbox string, all []corpus.Structured) map[string]string {
	n.t.Helper()
	shown := map[string]string{}
	var keys strings.Builder
	if err := os.WriteFile(filepath.Join(n.home, "keep"), []byte("cp \"$2\" '"+n.home+"'/\"$1\"\n"), 0o600); err != nil {
		n.t.Fatal(err)
	}
	for _, m := range all { // as it would show it: the pager is a program that keeps it
		fmt.Fprintf(&keys, "<limit>~i %s@structured<enter><enter-command>set pager='sh %s/keep %s'<enter><display-message>", m.Name, n.home, m.Name)
	}
	n.press(mailbox, keys.String())
	for _, m := range all {
		text, err := os.ReadFile(filepath.Join(n.home, m.Name))
		if err != nil {
			n.t.Errorf("neomutt shows nothing of %s: %v", m.Name, err)
		}
		shown[m.Name] = string(text)
		os.Remove(filepath.Join(n.home, m.Name))
	}
	return shown
}

// TestNeomuttReadsPartialMessages has neomutt show messages of every structure in
// part, fetch one by the macro of docs/partial.md, and show them whole.
func TestNeomuttReadsPartialMessages(t *testing.T) {
	t.Parallel()
	path := tool(t, "neomutt", "GODWIT_REQUIRE_NEOMUTT")
	tool(t, "script", "GODWIT_REQUIRE_NEOMUTT")
	a := structured(t, "max_size=8KB", "max_text=8KB")
	dir, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	n := neomutt{t: t, path: path, home: t.TempDir(), env: []string{"PATH=" + dir + ":" + os.Getenv("PATH")}}
	for key, value := range environment(a.stage.home) {
		if key != "HOME" {
			n.env = append(n.env, key+"="+value)
		}
	}
	inbox := filepath.Join(a.root, "INBOX")
	all := slices.DeleteFunc(corpus.StructuredMessages(), func(m corpus.Structured) bool { return m.Whole })
	for name, text := range n.shows(inbox, all) {
		m := all[slices.IndexFunc(all, func(m corpus.Structured) bool { return m.Name == name })]
		if !strings.Contains(text, "Subject: "+name) {
			t.Errorf("%s in part is shown as\n%s", name, text)
		}
		for _, want := range m.Says {
			if want == corpus.SaysSignature || !strings.HasPrefix(want, "[") {
				continue
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s in part: %q is not shown in\n%s", name, want, text)
			}
		}
		for _, attachment := range m.Names {
			// It shows one alternative of two, and of a signature nothing.
			if !strings.Contains(text, attachment) && attachment != "picture.png" && attachment != "smime.p7s" {
				t.Errorf("%s in part: no attachment is called %q in\n%s", name, attachment, text)
			}
		}
		// A single text has nothing behind it where the mark could hide, and neomutt does
		// not read comments in Content-Type.
		if strings.Contains(text, "godwit-partial:") && !slices.Contains([]string{"text-alone", "pgp-inline", "odd-borders"}, name) {
			t.Errorf("%s in part: the mark is shown in\n%s", name, text)
		}
	}

	// The macro F of docs/partial.md.
	n.press(inbox, "<enter-command>unset pipe_decode<enter><limit>~i nested@structured<enter><pipe-message>godwit fetch -<enter>")
	for _, m := range all {
		if m.Name == "nested" && string(a.fileOf(m)) != string(lines(m.Body)) {
			t.Error("the macro did not fetch the whole")
		}
		if m.Name == "forward" && string(a.fileOf(m)) == string(lines(m.Body)) {
			t.Error("the macro fetched more than it was asked for")
		}
	}
	if r := a.run(nil, "fetch", "--all"); r.exit != 0 {
		t.Fatal(r)
	}
	all = slices.DeleteFunc(all, func(m corpus.Structured) bool { return m.Name == "pgp-encrypted" || m.Name == "pgp-inline" }) // it would ask for a key
	for name, text := range n.shows(inbox, all) {
		if strings.Contains(text, "was not fetched") || strings.Contains(text, "was left out") || !strings.Contains(text, "Subject: "+name) {
			t.Errorf("%s whole is shown as\n%s", name, text)
		}
	}
	a.quiet()
}
