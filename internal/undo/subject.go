package undo

import (
	"bufio"
	"context"
	"io"
	"mime"
	netmail "net/mail"
	"os"
)

// maxHeader is how much of a message is read for its subject.
const maxHeader = 64 << 10

// Subject reads what a step's message says that it is about, for people; empty
// where that cannot be told. Call it before the step is taken.
func (u *Undo) Subject(ctx context.Context, s *Step) string {
	var body io.ReadCloser
	var err error
	switch {
	case s.Kind == Restore:
		body, err = os.Open(s.file.Path())
	case s.Kind == MoveFile, s.Kind == Copy:
		body, _, err = u.Local.Open(ctx, s.From, s.FromKey)
	case s.Kind == Remove:
		body, _, err = u.Local.Open(ctx, s.Mailbox, s.Key)
	case s.Kind == Flag && len(s.Keys) == 1:
		body, _, err = u.Local.Open(ctx, s.Mailbox, s.Keys[0])
	default:
		return ""
	}
	if err != nil {
		return "" // the step itself will say what is wrong
	}
	defer body.Close()
	message, err := netmail.ReadMessage(bufio.NewReader(io.LimitReader(body, maxHeader)))
	if err != nil {
		return ""
	}
	subject := message.Header.Get("Subject")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = decoded
	}
	return subject
}
