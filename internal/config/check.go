package config

import (
	"net/netip"
	"strings"

	"godwit/conflict"
)

// contradictions refuses a policy whose settings cannot all be meant.
func (r *reader) contradictions(at path, p conflict.Policy) {
	server := p.Mode == conflict.TwoWay || p.Mode == conflict.Push
	local := p.Mode == conflict.TwoWay || p.Mode == conflict.Pull
	mode := map[conflict.Mode]string{conflict.Pull: "pull", conflict.Push: "push", conflict.Archive: "archive"}[p.Mode]
	refuse := func(key, value, what string) {
		r.add(at.with(key), faultf("", `%s contradicts mode = "%s", which %s`, value, mode, what))
	}
	const noServer, noLocal = "changes nothing on the server", "removes nothing locally"
	switch {
	case p.Expunge == conflict.ServerOnly && !server:
		refuse("expunge", `"server"`, noServer)
	case p.Expunge == conflict.LocalOnly && !local:
		refuse("expunge", `"local"`, noLocal)
	}
	if p.ExpungeFlagged && !server {
		refuse("expunge_flagged", "true", noServer)
	}
	if p.Create == conflict.ServerOnly && !server {
		refuse("create", `"server"`, noServer)
	}
	if p.Create == conflict.LocalOnly && p.Mode == conflict.Push {
		refuse("create", `"local"`, "changes nothing locally")
	}
	switch {
	case p.Remove == conflict.RemoveServer && !server:
		refuse("remove", `"server"`, noServer)
	case p.Remove == conflict.RemoveLocal && !local:
		refuse("remove", `"local"`, noLocal)
	}
}

// imap completes the server's settings and refuses those that do not fit
// together.
func (r *reader) imap(at path, i *IMAP, raw map[string]any) {
	tunnel := r.has(at.with("command"))
	if tunnel {
		for _, key := range []string{"host", "port", "tls", "tls_ca", "tls_fingerprint", "allow_cleartext"} {
			if r.has(at.with(key)) {
				r.add(at.with(key), faultf("leave one of the two out", "%s has no meaning beside command", key))
			}
		}
		i.TLS, i.Host, i.Port = NoTLS, "", 0
	} else if i.Host == "" && !r.has(at.with("host")) {
		r.add(at, faultf("", "host is missing"))
	}
	// A provider's port is that of its way of TLS.
	if !tunnel && !r.has(at.with("port")) && (i.Port == 0 || r.has(at.with("tls"))) {
		i.Port = 993
		if i.TLS != Implicit {
			i.Port = 143
		}
	}
	if i.TLS == NoTLS && !tunnel {
		for _, key := range []string{"tls_ca", "tls_fingerprint"} {
			if r.has(at.with(key)) {
				r.add(at.with(key), faultf("", `%s has no meaning with tls = "none"`, key))
			}
		}
		if !i.AllowCleartext && i.Host != "" && !loopback(i.Host) {
			r.add(at.with("tls"), faultf(`use "implicit" or "starttls", or set allow_cleartext = true`,
				`"none" would send password and mail to %s for everybody on the way to read`, i.Host))
		}
	}
	if !tunnel && !r.has(at.with("user")) {
		r.add(at, faultf("", "user is missing"))
	}
	var sources []string
	for _, key := range []string{"password", "password_command", "keyring", "oauth2"} {
		if value, given := raw[key]; given && value != false {
			sources = append(sources, key)
		}
	}
	switch {
	case len(sources) > 1:
		r.add(at.with(sources[1]), faultf("leave one of the two out", "%s is given as well", sources[0]))
	case len(sources) == 0 && !tunnel:
		r.add(at, faultf(`write password_command = ["pass", "show", "NAME"], or password = "…"`, "no password"))
	case len(sources) == 1 && !r.has(at.with("user")) && tunnel:
		r.add(at.with(sources[0]), faultf("", "%s is given, but user is not", sources[0]))
	}
}

// loopback tells whether a host is this machine, whatever a name server says.
func loopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
