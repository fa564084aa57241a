package fake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"godwit/mail"
	"godwit/mail/partial"
)

// FetchPart implements sync.Server. The fake knows no structures: what stands for
// a message is made of its header alone.
func (s *Server) FetchPart(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, limits mail.PartLimits,
	sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error) {
	return s.Fetch(ctx, m, v, uids, func(msg mail.ServerMessage, body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		end := bytes.Index(raw, []byte("\r\n\r\n"))
		if end < 0 {
			return sink(msg, bytes.NewReader(raw))
		}
		made, err := partial.HeaderOnly(raw[:end+4], int64(len(raw)), limits.HeadersOnly)
		if errors.Is(err, partial.ErrWhole) {
			made = raw
		}
		return sink(msg, bytes.NewReader(made))
	})
}

// Replace implements sync.Local.
func (l *Local) Replace(ctx context.Context, staged mail.Staged, k mail.Key, was uint64, run int64) error {
	fault, err := l.begin(ctx, "Replace", fmt.Sprintf("%s %q", staged.Mailbox, string(k)), true)
	if err != nil {
		return err
	}
	if err := l.replace(staged, k, was, run); err != nil {
		return fmt.Errorf("replace %s %q: %w", staged.Mailbox, string(k), err)
	}
	if err := l.step("Local.Replace flush"); err != nil {
		return err
	}
	l.mu.Lock()
	l.flush(staged.Mailbox)
	l.mu.Unlock()
	return l.end(fault, "Replace")
}

func (l *Local) replace(staged mail.Staged, k mail.Key, was uint64, run int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := at(staged.Mailbox, "tmp", staged.Key)
	with, there := l.disk.now[from]
	p, e, err := l.find(staged.Mailbox, k)
	switch {
	case err != nil:
		return err
	case e.file.inode == staged.Inode:
		return nil // done before
	case !there:
		return mail.ErrGone
	}
	if e.file.inode != was {
		l.do(operation{name: "keep " + string(k), add: &place{directory{staged.Mailbox, "trash", run}, k}, entry: e})
	}
	e.file, e.synced = with.file, with.synced
	l.do(operation{name: "replace " + string(k), remove: &from, add: &p, entry: e})
	return nil
}
