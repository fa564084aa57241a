package ui

import (
	"fmt"
	"strings"
	"time"

	"godwit/mail"
	"godwit/sync"
)

// look is how progress is drawn.
type look struct {
	style   style
	unicode bool
	clean   func(string) string // makes a text fit to be shown
	names   int                 // width of the longest account name
}

// maxBoxes is how many mailboxes are shown below an account: as many as are
// worked on side by side, by default.
const maxBoxes = 4

// track is the progress of one account: what the events told, and no output.
type track struct {
	account string
	begun   time.Time

	listed, planned    bool
	mailboxes, looking int // mailboxes to look into, and looked into up to now

	inPlan, expected, done int   // messages to be transferred, as the plan and as the mailboxes tell, and transferred
	bytes, moved           int64 // octets to be transferred, and transferred
	unsized                bool  // bytes is not all of it
	changes                int   // other changes made
	failed                 int

	coming map[coming]int64 // octets of large messages that are on their way; part of moved

	boxes []box // being worked on, the latest last

	// The rates are of the last few seconds, so that they tell of now.
	rate, pace  float64 // octets a second, shares of the whole a second
	sampled     time.Time
	sample      int64
	sampleShare float64
}

// coming names a message that is on its way.
type coming struct {
	mailbox mail.Mailbox
	uid     mail.UID
}

// box is a mailbox that messages are brought to or from.
type box struct {
	name           mail.Mailbox
	messages, done int // messages is zero when it is not known
}

func newTrack(account string, now time.Time) *track {
	return &track{account: account, begun: now}
}

func (t *track) event(e sync.Event) {
	switch e := e.(type) {
	case sync.Listed:
		t.listed, t.mailboxes = true, e.Moved
	case sync.Looking:
		t.looking++
	case sync.Planned:
		t.planned = true
		t.inPlan += e.Messages
		t.bytes += e.Bytes
		t.unsized = t.unsized || e.Messages > 0 && e.Bytes == 0
	case sync.Expected:
		t.expected += e.Messages
		t.bytes += e.Bytes
		t.unsized = t.unsized || e.Messages > 0 && e.Bytes == 0
		t.box(e.Mailbox).messages += e.Messages
	case sync.Received:
		t.moved += e.Bytes - t.coming[coming{e.Mailbox, e.UID}]
		if t.coming == nil {
			t.coming = map[coming]int64{}
		}
		t.coming[coming{e.Mailbox, e.UID}] = e.Bytes
		t.box(e.Mailbox)
	case sync.Transferred:
		t.done++
		t.moved += e.Bytes - t.coming[coming{e.Mailbox, e.UID}]
		delete(t.coming, coming{e.Mailbox, e.UID})
		b := t.box(e.Mailbox)
		b.done++
		if b.messages > 0 && b.done >= b.messages {
			t.drop(e.Mailbox)
		}
	case sync.Changed:
		t.changes++
	case sync.Failed:
		t.failed++
	case sync.Finished:
		t.drop(e.Mailbox)
	case sync.HeldBack:
	}
}

// box returns the mailbox's entry, the latest from now on.
func (t *track) box(m mail.Mailbox) *box {
	found := box{name: m}
	for i, b := range t.boxes {
		if b.name == m {
			if i == len(t.boxes)-1 {
				return &t.boxes[i]
			}
			found = b
			break
		}
	}
	t.drop(m)
	t.boxes = append(t.boxes, found)
	return &t.boxes[len(t.boxes)-1]
}

func (t *track) drop(m mail.Mailbox) {
	for i, b := range t.boxes {
		if b.name == m {
			t.boxes = append(t.boxes[:i], t.boxes[i+1:]...)
			return
		}
	}
}

// messages is how many are to be transferred, as far as is known. The plan has a
// mailbox's messages in it where the server told their number, and the mailbox
// tells them again.
func (t *track) messages() int { return max(t.inPlan, t.expected, t.done) }

