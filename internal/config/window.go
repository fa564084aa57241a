package config

import (
	"time"

	"godwit/mail"
)

// Window says which of a mailbox's messages the Maildir is to have.
type Window struct {
	// MaxAge is how long ago messages may have come to the server; zero: whenever.
	MaxAge time.Duration
	// KeepLast is how many of the newest there may be; zero: any number.
	KeepLast int
	// Unread and Flagged messages are here all the same.
	Unread, Flagged bool
}

// windowKeys may stand where the keys of the policy may.
var windowKeys = map[string]setter[Window]{
	"max_age": func(_ *reader, w *Window, v any) (err error) {
		if v == "0" || v == int64(0) {
			w.MaxAge = 0
			return nil
		}
		if w.MaxAge, err = duration(v, day, 36500*day, "90d"); err == nil && w.MaxAge%day != 0 {
			err = faultf("", "%q is no whole number of days", v)
		}
		return err
	},
	"keep_last": func(_ *reader, w *Window, v any) (err error) {
		w.KeepLast, err = number(v, 0, 100_000_000)
		return err
	},
	"window_keep": func(_ *reader, w *Window, v any) error {
		list, err := texts(v)
		w.Unread, w.Flagged = false, false
		for _, word := range list {
			switch word {
			case "unread":
				w.Unread = true
			case "flagged":
				w.Flagged = true
			default:
				return faultf("", `%q is neither "unread" nor "flagged"`, word)
			}
		}
		return err
	},
}

// WindowFor is the window of one mailbox, as [Account.PolicyFor] is its policy.
func (a *Account) WindowFor(m mail.Mailbox, role mail.Role) Window {
	w := a.Window
	for _, o := range a.overrides {
		if o.pattern.Matches(m, role) {
			for _, apply := range o.window {
				apply(&w)
			}
		}
	}
	return w
}
