package hostile

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheDialogueShowsNoSecret looks for the password in what check --verbose
// shows, however it is sent and whatever the server makes of it.
func TestTheDialogueShowsNoSecret(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(*stage){
		"PLAIN": func(*stage) {}, "LOGIN": having("IMAP4rev1"), "PLAIN without SASL-IR": having("IMAP4rev1 AUTH=PLAIN", instead("AUTHENTICATE", func(c *Conn, cmd *Command) {
			c.Say("+ ")
			line, _ := c.r.ReadString('\n')
			c.user = true
			c.Say("%s OK [CAPABILITY %s] you said %s", cmd.Tag, Full, strings.TrimSpace(line))
		})),
		"echo": everywhere("* OK you are " + strings.Join(secrets()[1:], " ")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			furnish(st, true)
			bend(st)
			r := st.run(mostTime, "check", "--verbose")
			if r.exit != 0 || !strings.Contains(r.out, "C: ") || !strings.Contains(r.out, "S: ") || !strings.Contains(r.out, "[secret]") {
				t.Errorf("no dialogue, or nothing struck out: %v", r)
			}
		})
	}
}

// TestNoChildSeesTheSecret has the program that knows the password look at
// everything that /proc shows of godwit and of itself.
func TestNoChildSeesTheSecret(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("no /proc here")
	}
	st := newStage(t)
	furnish(st, true)
	seen := filepath.Join(t.TempDir(), "seen")
	program := filepath.Join(t.TempDir(), "password")
	script := "#!/bin/sh\ncat /proc/$PPID/cmdline /proc/$PPID/environ /proc/$$/cmdline /proc/$$/environ >'" + seen + "'\ncat '" + seen + ".is'\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(seen+".is", []byte(Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	st.secret = `password_command = ["` + program + `"]`
	for _, args := range [][]string{{"sync", "--verbose"}, {"check", "--json"}, {"status", "--json"}, {"mailboxes"}, {"sync", "--json"}} {
		if r := st.run(mostTime, args...); r.exit != 0 {
			t.Errorf("%v: %v", args, r)
		}
	}
	text, err := os.ReadFile(seen)
	if err != nil || !bytes.Contains(text, []byte("godwit")) {
		t.Fatalf("the program saw %q, %v", text, err)
	}
	for _, secret := range secrets() {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("/proc shows the password: %q", text)
		}
	}
}

// TestNobodyElseMayRead runs under umasks that would let others read. What must
// hold of each file is checked behind every run; here also while a run is under
// way, when SQLite's files are there.
func TestNobodyElseMayRead(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022"} {
		for _, layout := range []string{"verbatim", "maildir++"} {
			t.Run(umask+" "+layout, func(t *testing.T) {
				t.Parallel()
				st := newStage(t)
				st.umask = umask
				st.account = append(st.account, `layout = "`+layout+`"`)
				during := 0
				st.server.After = func(_ *Conn, cmd *Command, answer string) string {
					if cmd.Verb == "UID FETCH" {
						wal, err := filepath.Glob(filepath.Join(st.state, "state.db-*"))
						if err == nil && len(wal) == 2 {
							during++
						}
						for _, side := range wal {
							if info, err := os.Stat(side); err == nil && info.Mode() != 0o600 {
								t.Errorf("%s is %v while a run is under way", side, info.Mode())
							}
						}
					}
					return answer
				}
				furnish(st, true)
				if r := st.run(mostTime, "sync"); r.exit != 0 {
					t.Fatal(r)
				}
				st.server.Do(func() { // so that the local trash gets a file
					st.server.After = nil
					st.server.Remove(st.server.Mailbox("INBOX"), 1)
				})
				if r := st.run(mostTime, "sync"); r.exit != 0 {
					t.Fatal(r)
				}
				if during == 0 {
					t.Error("the database's side files were never seen")
				}
				if trashed, err := filepath.Glob(filepath.Join(st.state, "trash", "*")); err != nil || len(trashed) == 0 {
					t.Errorf("nothing is in the trash: %v, %v", trashed, err)
				}
			})
		}
	}
}
