package clean

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLineShowsNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"plain text stays", "Mailbox is over quota (95%)", "Mailbox is over quota (95%)"},
		{"letters of the world stay", "Entwürfe/下書き 👩‍💻", "Entwürfe/下書き 👩‍💻"},
		{"escape sequence", "\x1b[2J\x1b]0;owned\aHi", "?[2J?]0;owned?Hi"},
		{"C1 control", "a\u009b31mb", "a?31mb"},
		{"lines become one", " one\r\n\ttwo\n", "one two"},
		{"carriage return cannot overwrite", "godwit: fine\rgodwit: bad", "godwit: fine godwit: bad"},
		{"direction override", "exe\u202egnp", "exe?gnp"},
		{"zero width space", "pay\u200bpal", "pay?pal"},
		{"no UTF-8", "caf\xe9", "caf\ufffd"},
		{"NUL and DEL", "a\x00b\x7fc", "a?b?c"},
	} {
		if got := Line(test.text); got != test.want {
			t.Errorf("%s: Line(%q) = %q, want %q", test.name, test.text, got, test.want)
		}
	}
}

func TestLineCutsWhatIsTooLong(t *testing.T) {
	t.Parallel()
	got := Line(strings.Repeat("ä", 10*MaxLine))
	if len(got) > MaxLine+len("ä…") || !strings.HasSuffix(got, "…") || !utf8.ValidString(got) {
		t.Errorf("cut to %d bytes: …%q", len(got), got[len(got)-8:])
	}
}

func TestStrikerTakesOutSecretsInEveryForm(t *testing.T) {
	t.Parallel()
	var s Striker
	s.Add("me", "correct horse")
	s.Add("me", "correct horse and more")
	for _, echo := range []string{
		"LOGIN me correct horse failed",
		"bad initial response " + base64.StdEncoding.EncodeToString([]byte("\x00me\x00correct horse")),
		"what is " + base64.StdEncoding.EncodeToString([]byte("correct horse")),
	} {
		got := s.Line(echo)
		if strings.Contains(got, "correct horse") || !strings.Contains(got, struck) ||
			strings.Contains(got, base64.StdEncoding.EncodeToString([]byte("\x00me\x00correct horse"))) {
			t.Errorf("Line(%q) = %q", echo, got)
		}
	}
	if got := s.Line("x correct horse and more y"); got != "x [secret] y" {
		t.Errorf("the longer secret was struck only in part: %q", got)
	}
}

func TestStrikerLeavesWordsOfOurOwnAlone(t *testing.T) {
	t.Parallel()
	var s Striker
	s.Add("me", "mailbox")
	if got := s.Line("no such mailbox"); got != "no such mailbox" {
		t.Errorf("Line = %q: it tells the password", got)
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[31m", "a\r\nb", "\xff\xfe", "\u202e\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Line(text)
		if !utf8.ValidString(got) {
			t.Errorf("Line(%q) = %q is no UTF-8", text, got)
		}
		for _, r := range got {
			if !shown(r) {
				t.Errorf("Line(%q) = %q shows %U", text, got, r)
			}
		}
		if again := Line(got); again != got && len(got) <= MaxLine {
			t.Errorf("Line is not settled: %q, then %q", got, again)
		}
	})
}
