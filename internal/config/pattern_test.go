package config

import (
	"testing"

	"pgregory.net/rapid"

	"godwit/mail"
)

func TestPatternsChooseByNameAndRole(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern Pattern
		name    mail.Mailbox
		role    mail.Role
		want    bool
	}{
		{"*", "Work/2024", "", true},
		{"%", "Work", "", true},
		{"%", "Work/2024", "", false},
		{"Work/*", "Work/2024/May", "", true},
		{"Work/%", "Work/2024/May", "", false},
		{"Work/%", "Work", "", false},
		{"Work*", "Work", "", true},
		{"*/May", "Work/2024/May", "", true},
		{"%/2024/%", "Work/2024/May", "", true},
		{"Wor?", "Work", "", true},
		{"Work?2024", "Work/2024", "", false},
		{"Work", "work", "", false},
		{"inbox", "INBOX", "", true},
		{"InBox/x", "INBOX/x", "", true},
		{"Entw?rfe", "Entwürfe", "", true},
		{`\Junk`, "Spam", mail.RoleJunk, true},
		{`\junk`, "Spam", mail.RoleJunk, true},
		{`\Junk`, "Junk", "", false},
		{"Junk", "Junk", mail.RoleJunk, true},
		{"%b%/c*d", "abb/cxd/d", "", true},
		{"[Gmail]/*", "[Gmail]/Sent Mail", mail.RoleSent, true},
	} {
		if got := test.pattern.Matches(test.name, test.role); got != test.want {
			t.Errorf("%q of %q with role %q: %v", test.pattern, test.name, test.role, got)
		}
	}
}

func TestPatternsMatchAsTheirDefinitionSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("ab/*%?")), 0, 8, -1).Draw(t, "pattern")
		name := rapid.StringOfN(rapid.RuneFrom([]rune("ab/")), 0, 10, -1).Draw(t, "name")
		if got, want := match([]rune(pattern), []rune(name)), slow([]rune(pattern), []rune(name)); got != want {
			t.Errorf("match(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

// slow is the definition of a pattern, tried in every way.
func slow(p, n []rune) bool {
	if len(p) == 0 {
		return len(n) == 0
	}
	switch p[0] {
	case '*', '%':
		return slow(p[1:], n) || len(n) > 0 && (p[0] == '*' || n[0] != '/') && slow(p, n[1:])
	case '?':
		return len(n) > 0 && n[0] != '/' && slow(p[1:], n[1:])
	}
	return len(n) > 0 && p[0] == n[0] && slow(p[1:], n[1:])
}

func TestExcludeComesBeforeInclude(t *testing.T) {
	t.Parallel()
	a := Account{Include: []Pattern{"INBOX", "Work/*"}, Exclude: []Pattern{"Work/Old", `\Junk`}}
	for _, test := range []struct {
		name mail.Mailbox
		role mail.Role
		want bool
		rule string
	}{
		{"INBOX", "", true, `include "INBOX"`},
		{"Work/New", "", true, `include "Work/*"`},
		{"Work/Old", "", false, `exclude "Work/Old"`},
		{"Work/Bad", mail.RoleJunk, false, `exclude "\Junk"`},
		{"Private", "", false, "no include pattern"},
	} {
		wanted, rule := a.Rule(test.name, test.role)
		if wanted != test.want || rule != test.rule || wanted != a.Wanted(test.name, test.role) {
			t.Errorf("%s: %v, %s", test.name, wanted, rule)
		}
	}
}
