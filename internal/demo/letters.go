package demo

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// mailboxes are the server's. Trash is chosen by its name: this server knows no
// roles.
var mailboxes = []string{"INBOX", "Archive/2026", "Drafts", "Entwürfe & Ideen", "Lists/waders", "Sent", "Trash"}

// The messages that the tour changes, by subject.
const (
	subjectStar    = "Ringing results from the Wash"
	subjectMove    = "Invoice 2026-117"
	subjectRemove  = "LAST CHANCE: binoculars at half price"
	subjectRead    = "Lunch on Thursday?"
	subjectFile    = "Minutes of the May meeting"
	subjectArrived = "She has landed!"
	subjectReply   = "Re: Lunch on Thursday?"
)

const (
	me   = "You <you@example.org>"
	anna = "Anna Brandt <anna@example.org>"
	ole  = "Ole Kvist <ole@example.net>"
)

// letters is the sample mail: short and long, plain and not, with and without
// flags, and one with line ends that have to survive.
func letters() []Letter {
	seen, answered, flagged := imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged
	begin := time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)
	n := 0
	letter := func(mailbox, from, subject, text string, flags ...imap.Flag) Letter {
		n++
		date := begin.Add(time.Duration(n) * 7 * time.Hour)
		return Letter{mailbox, date, flags, compose(n, date, from, subject, text)}
	}
	photograph := func(mailbox, from, subject string, size int, flags ...imap.Flag) Letter {
		n++
		date := begin.Add(time.Duration(n) * 7 * time.Hour)
		return Letter{mailbox, date, flags, attach(n, date, from, subject, size)}
	}
	return []Letter{
		letter("INBOX", anna, subjectStar, "We read 41 colour rings this morning, eleven of them ours.\n", seen),
		letter("INBOX", ole, subjectMove, "Please find the amount below.\n\n    Spotting scope, hire    48.00\n", seen),
		letter("INBOX", "Deals <shop@example.com>", subjectRemove, "Only today.\n"),
		letter("INBOX", anna, subjectRead, "The usual place at half past twelve?\n"),
		letter("INBOX", ole, subjectFile, "1. Apologies\n2. The hide's roof\n3. Any other business\n", seen, answered),
		photograph("INBOX", anna, "Photographs: 400 kB of mud", 400<<10, seen, flagged),
		letter("Archive/2026", ole, "Tide tables", "High water 06:12 and 18:40.\n", seen),
		letter("Archive/2026", anna, "Grüße aus Husum", "Nächste Woche mehr. Käse gibt es auch.\n", seen, "$Label1"),
		letter("Drafts", me, "To the county recorder", "Dear Sir or Madam,\n", seen, imap.FlagDraft),
		letter("Entwürfe & Ideen", me, "A name for the boat", "Limosa?\n", seen),
		letter("Lists/waders", "Waders <waders@lists.example>", "[waders] Bar-tailed or black-tailed?", "Look at the wing bar.\n"),
		letter("Lists/waders", "Waders <waders@lists.example>", "[waders] Re: Bar-tailed or black-tailed?", "And at the legs.\n"),
		letter("Lists/waders", "Waders <waders@lists.example>", "[waders] 13,560 km in one flight", "Alaska to Tasmania, eleven days.\n", flagged),
		letter("Sent", me, "Re: Tide tables", "Thank you!\n", seen),
	}
}

// arrived is the message that comes while the laptop is offline.
func arrived() Letter {
	date := time.Date(2026, time.May, 9, 18, 30, 0, 0, time.UTC)
	return Letter{"INBOX", date, nil, compose(100, date, anna, subjectArrived, "Tag B6 is on the mudflat. Eleven days!\n")}
}

// reply is the message that is written offline, with the line ends of a file.
func reply() []byte {
	date := time.Date(2026, time.May, 9, 17, 0, 0, 0, time.UTC)
	return bytes.ReplaceAll(compose(101, date, me, subjectReply, "Half past twelve it is.\n"), []byte("\r\n"), []byte("\n"))
}

func compose(n int, date time.Time, from, subject, text string) []byte {
	var b strings.Builder
	header(&b, n, date, from, subject)
	b.WriteString("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n")
	b.WriteString(text)
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

func attach(n int, date time.Time, from, subject string, size int) []byte {
	var b strings.Builder
	header(&b, n, date, from, subject)
	b.WriteString("Content-Type: image/x-mud\nContent-Transfer-Encoding: base64\n\n")
	noise := make([]byte, size*3/4)
	for i, x := 0, uint32(2463534242); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	text := base64.StdEncoding.EncodeToString(noise)
	for len(text) > 0 {
		line := min(76, len(text))
		b.WriteString(text[:line] + "\n")
		text = text[line:]
	}
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

func header(b *strings.Builder, n int, date time.Time, from, subject string) {
	fmt.Fprintf(b, "From: %s\nTo: %s\nSubject: %s\nDate: %s\nMessage-ID: <demo.%d@example.org>\nMIME-Version: 1.0\n",
		from, me, mime.QEncoding.Encode("utf-8", subject), date.Format(time.RFC1123Z), n)
}
