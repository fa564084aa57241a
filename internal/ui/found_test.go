package ui

import (
	"strings"
	"testing"
	"time"

	"godwit/internal/clean"
)

func TestMatchesFitTheTerminalAndHideNothingElsewhere(t *testing.T) {
	t.Parallel()
	all := func() []Match {
		return []Match{
			{time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), "here", "INBOX", "Anna", "short", true},
			{time.Time{}, "partial", "Archive/2024/projects/long names", strings.Repeat("很长的名字", 8), strings.Repeat("很长的题目 ", 20) + "end", false},
			{time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC), "absent", "Work", "bad\x1b[31m\r\nguy", "clear\x1b[2J\u202egnp.exe", false},
		}
	}
	for _, room := range []int{0, 60, 80, 132} {
		lines := matchLines(all(), room, clean.Line, Style{})
		if len(lines) != 3 {
			t.Fatalf("%d lines", len(lines))
		}
		text := strings.Join(lines, "\n")
		if strings.ContainsAny(text, "\x1b\r") || strings.Contains(text, "\u202e") || strings.Count(text, "\n") != 2 {
			t.Errorf("control characters in %q", text)
		}
		for _, line := range lines {
			if room > 0 && Width(line) > room {
				t.Errorf("%d columns of %d: %q", Width(line), room, line)
			}
			if line != strings.TrimRight(line, " ") {
				t.Errorf("blanks at the end of %q", line)
			}
		}
		if room == 0 != strings.Contains(text, "end") {
			t.Errorf("with %d columns: %s", room, text)
		}
		if !strings.HasPrefix(lines[0], "2026-11-20  here     ") || !strings.Contains(lines[0], "Anna") || !strings.HasSuffix(lines[0], "short") {
			t.Errorf("%q", lines[0])
		}
	}
}
