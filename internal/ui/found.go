package ui

import (
	"os"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8/cwriter"
)

// Match is a message in a list of what was found.
type Match struct {
	Date    time.Time // zero: not known
	State   string    // one word
	Mailbox string
	From    string
	Subject string
	Unread  bool
}

const (
	usualColumns  = 80
	stateColumns  = 7
	mailboxLimit  = 16
	senderColumns = 18
	leastSubject  = 20
)

// Matches prints a list of messages, a line each. On a terminal no line is wider
// than it is; elsewhere subjects are whole.
func (p *Printer) Matches(all []Match) {
	if len(all) == 0 {
		if p.o.OutTerminal {
			p.Print("nothing was found")
		}
		return
	}
	room := 0
	if p.o.OutTerminal {
		room = max(columns(p.o.Out), 60)
	}
	for _, line := range matchLines(all, room, p.Clean, p.Style()) {
		p.Print(line)
	}
}

// columns is how wide the terminal is.
func columns(out any) int {
	if f, is := out.(*os.File); is {
		if width, _, err := cwriter.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usualColumns
}

// matchLines are the lines of a list, none wider than room columns; zero: as wide
// as they are.
func matchLines(all []Match, room int, clean func(string) string, s Style) []string {
	mailbox, sender := 0, 0
	for i := range all {
		m := &all[i]
		m.Mailbox, m.From, m.Subject = clean(m.Mailbox), clean(m.From), clean(m.Subject)
		mailbox, sender = max(mailbox, Width(m.Mailbox)), max(sender, Width(m.From))
	}
	mailbox, sender = min(mailbox, mailboxLimit), min(sender, senderColumns)
	subject := 0
	if room > 0 {
		const date, gaps = len("2006-01-02"), 4 * 2
		least := leastSubject
		if room < usualColumns {
			least, sender = 15, min(sender, 10)
		}
		subject = max(least, room-date-gaps-stateColumns-mailbox-sender)
		mailbox = max(8, min(mailbox, room-date-gaps-stateColumns-sender-subject))
	}
	var lines []string
	for _, m := range all {
		date := "          "
		if !m.Date.IsZero() {
			date = m.Date.Format("2006-01-02")
		}
		title := m.Subject
		if room > 0 {
			title = runewidth.Truncate(title, subject, "…")
		}
		if m.Unread {
			title = s.Bold(title)
		}
		state := Pad(m.State, stateColumns)
		switch m.State {
		case "partial":
			state = s.Yellow(state)
		case "absent":
			state = s.Dim(state)
		}
		lines = append(lines, strings.TrimRight(strings.Join([]string{
			date, state, Pad(shorten(m.Mailbox, mailbox), mailbox), Pad(runewidth.Truncate(m.From, sender, "…"), sender), title,
		}, "  "), " "))
	}
	return lines
}
