package dovecot

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Name writes a UTF-8 mailbox name as a command wants it: modified UTF-7 (RFC
// 3501, 5.1.3), quoted.
func Name(mailbox string) string { return quote(encodeUTF7(mailbox)) }

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// unquote undoes [quote].
func unquote(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, `"`), `"`)
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s)
}

var base64UTF7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

func encodeUTF7(s string) string {
	var b strings.Builder
	var shifted []rune
	flush := func() {
		if len(shifted) == 0 {
			return
		}
		var raw []byte
		for _, unit := range utf16.Encode(shifted) {
			raw = append(raw, byte(unit>>8), byte(unit))
		}
		b.WriteString("&" + base64UTF7.EncodeToString(raw) + "-")
		shifted = nil
	}
	for _, r := range s {
		switch {
		case r == '&':
			flush()
			b.WriteString("&-")
		case r >= 0x20 && r <= 0x7e:
			flush()
			b.WriteRune(r)
		default:
			shifted = append(shifted, r)
		}
	}
	flush()
	return b.String()
}

func decodeUTF7(s string) (string, error) {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, "&")
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		code, after, closed := strings.Cut(rest, "-")
		if !closed {
			return "", fmt.Errorf("unfinished shift in %q", s)
		}
		s = after
		if code == "" {
			b.WriteByte('&')
			continue
		}
		raw, err := base64UTF7.DecodeString(code)
		if err != nil || len(raw)%2 != 0 {
			return "", fmt.Errorf("bad shift %q", code)
		}
		units := make([]uint16, 0, len(raw)/2)
		for i := 0; i < len(raw); i += 2 {
			units = append(units, uint16(raw[i])<<8|uint16(raw[i+1]))
		}
		b.WriteString(string(utf16.Decode(units)))
	}
}
