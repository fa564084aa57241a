// Package config reads the configuration file: TOML, strict. A key that is not
// known, a value of the wrong kind and settings that contradict each other are
// refused, all of them at once, each with its line and, for what looks like a
// slip, the nearest right spelling. A program that moves mail must not guess.
//
// The file holds accounts, and nothing else:
//
//	[accounts.work]
//	maildir = "~/Mail/work"
//	exclude = ["\\Junk"]
//
//	[accounts.work.imap]
//	host = "imap.example.org"
//	user = "me@example.org"
//	password_command = ["pass", "show", "mail/work"]
//
// What can be set is listed, with defaults, in docs/configuration.md.
package config

import (
	"fmt"
	"os"
	"time"

	"godwit/conflict"
	"godwit/internal/secret"
	"godwit/mail"
)

// Config is a configuration file that was read and found good.
type Config struct {
	Path     string     // of the file, as given
	Accounts []*Account // in the order of the file
}

// Layout is how mailboxes are laid out as directories.
type Layout string

// The layouts: Work/2024, .Work.2024, and Work.2024.
const (
	Verbatim  Layout = "verbatim"
	MaildirPP Layout = "maildir++"
	Flat      Layout = "flat"
)

// Account is one account: a Maildir and a server.
type Account struct {
	Name    string
	Maildir string // absolute path
	// Provider is whose defaults were taken; empty: nobody's in particular.
	Provider string
	Layout   Layout
	// Include and Exclude choose mailboxes; use [Account.Wanted].
	Include, Exclude []Pattern
	// Policy is what [Account.PolicyFor] gives where no table of its own says
	// otherwise.
	Policy conflict.Policy
	// Parts is what [Account.PartsFor] gives where no table of its own says
	// otherwise.
	Parts Parts
	// Window is what [Account.WindowFor] gives where no table of its own says
	// otherwise.
	Window Window
	// Trash is "auto", "none", or the name of the mailbox that removed messages
	// go to.
	Trash string
	// KeepDeleted is how long the local trash keeps a removed file; zero is for
	// ever.
	KeepDeleted time.Duration
	// TrashCopy copies to the local trash what cannot be renamed into it.
	TrashCopy bool
	// SubscribedOnly leaves mailboxes out that the user is not subscribed to.
	SubscribedOnly bool
	// Link says that a message that is in several mailboxes may be one file with
	// several names.
	Link bool
	// Connections is how many connections to the server may be used.
	Connections int
	// Map gives server mailboxes other local names.
	Map  map[mail.Mailbox]mail.Mailbox
	IMAP IMAP

	overrides []override
}

// TLS is how a connection is protected.
type TLS string

// The ways: from the first byte, after STARTTLS, and not at all.
const (
	Implicit TLS = "implicit"
	StartTLS TLS = "starttls"
	NoTLS    TLS = "none"
)

// IMAP is how the server is reached.
type IMAP struct {
	Host string // empty with Command
	Port int
	TLS  TLS
	// CA is a file of certificates to trust besides the system's; empty: none.
	CA string
	// Fingerprint is the SHA-256 of the one certificate to accept, as 64
	// lower-case hex digits; empty: the ordinary rules.
	Fingerprint string
	// AllowCleartext permits TLS "none" to other machines.
	AllowCleartext bool
	// Timeout is how long a connection may be without progress.
	Timeout  time.Duration
	Compress bool // COMPRESS=DEFLATE, where the server has it
	// Shown is how many messages of a mailbox the provider's server shows, the
	// newest ones; zero: all. There is no key for it.
	Shown uint32
	User  string
	// Password is where the password comes from; nil when there is none, which
	// only a tunnel may do without.
	Password *secret.Source
	// Command is the tunnel to run instead of connecting to Host; nil: none.
	Command []string
}

// Load reads a configuration file. A file that cannot be read fails with the
// operating system's error; one that is not right with an [*Error] that has all
// its faults. A file that holds a password must be readable by its owner alone.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close()
	data, err := readAll(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // a file without "~" does well without
	}
	return parse(data, path, home, info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0)
}

// Parse reads a configuration from memory. path is for messages, home takes the
// place of "~"; empty, a "~" is refused.
func Parse(data []byte, path, home string) (*Config, error) {
	return parse(data, path, home, false)
}

// Account returns the account of that name.
func (c *Config) Account(name string) (*Account, bool) {
	for _, a := range c.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return nil, false
}

// Names returns the accounts' names in the order of the file.
func (c *Config) Names() []string {
	names := make([]string, len(c.Accounts))
	for i, a := range c.Accounts {
		names[i] = a.Name
	}
	return names
}
