// Package corpus makes mail for tests: ordinary messages by number, and a set
// of odd ones that a synchroniser must carry byte for byte all the same. The
// same arguments give the same bytes, in every run and on every machine.
package corpus

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is when the first message was sent; each later one an hour after.
var epoch = time.Date(2015, 6, 1, 8, 0, 0, 0, time.UTC)

// Date returns when message i was sent.
func Date(i int) time.Time { return epoch.Add(time.Duration(i) * time.Hour) }

// ID returns the Message-ID of message i, without the angle brackets.
func ID(i int) string { return fmt.Sprintf("%d@corpus.example.org", i) }

// Message returns message i in wire form (CRLF), of one to eight KiB. Messages
// with different numbers differ, and so do their Message-IDs.
func Message(i int) []byte {
	random := source(i)
	return assemble(i, random, text(random, 500+int(random.ExpFloat64()*1500)))
}

// Sized returns message i with a body such that it has exactly size bytes, or
// as few as its header allows.
func Sized(i, size int) []byte {
	random := source(i)
	short := assemble(i, random, "")
	missing := size - len(short)
	if missing <= 0 {
		return short
	}
	body := text(random, missing)
	if missing < 2 {
		return append(short, body[:missing]...)
	}
	line := strings.TrimRight(body[:missing-2], "\r\n") // two CRs before the last LF would make an odd message of it
	return append(short, line+strings.Repeat(".", missing-2-len(line))+"\r\n"...)
}

// Attachment returns message i with size random bytes attached, in base64.
func Attachment(i, size int) []byte {
	random := source(i)
	raw := make([]byte, size)
	for j := range raw {
		raw[j] = byte(random.Uint32())
	}
	code := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.Grow(len(code) + len(code)/38 + 2048)
	const boundary = "=_corpus_"
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/plain\r\n\r\n%s\r\n", boundary, text(random, 300))
	fmt.Fprintf(&b, "--%s\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary)
	for len(code) > 0 {
		n := min(76, len(code))
		b.WriteString(code[:n])
		b.WriteString("\r\n")
		code = code[n:]
	}
	fmt.Fprintf(&b, "--%s--\r\n", boundary)
	return assemble(i, random, b.String(), "MIME-Version: 1.0", `Content-Type: multipart/mixed; boundary="`+boundary+`"`)
}

func source(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), 0x60d817)) }

func assemble(i int, random *rand.Rand, body string, more ...string) []byte {
	from, to := pick(random, people), pick(random, people)
	head := []string{
		fmt.Sprintf("Received: from mx%d.example.org by mail.example.net; %s", random.IntN(9), Date(i).Format(time.RFC1123Z)),
		"Date: " + Date(i).Format(time.RFC1123Z),
		"From: " + from,
		"To: " + to,
		"Subject: " + pick(random, words) + " " + pick(random, words) + fmt.Sprintf(" %d", i),
		"Message-ID: <" + ID(i) + ">",
	}
	head = append(head, more...)
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body)
}

func text(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		for range 6 + random.IntN(6) {
			b.WriteString(pick(random, words))
			b.WriteByte(' ')
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

var words = strings.Fields(`wind tide marsh estuary flight season ringing colony report weather north island
	feather harbour mudflat census ledger ticket invoice minutes draft budget garden recipe museum violin`)

var people = []string{
	"Ada <ada@example.org>", "=?utf-8?q?Bj=C3=B6rn?= <bjorn@example.org>", "Chidi <chidi@example.org>",
	"Dmitri <dmitri@example.net>", `"Eve, of Accounts" <eve@example.net>`, "farid@example.net",
}
