// Package clean makes text from elsewhere fit to be shown: text that a server,
// a file name or another program chose. A terminal obeys control characters,
// a reader is misled by characters that turn the direction of writing around,
// and a server may echo the very password that it refused.
package clean

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// MaxLine is how many bytes of one text are shown.
const MaxLine = 1000

// struck stands for a secret that was taken out.
const struck = "[secret]"

// Line makes one line of a text: line ends become spaces, control characters
// and invisible ones that change how the rest is shown become "?", bytes that
// are no UTF-8 become U+FFFD, and what is longer than [MaxLine] is cut.
func Line(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	space := false
	for _, r := range strings.TrimSpace(text) {
		if b.Len() >= MaxLine {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			space = true
			continue
		case !shown(r):
			r = '?'
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

func plain(text string) bool {
	if len(text) > MaxLine {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// shown tells whether a character only shows itself. Characters of category Cf
// reorder or hide their neighbours (U+202E and its kin), except the joiners
// that scripts and emoji need.
func shown(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return true
	case '\u2028', '\u2029':
		return false
	}
	return !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r)
}

// Striker takes known secrets out of texts. The zero Striker knows none. It is
// safe for use from many goroutines.
type Striker struct {
	mu      sync.RWMutex
	secrets []string
}

// minSecret is the length from which on a secret is struck wherever it stands.
// A shorter one may well be a word of our own messages, and striking it there
// would say what it is; the side that talks to the server strikes those out of
// what the server says.
const minSecret = 8

// Add makes a text a secret, in itself and as SASL's PLAIN and LOGIN send it.
// user may be empty.
func (s *Striker) Add(user, text string) {
	if len(text) < minSecret {
		return
	}
	forms := []string{
		text,
		base64.StdEncoding.EncodeToString([]byte(text)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + text)),
		base64.StdEncoding.EncodeToString([]byte(user + "\x00" + user + "\x00" + text)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range forms {
		if !slices.Contains(s.secrets, f) {
			s.secrets = append(s.secrets, f)
		}
	}
	// The longest first: one secret may be a part of another.
	slices.SortFunc(s.secrets, func(a, b string) int { return len(b) - len(a) })
}

// Line is [Line] with the secrets struck out.
func (s *Striker) Line(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, struck)
	}
	return Line(text)
}
