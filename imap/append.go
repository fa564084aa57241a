package imap

import (
	"context"
	"errors"
	"fmt"
	"io"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

const (
	// A MULTIAPPEND takes at most so many messages and octets, unless it is one
	// message: all of them fail together.
	appendMessages = 100
	appendOctets   = 8 << 20
	// appendAhead is how many messages may be on their way unanswered. They are
	// what a lost connection leaves in doubt.
	appendAhead = 400
	// overQuotaInARow is after how many refusals for want of room the rest is not
	// even sent.
	overQuotaInARow = 3
)

// Append uploads messages: with MULTIAPPEND (RFC 3502) in groups, else one
// command each, pipelined where literals need not wait. See the engine's Server
// for the contract.
func (a *Account) Append(ctx context.Context, m mail.Mailbox, uploads []mail.Upload) ([]mail.Appended, error) {
	p := &appender{
		account: a, ctx: ctx, mailbox: m,
		uploads: uploads, results: make([]mail.Appended, len(uploads)), settled: make([]bool, len(uploads)),
		alone: make([]bool, len(uploads)),
	}
	if len(uploads) == 0 {
		return p.results, nil
	}
	err := a.with(ctx, "", p.session)
	if err != nil {
		err = fmt.Errorf("appending to %q: %w", string(m), err)
	}
	return p.results, err
}

// appender is one Append under way.
type appender struct {
	account *Account
	ctx     context.Context
	mailbox mail.Mailbox
	uploads []mail.Upload
	results []mail.Appended
	settled []bool // the result stands
	alone   []bool // its group was refused: it gets a command of its own
	noRoom  int    // messages in a row refused for want of room
}

// appending is one APPEND under way.
type appending struct {
	indices []int
	bodies  []*watchedUpload
	command *wire.Command[wire.AppendData]
}

// session goes on with the upload on one connection.
func (p *appender) session(s *session) error {
	raw, err := p.account.names.raw(p.mailbox)
	if err != nil {
		return err
	}
	p.refuseTooLarge(s)
	for {
		groups := p.groups(s)
		if len(groups) == 0 {
			return nil
		}
		if err := p.round(s, raw, groups); err != nil {
			return err
		}
	}
}

// refuseTooLarge spares messages a way that the server says is in vain (RFC
// 7889, 2).
func (p *appender) refuseTooLarge(s *session) {
	limit, ok := s.caps.AppendLimit()
	if !ok || limit == nil {
		return
	}
	for i, u := range p.uploads {
		if !p.settled[i] && u.Size > int64(*limit) {
			p.settle(i, mail.Appended{Err: fmt.Errorf("the message has %d octets, the server takes %d at most", u.Size, *limit)})
		}
	}
}

func (p *appender) settle(i int, result mail.Appended) {
	p.results[i], p.settled[i] = result, true
}

// groups divides what is left into commands.
func (p *appender) groups(s *session) [][]int {
	multi := s.has(goimap.CapMultiAppend)
	var groups [][]int
	var now []int
	var octets int64
	flush := func() {
		if len(now) > 0 {
			groups = append(groups, now)
			now, octets = nil, 0
		}
	}
	for i, u := range p.uploads {
		if p.settled[i] {
			continue
		}
		single := !multi || p.alone[i]
		if single || len(now) == appendMessages || octets+u.Size > appendOctets {
			flush()
		}
		now, octets = append(now, i), octets+u.Size
		if single {
			flush()
		}
	}
	flush()
	return groups
}

// round sends the groups, a number of messages ahead of the answers.
func (p *appender) round(s *session, raw string, groups [][]int) error {
	var under []*appending
	ahead := 0
	var failed error
	finish := func() {
		first := under[0]
		under = under[1:]
		ahead -= len(first.indices)
		if err := p.finish(s, first); err != nil && (failed == nil || errors.Is(err, mail.ErrUncertain)) {
			failed = err
		}
	}
	for _, group := range groups {
		for len(under) > 0 && ahead+len(group) > appendAhead {
			finish()
		}
		if failed != nil {
			break
		}
		if p.noRoom >= overQuotaInARow {
			for _, i := range group {
				p.settle(i, mail.Appended{Err: fmt.Errorf("%w: not tried, the messages before were refused", mail.ErrOverQuota)})
			}
			continue
		}
		under = append(under, p.start(s, raw, group))
		ahead += len(group)
	}
	for len(under) > 0 {
		finish()
	}
	return failed
}

func (p *appender) start(s *session, raw string, group []int) *appending {
	x := &appending{indices: group}
	uploads := make([]mail.Upload, len(group))
	for i, index := range group {
		uploads[i] = p.uploads[index]
		watched := &watchedUpload{upload: p.uploads[index]}
		uploads[i].Open = watched.open
		x.bodies = append(x.bodies, watched)
	}
	x.command = s.conn.Append(p.ctx, raw, uploads...)
	return x
}

// finish takes an APPEND's answer. The error ends the work on this connection.
func (p *appender) finish(s *session, x *appending) error {
	data, err := x.command.Wait()
	if err == nil {
		p.noRoom = 0
		s.progress = true
		for i, index := range x.indices {
			result := mail.Appended{UIDValidity: data.UIDValidity}
			if len(data.UIDs) == len(x.indices) {
				result.UID = data.UIDs[i]
			}
			p.settle(index, result)
		}
		return nil
	}
	var upload *wire.UploadError
	if errors.As(err, &upload) && upload.Index < len(x.indices) { // nothing was sent
		p.settle(x.indices[upload.Index], mail.Appended{Err: upload.Err})
		return nil
	}
	if _, no := refused(err); no {
		return p.refused(x, err)
	}
	for i, body := range x.bodies {
		if body.broke != nil {
			// The command was never finished, so the server has dropped it whole.
			p.settle(x.indices[i], mail.Appended{Err: body.broke})
			s.progress = true
			return err
		}
	}
	var lost *wire.LostError
	if errors.As(err, &lost) && !lost.Sent || errors.Is(err, wire.ErrArgument) || errors.Is(err, wire.ErrNotAnnounced) {
		return err
	}
	return fmt.Errorf("%w: %w", mail.ErrUncertain, err)
}

// refused takes a NO or BAD. A MULTIAPPEND is all or none, so each of its
// messages is tried alone.
func (p *appender) refused(x *appending, err error) error {
	if p.account.noTarget(p.mailbox, err) {
		return fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
	}
	if len(x.indices) > 1 {
		for _, i := range x.indices {
			p.alone[i] = true
		}
		return nil
	}
	err = notNow(err)
	if errors.Is(err, mail.ErrOverQuota) {
		p.noRoom++
	} else {
		p.noRoom = 0
	}
	p.settle(x.indices[0], mail.Appended{Err: p.account.secrets.wrap(err)})
	return nil
}

// noTarget tells whether a refusal means that the mailbox is not there: it has
// the code for it (RFC 9051, 6.3.12; RFC 5530, 3), or no code at all and the
// mailbox was never listed.
func (a *Account) noTarget(m mail.Mailbox, err error) bool {
	if hasCode(err, "TRYCREATE", "NONEXISTENT") {
		return true
	}
	return hasCode(err, "") && !a.names.isListed(m)
}

// watchedUpload knows whether a message could not be read as it was promised.
type watchedUpload struct {
	upload mail.Upload
	body   mail.Body
	octets int64
	broke  error
}

func (w *watchedUpload) open() (mail.Body, error) {
	body, err := w.upload.Open()
	w.body, w.octets = body, 0
	return w, err
}

func (w *watchedUpload) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.octets += int64(n)
	switch {
	case err != nil && err != io.EOF:
		w.broke = err
	case err == io.EOF && w.octets < w.upload.Size, w.octets > w.upload.Size:
		w.broke = fmt.Errorf("the message has not the %d octets it was said to have", w.upload.Size)
	}
	return n, err
}

func (w *watchedUpload) Close() error { return w.body.Close() }
