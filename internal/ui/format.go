package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// Count writes a number with commas between the thousands.
func Count[N int | int64 | uint32](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Plural is a number and a noun: "1 message", "2,000 messages".
func Plural[N int | int64 | uint32](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Messages is a number of messages.
func Messages(n int) string { return Plural(n, "message", "messages") }

// Bytes writes a size with three significant digits: "812 B", "3.42 MiB".
func Bytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 999.5 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	digits := 2
	switch {
	case f >= 99.95:
		digits = 0
	case f >= 9.995:
		digits = 1
	}
	return fmt.Sprintf("%.*f %ciB", digits, f, units[i])
}

// Took writes how long something took: "0.3 s", "2 min 5 s", "1 h 2 min".
func Took(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// left writes how long something will still take: "0:42", "1:02:03".
func left(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// Ago writes how long ago something was, for a person.
func Ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return Plural(int(d.Minutes()), "minute", "minutes") + " ago"
	case d < 48*time.Hour:
		return Plural(int(d.Hours()), "hour", "hours") + " ago"
	}
	return Plural(int(d.Hours()/24), "day", "days") + " ago"
}

// Pause writes how long a pause is, for a person, rounded up: a time that is over
// is "a moment".
func Pause(d time.Duration) string {
	minutes := int((d + time.Minute - 1) / time.Minute)
	switch {
	case d <= 0:
		return "a moment"
	case minutes < 120:
		return Plural(minutes, "minute", "minutes")
	}
	return Plural((minutes+59)/60, "hour", "hours")
}

// Pad fills a text up to so many columns.
func Pad(text string, columns int) string { return runewidth.FillRight(text, columns) }

// Width is how many columns a clean text takes.
func Width(text string) int { return runewidth.StringWidth(text) }

// shorten cuts a text in its middle: mailbox names differ at their ends.
func shorten(text string, columns int) string {
	if Width(text) <= columns {
		return text
	}
	if columns < 4 {
		return runewidth.Truncate(text, columns, "")
	}
	head := runewidth.Truncate(text, (columns-1)/2, "")
	tail := runewidth.TruncateLeft(text, Width(text)-(columns-1-Width(head)), "")
	return head + "…" + tail
}

// list joins parts as a sentence does.
func list(parts []string) string { return strings.Join(parts, ", ") }
