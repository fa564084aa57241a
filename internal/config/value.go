package config

import (
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// kind names the kind of a TOML value as a user knows it.
func kind(value any) string {
	switch v := value.(type) {
	case string:
		return fmt.Sprintf("the text %q", v)
	case int64:
		return fmt.Sprintf("the number %d", v)
	case float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprintf("%t", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// text is a string without control characters.
func text(value any) (string, error) {
	s, ok := value.(string)
	if !ok {
		return "", faultf("write it in quotes", "want text, got %s", kind(value))
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return "", faultf("", "the text holds the control character %q", s[i])
	}
	if !utf8.ValidString(s) {
		return "", faultf("", "the text is not UTF-8")
	}
	return s, nil
}

// word is a string that is not empty.
func word(value any) (string, error) {
	s, err := text(value)
	if err == nil && strings.TrimSpace(s) == "" {
		err = faultf("", "is empty")
	}
	return s, err
}

func boolean(value any) (bool, error) {
	b, ok := value.(bool)
	if !ok {
		return false, faultf("write true or false, without quotes", "want true or false, got %s", kind(value))
	}
	return b, nil
}

func number(value any, low, high int64) (int, error) {
	n, ok := value.(int64)
	if !ok {
		return 0, faultf("write it without quotes", "want a whole number, got %s", kind(value))
	}
	if n < low || n > high {
		return 0, faultf("", "%d is not between %d and %d", n, low, high)
	}
	return int(n), nil
}

// texts is a list of strings.
func texts(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		hint := ""
		if s, isText := value.(string); isText {
			hint = fmt.Sprintf("write [%q]", s)
		}
		return nil, faultf(hint, "want a list of texts, got %s", kind(value))
	}
	out := make([]string, 0, len(list))
	for i, item := range list {
		s, err := text(item)
		if err != nil {
			return nil, faultf("", "item %d: %v", i+1, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// choice is one of some words.
func choice[T any](value any, words []string, meanings []T) (T, error) {
	var none T
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	s, ok := value.(string)
	if !ok {
		return none, faultf("", "want one of %s, got %s", strings.Join(quoted, ", "), kind(value))
	}
	if i := slices.Index(words, s); i >= 0 {
		return meanings[i], nil
	}
	hint := ""
	if like, found := Nearest(s, words); found {
		hint = fmt.Sprintf("did you mean %q?", like)
	}
	return none, faultf(hint, "%q is none of %s", s, strings.Join(quoted, ", "))
}

// duration is a number with a unit: ms, s, m, h as in Go, and d and w for days
// of 24 hours and weeks.
func duration(value any, low, high time.Duration, example string) (time.Duration, error) {
	s, ok := value.(string)
	if !ok {
		return 0, faultf(fmt.Sprintf("write a text like %q", example), "want a duration, got %s", kind(value))
	}
	d, err := time.ParseDuration(s)
	for unit, size := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if count, is := strings.CutSuffix(s, unit); is {
			var n uint64
			n, err = strconv.ParseUint(count, 10, 32)
			if err == nil && n > uint64(math.MaxInt64/size) {
				n = uint64(math.MaxInt64 / size)
			}
			d = time.Duration(n) * size
		}
	}
	if err != nil {
		return 0, faultf(fmt.Sprintf("write a number with a unit (s, m, h, d), like %q", example), "%q is no duration", s)
	}
	if d < low || d > high {
		return 0, faultf("", "%q is not between %s and %s", s, span(low), span(high))
	}
	return d, nil
}

// span shows a duration as it is written in the file.
func span(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := strings.TrimSuffix(d.String(), "0s")
	return strings.TrimSuffix(s, "0m")
}

// percent is a share like "25%".
func percent(value any) (int, error) {
	s, ok := value.(string)
	if !ok {
		return 0, faultf(`write a text like "25%"`, "want a share, got %s", kind(value))
	}
	digits, is := strings.CutSuffix(s, "%")
	n, err := strconv.Atoi(strings.TrimSpace(digits))
	if !is || err != nil {
		return 0, faultf(`write a text like "25%"`, "%q is no share", s)
	}
	if n < 1 || n > 100 {
		return 0, faultf("", "%q is not between \"1%%\" and \"100%%\"", s)
	}
	return n, nil
}

// file is an absolute path, or one below the home directory.
func (r *reader) file(value any) (string, error) {
	s, err := word(value)
	if err != nil {
		return "", err
	}
	switch {
	case s == "~" || strings.HasPrefix(s, "~/"):
		if r.home == "" {
			return "", faultf("set $HOME, or write the whole path", "%q needs a home directory, and there is none", s)
		}
		return filepath.Join(r.home, strings.TrimPrefix(s[1:], "/")), nil
	case strings.HasPrefix(s, "~"):
		return "", faultf(`only "~/" is expanded; write the whole path`, "%q is the home directory of somebody else", s)
	case strings.HasPrefix(s, "$"):
		return "", faultf(`variables are not expanded; begin with "/" or "~/"`, "%q holds a variable", s)
	case !filepath.IsAbs(s):
		return "", faultf(`begin it with "/" or "~/"`, "%q depends on where godwit is started", s)
	}
	return filepath.Clean(s), nil
}

// fingerprint is sha256:HEX, with or without colons between the octets.
func fingerprint(value any) (string, error) {
	s, err := word(value)
	if err != nil {
		return "", err
	}
	const form = `write "sha256:" and 64 hex digits, the SHA-256 of the certificate's DER form`
	digits, is := strings.CutPrefix(strings.ToLower(s), "sha256:")
	if !is {
		return "", faultf(form, "%q does not begin with \"sha256:\"", s)
	}
	digits = strings.ReplaceAll(digits, ":", "")
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != 32 {
		return "", faultf(form, "%q is no SHA-256", s)
	}
	return digits, nil
}
