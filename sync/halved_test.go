package sync_test

import (
	"context"
	"fmt"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// halver is a server without MOVE that is stopped when a move has copied the messages
// and not yet removed them. It says what the copies are.
type halver struct {
	*fake.Server
	err error
}

func (h halver) Move(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	copied, err := h.Copy(ctx, from, v, uids, to)
	if err != nil {
		return nil, err
	}
	return copied, h.err
}

func TestAMoveThatWasOnlyACopyIsFinished(t *testing.T) {
	uncertain := fmt.Errorf("%w: copied, but not removed", mail.ErrUncertain)
	for name, stopped := range map[string]error{
		"kept": uncertain, "stopped": fmt.Errorf("%w: %w", uncertain, context.Canceled), "offline": fmt.Errorf("%w: %w", uncertain, mail.ErrOffline),
	} {
		for _, p := range []fake.Profile{fake.Plain, fake.CondStore} {
			t.Run(fmt.Sprint(name, p.UIDPlus), func(t *testing.T) {
				a := newAccount(t, p)
				a.server.CreateMailbox("Keep", "")
				a.at(1, 1)
				a.at(2, 1)
				a.run()
				k := a.key(1)
				a.local.Move(mail.Inbox, k, "Keep", k)
				o := sync.Options{Account: "a", Server: halver{a.server, stopped}, Local: a.local, Base: a.base}
				if r, err := sync.Run(t.Context(), o); err == nil && r.Moved == 0 && len(r.Failures) == 0 {
					t.Fatalf("nothing happened: %+v", r)
				}
				a.run()
				a.run()
				a.has([]int{2}, []int{2})
				for side, got := range map[string]int{"server": len(a.server.Messages("Keep")), "Maildir": len(a.local.Files("Keep"))} {
					if got != 1 {
						t.Errorf("the %s has %d copies", side, got)
					}
				}
				if r := a.run(); r.Changed() || len(r.Plan.Operations) > 0 {
					t.Errorf("it does not come to rest: %+v", r)
				}
			})
		}
	}
}