// share is how much of the whole is done, from 0 to 1: of the octets where all of
// them are known, else of the messages.
func (t *track) share() float64 {
	switch n := t.messages(); {
	case !t.unsized && t.bytes > 0 && t.bytes >= t.moved:
		return float64(t.moved) / float64(t.bytes)
	case n > 0:
		return float64(t.done) / float64(n)
	}
	return 0
}

// tick measures the rates.
func (t *track) tick(now time.Time) {
	share := t.share()
	if t.sampled.IsZero() || t.moved == 0 {
		t.sampled, t.sample, t.sampleShare = now, t.moved, share
		return
	}
	passed := now.Sub(t.sampled).Seconds()
	if passed < 0.5 {
		return
	}
	rate, pace := float64(t.moved-t.sample)/passed, max(0, share-t.sampleShare)/passed
	if t.rate == 0 {
		t.rate, t.pace = rate, pace
	}
	weight := min(1, passed/5)
	t.rate += (rate - t.rate) * weight
	t.pace += (pace - t.pace) * weight
	t.sampled, t.sample, t.sampleShare = now, t.moved, share
}

// render draws the account's lines, none wider than width columns.
func (t *track) render(l look, width int) []string {
	names := min(l.names, max(width/3, 8))
	name := Pad(shorten(l.clean(t.account), names), names)
	room := width - names - 2
	if room < 10 {
		return []string{shorten(l.clean(t.account), max(width, 1))}
	}
	head := l.style.bold(name) + "  "
	if t.messages() == 0 {
		return []string{head + shorten(t.doing(), room)}
	}
	lines := []string{head + t.bar(l, room)}
	indent := strings.Repeat(" ", names+2)
	for _, b := range t.boxes[max(0, len(t.boxes)-maxBoxes):] {
		count := Count(b.done)
		if b.messages > 0 {
			count += " of " + Count(b.messages)
		}
		columns := min(room-Width(count)-2, 40)
		if columns < 8 {
			continue
		}
		text := Pad(shorten(l.clean(string(b.name)), columns), columns) + "  " + count
		lines = append(lines, indent+l.style.dim(text))
	}
	return lines
}

// doing says what goes on before and beside transfers.
func (t *track) doing() string {
	switch {
	case t.changes > 0:
		return Plural(t.changes, "change", "changes") + " made"
	case t.planned:
		return "finishing"
	case t.listed && t.looking > 0:
		return fmt.Sprintf("looking into mailbox %s of %s", Count(t.looking), Count(max(t.mailboxes, t.looking)))
	case t.listed:
		return "looking"
	}
	return "connecting"
}

// bar is the transfer as a bar and numbers; what does not fit is left out, the
// least important first.
func (t *track) bar(l look, room int) string {
	messages, share := t.messages(), t.share()
	numbers := []string{
		fmt.Sprintf("%*s of %s", len(Count(messages)), Count(t.done), Count(messages)),
		fmt.Sprintf("%3d%%", int(share*100)),
		fmt.Sprintf("%*s", len("9.99 MiB/s"), Bytes(int64(t.rate))+"/s"),
		fmt.Sprintf("%6s", t.remaining()),
		Bytes(t.moved),
	}
	const least, most = 10, 40
	text := numbers[0]
	for _, n := range numbers[1:] {
		if Width(text)+2+Width(n)+2+least > room {
			break
		}
		text += "  " + n
	}
	width := min(most, room-Width(text)-2)
	if width < least/2 {
		return shorten(text, room)
	}
	return l.draw(share, width) + "  " + text
}

// remaining is how long the transfer will still take, where that can be told.
func (t *track) remaining() string {
	seconds := (1 - t.share()) / t.pace
	if t.pace <= 0 || seconds < 0.5 || seconds > 100*3600 {
		return ""
	}
	return left(time.Duration(seconds * float64(time.Second)))
}

// draw is a bar of so many columns.
func (l look) draw(share float64, width int) string {
	full, rest := "━", "─"
	if !l.unicode {
		full, rest = "=", "-"
	}
	n := min(width, max(0, int(share*float64(width)+0.5)))
	return l.style.cyan(strings.Repeat(full, n)) + l.style.dim(strings.Repeat(rest, width-n))
}
