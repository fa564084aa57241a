package verify

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"godwit/mail"
	"godwit/sync"
)

// Server is the server side as far as it is asked. See [godwit/sync.Server] and
// [godwit/imap.Account.Describe] for the contracts.
type Server interface {
	Mailboxes(ctx context.Context, wanted func(mail.Mailbox, mail.Role) bool) ([]mail.ServerMailbox, error)
	List(ctx context.Context, m mail.Mailbox) (*mail.Observation, error)
	Describe(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) ([]mail.ServerMessage, error)
	Identify(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, whole bool) (map[mail.UID]mail.Content, error)
}

// Options say what is held against what.
type Options struct {
	Local  sync.Local
	Base   sync.Base
	Server Server // nil: the files alone
	// Wanted tells which mailboxes are meant; nil: all.
	Wanted func(mail.Mailbox, mail.Role) bool
	// Mode tells which way changes travel in a mailbox; nil: both.
	Mode func(mail.Mailbox, mail.Role) Direction
	Deep bool // read and hash everything
	// Found is told of each difference, Done of each mailbox after its last one,
	// both from one goroutine at a time.
	Found func(Finding)
	Done  func(Mailbox)
	// Workers is how many files are read side by side; zero: one a processor.
	Workers int
}

// Direction is the ways in which changes travel.
type Direction struct{ Pulls, Pushes bool }

// Run looks at every mailbox. The error is what kept it from looking on; what
// kept it from reading one mailbox is a finding.
func Run(ctx context.Context, o Options) error {
	if o.Wanted == nil {
		o.Wanted = func(mail.Mailbox, mail.Role) bool { return true }
	}
	if o.Mode == nil {
		o.Mode = func(mail.Mailbox, mail.Role) Direction { return Direction{true, true} }
	}
	if o.Workers <= 0 {
		o.Workers = runtime.NumCPU()
	}
	v := &verifier{Options: o, boxes: map[mail.Mailbox]*box{}}
	if err := v.list(ctx); err != nil {
		return err
	}
	names := make([]mail.Mailbox, 0, len(v.boxes))
	for name := range v.boxes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b mail.Mailbox) int { return strings.Compare(string(a), string(b)) })
	for _, name := range names {
		if err := v.verify(ctx, v.boxes[name]); err != nil {
			return err
		}
	}
	return nil
}

// verifier is one run.
type verifier struct {
	Options
	boxes map[mail.Mailbox]*box
	aside map[mail.Mailbox]map[mail.UID]string // what is set aside on the server, and why
	files map[mail.Mailbox]map[mail.Key]string // … in the Maildir
}

// box is one mailbox.
type box struct {
	summary Mailbox
	role    mail.Role
	mode    Direction
	before  mail.Checkpoint
	known   bool // to base
	local   *mail.LocalMailbox
	server  *mail.ServerMailbox
}

func (v *verifier) list(ctx context.Context) error {
	get := func(m mail.Mailbox) *box {
		b := v.boxes[m]
		if b == nil {
			b = &box{summary: Mailbox{Name: m, Messages: -1}, before: mail.Checkpoint{Mailbox: m}}
			v.boxes[m] = b
		}
		return b
	}
	roles := map[mail.Mailbox]mail.Role{}
	if v.Server != nil {
		server, err := v.Server.Mailboxes(ctx, v.Wanted)
		if err != nil {
			return err
		}
		for i, s := range server {
			roles[s.Name] = s.Role
			if v.Wanted(s.Name, s.Role) && !s.NoSelect {
				get(s.Name).server = &server[i]
			}
		}
	}
	known, err := v.Base.Checkpoints(ctx)
	if err != nil {
		return err
	}
	for _, c := range known {
		if v.Wanted(c.Mailbox, roles[c.Mailbox]) {
			b := get(c.Mailbox)
			b.before, b.known = c, true
		}
	}
	root, err := v.Local.Root(ctx)
	if err != nil {
		return err
	}
	if root.Exists {
		local, err := v.Local.Mailboxes(ctx)
		if err != nil {
			return err
		}
		for i, l := range local {
			if v.Wanted(l.Name, roles[l.Name]) {
				get(l.Name).local = &local[i]
			}
		}
	}
	for m, b := range v.boxes {
		b.role = roles[m]
		b.mode = v.Mode(m, b.role)
	}
	all, err := v.Base.Quarantine(ctx)
	v.aside, v.files = map[mail.Mailbox]map[mail.UID]string{}, map[mail.Mailbox]map[mail.Key]string{}
	for _, q := range all {
		if v.aside[q.Mailbox] == nil {
			v.aside[q.Mailbox], v.files[q.Mailbox] = map[mail.UID]string{}, map[mail.Key]string{}
		}
		if q.UID != 0 {
			v.aside[q.Mailbox][q.UID] = "it is set aside: " + q.Reason
		} else {
			v.files[q.Mailbox][q.Key] = "it is set aside: " + q.Reason
		}
	}
	return err
}

// verify looks at one mailbox, at the files first.
func (v *verifier) verify(ctx context.Context, b *box) error {
	counts, err := v.Base.Counts(ctx, b.summary.Name)
	if err != nil {
		return err
	}
	b.summary.Rows = max(counts.Server, counts.Local)
	if err := v.only(b, v.local(ctx, b)); err != nil {
		return err
	}
	if v.Server != nil {
		if err := v.only(b, v.server(ctx, b)); err != nil {
			return err
		}
	}
	if v.Done != nil {
		v.Done(b.summary)
	}
	return nil
}

// errBase marks that base could not be read: nothing can be said then.
var errBase = errors.New("state database")

// only makes an error that is one mailbox's a finding.
func (v *verifier) only(b *box, err error) error {
	if err == nil || errors.Is(err, errBase) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, mail.ErrOffline) {
		return err
	}
	v.found(b, Finding{Kind: MailboxUnread, Detail: err.Error()})
	return nil
}

func (v *verifier) found(b *box, f Finding) {
	f.Mailbox = b.summary.Name
	b.summary.Findings++
	if f.Waiting {
		b.summary.Waiting++
	}
	if v.Found != nil {
		v.Found(f)
	}
}

func baseError(err error) error { return fmt.Errorf("%w: %w", errBase, err) }
