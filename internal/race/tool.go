package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"godwit/internal/dovecot"
)

// tool is a synchroniser with an account of its own.
type tool struct {
	name    string // the user's name on the server as well
	dir     string // its home directory
	root    string // of its Maildir
	command []string
	env     []string
	// box is the directory of a mailbox, below root.
	box func(name string) string
}

// slashes is where tools that make directories of the parts of a name keep it.
func slashes(name string) string { return strings.ReplaceAll(name, ".", "/") }

func asItIs(name string) string { return name }

// newTool configures a tool below dir, for the user of its name at addr. ok is
// false when it is not installed.
func newTool(name, user, dir, addr, godwit string) (t *tool, ok bool, err error) {
	program := name
	if name == "godwit" {
		program = godwit
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, false, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, false, err
	}
	t = &tool{name: user, dir: dir, root: filepath.Join(dir, "Mail"), env: []string{"HOME=" + dir}, box: slashes}
	file, text := "rc", ""
	switch name {
	case "mbsync":
		text = fmt.Sprintf(mbsyncRC, host, port, user, dovecot.Password, t.root)
		t.command = []string{path, "-q", "-c", filepath.Join(dir, file), "-a"}
	case "offlineimap":
		text = fmt.Sprintf(offlineimapRC, filepath.Join(dir, "meta"), t.root, host, port, user, dovecot.Password)
		t.command = []string{path, "-c", filepath.Join(dir, file), "-o"}
		t.box = asItIs
	case "godwit":
		file = "config.toml"
		text = fmt.Sprintf(godwitTOML, t.root, host, port, user, dovecot.Password)
		t.command = []string{path, "--config", filepath.Join(dir, file), "sync", "--quiet"}
		for _, v := range []string{"STATE", "CONFIG", "CACHE"} {
			t.env = append(t.env, "XDG_"+v+"_HOME="+filepath.Join(dir, strings.ToLower(v)))
		}
	default:
		return nil, false, fmt.Errorf("no tool %q: there are mbsync, offlineimap and godwit", name)
	}
	if err := os.MkdirAll(t.root, 0o755); err != nil {
		return nil, false, err
	}
	return t, true, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600)
}

// cur is the directory with a mailbox's messages.
func (t *tool) cur(mailbox string) string { return filepath.Join(t.root, t.box(mailbox), "cur") }

const mbsyncRC = `IMAPAccount a
Host %[1]s
Port %[2]s
User %[3]s
Pass %[4]s
SSLType None
PipelineDepth 50
Timeout 120

IMAPStore r
Account a

MaildirStore l
Path %[5]s/
Inbox %[5]s/INBOX
SubFolders Verbatim

Channel c
Far :r:
Near :l:
Patterns *
Create Near
Expunge Both
SyncState *
CopyArrivalDate yes
`

const offlineimapRC = `[general]
accounts = a
metadata = %[1]s
maxsyncaccounts = 1
ui = quiet
[Account a]
localrepository = l
remoterepository = r
[Repository l]
type = Maildir
localfolders = %[2]s
[Repository r]
type = IMAP
remotehost = %[3]s
remoteport = %[4]s
remoteuser = %[5]s
remotepass = %[6]s
ssl = no
starttls = no
maxconnections = 4
usecompression = no
`

const godwitTOML = `[accounts.a]
maildir = %[1]q
layout = "verbatim"

[accounts.a.imap]
host = %[2]q
port = %[3]s
tls = "none"
user = %[4]q
password = %[5]q
`
