package config

import "slices"

// provider is what is known of a mail provider, or of a server program: defaults,
// each of which a key of the file overrides. Nothing else follows from it.
type provider struct {
	name        string
	host        string
	port        int // zero: the usual one
	tls         TLS
	connections int
	exclude     []Pattern
	trash       string
	// shown is how many messages of a mailbox the server shows, the newest ones;
	// zero: all.
	shown uint32
	// note says why, and what a user has to know, for docs/configuration.md.
	note string
}

// providers are all there are, in the order in which they are documented. What is
// not known for a fact is left as it is for any server.
var providers = []provider{
	{
		name: "gmail", host: "imap.gmail.com", tls: Implicit, connections: defaultConnections,
		exclude: []Pattern{`\Important`, `\Flagged`}, trash: "none",
		note: "A mailbox is a label, and `[Gmail]/All Mail` has every message: it is fetched once and linked. " +
			"*Important* and *Starred* are views of what is elsewhere; starred is `\\Flagged`. " +
			"To remove a message from a mailbox takes that label off, and archives it where it was the last one, as long as Gmail's " +
			"own settings for IMAP are what they are at first. Were it moved to the trash instead, it would lose all its labels: " +
			"so only what you move to `[Gmail]/Trash` is deleted. Gmail allows an account 15 connections, of all programs together, and about 2.5 GB of downloads a day: " +
			"then it answers no more until the next day, and the first run of a large account goes on where it was.",
	},
	{
		name: "fastmail", host: "imap.fastmail.com", tls: Implicit, connections: defaultConnections, trash: "auto",
		note: "Wants a password for this program alone, made in its settings.",
	},
	{
		name: "outlook", host: "outlook.office365.com", tls: Implicit, connections: defaultConnections, trash: "auto",
		note: "Takes no passwords any more, only OAuth 2. It announces no CONDSTORE, so that the flags of all messages of a mailbox are read in every run, " +
			"and slows down who asks for much (*Request is throttled*): what was refused is done by the next run.",
	},
	{
		name: "icloud", host: "imap.mail.me.com", tls: Implicit, connections: defaultConnections, trash: "auto",
		note: "Wants an app-specific password. It announces QRESYNC and does not confirm that it is on: it is not used then, " +
			"for programs that used it have seen messages disappear.",
	},
	{
		name: "yahoo", host: "imap.mail.yahoo.com", tls: Implicit, connections: defaultConnections, trash: "auto", shown: 10_000,
		note: "Wants an app password. It shows the newest 10,000 messages of a mailbox as if there were no others: those that go out of sight " +
			"stay in the Maildir, and are not taken for removed ([limits](limits.md)). Older ones are not fetched; " +
			"Yahoo's own `export.imap.mail.yahoo.com`, which changes nothing, has them: `host` and `mode = \"pull\"`.",
	},
	{
		name: "proton-bridge", host: "127.0.0.1", port: 1143, tls: StartTLS, connections: defaultConnections,
		exclude: []Pattern{"All Mail", "Starred"}, trash: "auto",
		note: "The bridge runs on this machine, shows the password, and has a certificate of its own: export it and name it by " +
			"`tls_ca`, or by `tls_fingerprint`. *All Mail* and *Starred* are views of what is elsewhere; " +
			"what has labels is in `Labels/…` once more, and is fetched once. Messages larger than 25 MB are refused.",
	},
	{
		name: "dovecot", tls: Implicit, connections: 6, trash: "auto",
		note: "Allows a user 10 connections from one address, unless it was set up otherwise.",
	},
}

func providerNames() []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.name)
	}
	return names
}

// provider reads the key of that name, before all others, and fills in what they
// may override.
func (r *reader) provider(at path, a *Account, raw map[string]any) {
	value, given := raw["provider"]
	if !given {
		return
	}
	p, err := choice(value, providerNames(), providers)
	if err != nil {
		r.add(at.with("provider"), err)
		// Whatever it was to fill in is not missing besides.
		a.IMAP.Host = "unknown"
		return
	}
	a.Provider = p.name
	a.Connections, a.Trash = p.connections, p.trash
	a.Exclude = slices.Clone(p.exclude)
	a.IMAP.Host, a.IMAP.Port, a.IMAP.TLS, a.IMAP.Shown = p.host, p.port, p.tls, p.shown
}
