package config

import (
	"testing"

	"godwit/mail"
)

func TestMailboxTablesBendTheWindow(t *testing.T) {
	t.Parallel()
	c, err := Parse([]byte(`
[accounts.a]
maildir = "/m"
max_age = "2w"
[accounts.a.mailbox."Lists/*"]
keep_last = 10
window_keep = []
[accounts.a.mailbox."Lists/go"]
max_age = "0"
[accounts.a.imap]
host = "h"
user = "u"
password_command = ["p"]
`), "config.toml", "/home/me")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Window{
		"INBOX":    {MaxAge: 14 * day, Unread: true, Flagged: true},
		"Lists/c":  {MaxAge: 14 * day, KeepLast: 10},
		"Lists/go": {KeepLast: 10},
	} {
		if got := c.Accounts[0].WindowFor(mail.Mailbox(name), ""); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
