package config

import (
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
)

// Pattern chooses mailboxes by their decoded server name, "/" between its
// parts: "*" stands for anything, "%" for anything within one part, "?" for one
// character within a part (RFC 9051, 6.3.9 has the first two). A pattern that
// begins with a backslash is a role of RFC 6154 instead: \Junk chooses the
// mailbox that the server uses for junk, whatever its name.
type Pattern string

// Matches tells whether the pattern chooses the mailbox.
func (p Pattern) Matches(m mail.Mailbox, role mail.Role) bool {
	if p.IsRole() {
		return strings.EqualFold(string(p), string(role))
	}
	return match([]rune(normal(string(p))), []rune(normal(string(m))))
}

// IsRole tells that the pattern is a role.
func (p Pattern) IsRole() bool { return strings.HasPrefix(string(p), `\`) }

// roles are those that a server can give a mailbox (RFC 6154, 2; RFC 8457, 3).
var roles = []string{`\All`, `\Archive`, `\Drafts`, `\Flagged`, `\Important`, `\Junk`, `\Sent`, `\Trash`}

// check refuses a role that no server gives: it would choose nothing, and nobody would
// be told.
func (p Pattern) check() error {
	if !p.IsRole() || slices.ContainsFunc(roles, func(r string) bool { return strings.EqualFold(string(p), r) }) {
		return nil
	}
	hint := "the roles are " + strings.Join(roles, ", ")
	word := strings.ToLower(strings.TrimLeft(string(p), `\`))
	candidates := make([]string, len(roles))
	for i, r := range roles {
		candidates[i] = strings.ToLower(r[1:])
	}
	if near, is := Nearest(word, candidates); is {
		role := roles[slices.Index(candidates, near)]
		hint = fmt.Sprintf(`did you mean "\%s", or '%s'?`, role, role)
	}
	return faultf(hint, "%s is no role that a server gives a mailbox", p)
}

// normal spells INBOX as a first part in one way, for it is the one name that
// has no case (RFC 9051, 5.1).
func normal(name string) string {
	first, rest, more := strings.Cut(name, "/")
	if !strings.EqualFold(first, string(mail.Inbox)) {
		return name
	}
	if !more {
		return string(mail.Inbox)
	}
	return string(mail.Inbox) + "/" + rest
}

// match takes back the last wildcard when what follows it does not fit: a "%"
// gives way to the "*" before it when it may not reach further. The time is at
// worst the product of the lengths for each of the two.
func match(pattern, name []rune) bool {
	type retry struct{ pattern, name int }
	none := retry{-1, -1}
	star, percent := none, none
	p, n := 0, 0
	for {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			star, percent = retry{p, n}, none
		case p < len(pattern) && pattern[p] == '%':
			p++
			percent = retry{p, n}
		case p < len(pattern) && n < len(name) &&
			(pattern[p] == name[n] || pattern[p] == '?' && name[n] != '/'):
			p, n = p+1, n+1
		case p == len(pattern) && n == len(name):
			return true
		case percent != none && percent.name < len(name) && name[percent.name] != '/':
			percent.name++
			p, n = percent.pattern, percent.name
		case star != none && star.name < len(name):
			star.name++
			p, n, percent = star.pattern, star.name, none
		default:
			return false
		}
	}
}

// Wanted tells whether a mailbox is to be synchronised: some include pattern
// chooses it and no exclude pattern does.
func (a *Account) Wanted(m mail.Mailbox, role mail.Role) bool {
	wanted, _ := a.Rule(m, role)
	return wanted
}

// Rule tells whether a mailbox is to be synchronised, and by which setting: the
// pattern of include or exclude that decided, as it would be written.
func (a *Account) Rule(m mail.Mailbox, role mail.Role) (wanted bool, rule string) {
	for _, p := range a.Exclude {
		if p.Matches(m, role) {
			return false, `exclude "` + string(p) + `"`
		}
	}
	for _, p := range a.Include {
		if p.Matches(m, role) {
			return true, `include "` + string(p) + `"`
		}
	}
	return false, "no include pattern"
}
