package partial

import "strings"

// Part is a body part as BODYSTRUCTURE tells it (RFC 9051, 7.5.2). Types, names of
// parameters and the encoding are in lower case.
type Part struct {
	Type, Subtype     string
	Params            map[string]string // of Content-Type, as sent: not decoded
	ID, Description   string
	Encoding          string
	Size              int64  // octets in the transfer encoding; zero for a multipart
	Disposition       string // empty: none given
	DispositionParams map[string]string
	Children          []*Part // of a multipart
	Message           *Part   // the body of a message/rfc822 or message/global
}

// MediaType returns "type/subtype".
func (p *Part) MediaType() string { return p.Type + "/" + p.Subtype }

func (p *Part) multipart() bool { return p.Type == "multipart" && len(p.Children) > 0 }

// enclosed tells that the part is a message whose own parts can be asked for.
// One that is encoded (RFC 2046, 5.2.1 forbids it) is a file like any other.
func (p *Part) enclosed() bool {
	return p.Message != nil && p.Type == "message" && plainEncoding(p.Encoding)
}

func plainEncoding(encoding string) bool {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}

// walk calls do for the part and all below it, as long as it returns true.
func (p *Part) walk(depth int, do func(p *Part, depth int) bool) bool {
	if !do(p, depth) {
		return false
	}
	for _, c := range p.Children {
		if !c.walk(depth+1, do) {
			return false
		}
	}
	return p.Message == nil || p.Message.walk(depth+1, do)
}

// sealed tells that the part can only be read whole, and fails to be read where
// it is not: S/MIME (RFC 8551, 3.2).
func (p *Part) sealed() bool {
	return p.Type == "application" && (p.Subtype == "pkcs7-mime" || p.Subtype == "x-pkcs7-mime")
}

// name is what the part's file is called, empty where it is not said.
func (p *Part) name() string {
	if n := parameter(p.DispositionParams, "filename"); n != "" {
		return n
	}
	return parameter(p.Params, "name")
}

// signed and encrypted are RFC 1847's.
func (p *Part) signed() bool    { return p.multipart() && p.Subtype == "signed" }
func (p *Part) encrypted() bool { return p.multipart() && p.Subtype == "encrypted" }

// MaxDepth and maxParts bound what is taken apart; what is beyond is shown by its
// header alone.
const (
	MaxDepth = 24
	maxParts = 200
)

func (p *Part) reasonable() bool {
	n := 0
	return p.walk(0, func(q *Part, depth int) bool {
		n++
		return n <= maxParts && depth <= MaxDepth && (q.Type != "multipart" || len(q.Children) > 0)
	})
}

// oneLine makes a text from the server fit to stand in a line.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029', r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '?'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "..."
	}
	return s
}
