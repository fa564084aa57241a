package config

import "godwit/mail"

// Parts say which messages of a mailbox are fetched only in part.
type Parts struct {
	// MaxSize is up to how many octets messages are fetched whole; zero: all are.
	MaxSize int64
	// MaxText is how many octets are fetched of each text of a larger one.
	MaxText int64
	// HeadersOnly: of every message nothing but header and structure.
	HeadersOnly bool
	// FetchFlagged: flagged messages are fetched whole.
	FetchFlagged bool
}

const defaultMaxText = 256_000

// partKeys may stand where the keys of the policy may.
var partKeys = map[string]setter[Parts]{
	"max_size": func(_ *reader, p *Parts, v any) (err error) {
		p.MaxSize, err = Octets(v)
		return err
	},
	"max_text": func(_ *reader, p *Parts, v any) (err error) {
		if p.MaxText, err = Octets(v); err == nil && p.MaxText > 4_000_000 {
			err = faultf("", "at most 4MB of each text can be fetched")
		}
		return err
	},
	"headers_only": func(_ *reader, p *Parts, v any) (err error) {
		p.HeadersOnly, err = boolean(v)
		return err
	},
	"fetch_when": func(_ *reader, p *Parts, v any) (err error) {
		p.FetchFlagged, err = choice(v, []string{"asked", "flagged"}, []bool{false, true})
		return err
	},
}

// Octets reads a size: a number of octets, or a text as "2MB", "1.5 GB", "512KiB".
func Octets(v any) (int64, error) {
	if n, ok := v.(int64); ok && n >= 0 {
		return n, nil
	}
	s, _ := v.(string)
	n, is := mail.ParseOctets(s)
	if !is {
		return 0, faultf(`write it as "2MB", "500KB" or "0"`, "want a size, got %s", kind(v))
	}
	if n > mail.MaxOctets {
		return 0, faultf(`write it as "2MB", "500KB" or "0"`, "%q is too large", s)
	}
	return n, nil
}

// PartsFor says what is fetched of the messages of one mailbox, as
// [Account.PolicyFor] does for its policy.
func (a *Account) PartsFor(m mail.Mailbox, role mail.Role) Parts {
	p := a.Parts
	for _, o := range a.overrides {
		if o.pattern.Matches(m, role) {
			for _, apply := range o.parts {
				apply(&p)
			}
		}
	}
	return p
}
