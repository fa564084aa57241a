package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"godwit/mail"
)

// AppendData is what became of APPEND.
type AppendData struct {
	UIDValidity mail.UIDValidity // zero: not given
	// UIDs of the messages in the order of the uploads (APPENDUID, RFC 4315, 3);
	// empty where the server gave none, or not as many.
	UIDs []mail.UID
}

// appendCommand is one APPEND of n messages.
type appendCommand struct {
	n    int
	data AppendData
}

func (a *appendCommand) add(args []byte) {
	v, ranges, ok := parseAppendUID(args)
	if !ok {
		return
	}
	a.data.UIDValidity = v
	if count(ranges) == uint64(a.n) {
		a.data.UIDs = list(ranges, uint64(a.n))
	}
}

var errLength = errors.New("the message is not as long as it was said to be")

// Append is APPEND of one message, or of several in one command, all or none
// (MULTIAPPEND, RFC 3502; without it more than one fails with [ErrNotAnnounced]).
// It returns when the messages are written, so that several can be pipelined.
// Literals are LITERAL+, LITERAL- up to 4,096 octets, or synchronising: then
// Append waits for the server before each, and a refusal leaves the connection
// usable. All uploads are opened before anything is sent; one that fails is an
// [UploadError]. One that breaks off, or is not as long as its Size says, ends
// the connection, for that is the only way to take an APPEND back.
func (c *Conn) Append(ctx context.Context, name string, uploads ...mail.Upload) *Command[AppendData] {
	const verb = "APPEND"
	if len(uploads) == 0 {
		return &Command[AppendData]{c: c}
	}
	if len(uploads) > 1 {
		if err := c.need("MULTIAPPEND"); err != nil {
			return refused[AppendData](c, verb, err)
		}
	}
	heads := make([]*text, len(uploads)) // what stands before each literal
	waits := make([]bool, len(uploads))
	for i, u := range uploads {
		t := c.text()
		if i == 0 {
			t.raw("APPEND ")
			t.str(name)
		}
		if !u.Flags.IsZero() {
			t.raw(" ")
			t.flags(u.Flags)
		}
		if u.Date != 0 {
			t.raw(" ")
			t.date(u.Date)
		}
		t.raw(" ")
		waits[i] = t.open(u.Size)
		if t.err == nil && u.Size <= 0 { // zero cancels a MULTIAPPEND (RFC 3502, 3)
			t.err = fmt.Errorf("message of %d octets %w", u.Size, ErrArgument)
		}
		if t.err != nil {
			return refused[AppendData](c, verb, &UploadError{i, t.err})
		}
		heads[i] = t
	}
	bodies := make([]mail.Body, 0, len(uploads))
	defer func() {
		for _, b := range bodies {
			b.Close()
		}
	}()
	for i, u := range uploads {
		b, err := u.Open()
		if err != nil {
			return refused[AppendData](c, verb, &UploadError{i, err})
		}
		bodies = append(bodies, b)
	}

	a := &appendCommand{n: len(uploads)}
	cmd := &command{name: verb, appended: a}
	c.startWith(ctx, cmd, heads[0], func() {
		for i, u := range uploads {
			if i > 0 {
				c.write(heads[i].buf)
			}
			if waits[i] && !c.await(cmd) {
				return // refused: the literal and all behind it must not be sent
			}
			if err := c.upload(bodies[i], u.Size); err != nil {
				c.fail(fmt.Errorf("message %d for APPEND: %w", i+1, err))
				return
			}
		}
		c.write([]byte("\r\n"))
	})
	return &Command[AppendData]{c: c, parts: []*command{cmd}, collect: func() AppendData { return a.data }}
}

// upload writes exactly n octets. Whether there are more is seen before the
// command is ended, while the server still forgets it with the connection.
func (c *Conn) upload(body mail.Body, n int64) error {
	c.dirty = true
	written, err := io.Copy(c.out, io.LimitReader(body, n))
	c.taken += written
	if err != nil {
		return err
	}
	if written < n {
		return fmt.Errorf("%w: %d octets instead of %d", errLength, written, n)
	}
	var more [1]byte
	if k, err := io.ReadFull(body, more[:]); k > 0 {
		return fmt.Errorf("%w: more than %d octets", errLength, n)
	} else if err != io.EOF {
		return err
	}
	return nil
}
