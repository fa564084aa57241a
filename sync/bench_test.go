package sync_test

import (
	"fmt"
	"testing"

	"godwit/internal/corpus"
	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// sides is an account in memory, with messages on the server alone.
type sides struct {
	server *fake.Server
	local  *fake.Local
	base   *fake.Base
}

func newSides(mailboxes, messages int) sides {
	s := sides{fake.NewServer(fake.QResync), fake.NewLocal("a"), fake.NewBase()}
	raw := corpus.Message(0)
	for i := range messages {
		m := mail.Inbox
		if k := i % mailboxes; k > 0 {
			m = mail.Mailbox(fmt.Sprintf("P%04d", k))
		}
		s.server.Deliver(m, fmt.Appendf(nil, "X-Number: %d\r\n%s", i, raw), mail.Flags{System: mail.Seen})
	}
	return s
}

func (s sides) sync(b *testing.B) sync.Result {
	b.Helper()
	r, err := sync.Run(b.Context(), sync.Options{Account: "a", Server: s.server, Local: s.local, Base: s.base})
	if err != nil || len(r.Failures) > 0 {
		b.Fatalf("%v, %v", err, r.Failures)
	}
	return r
}

// BenchmarkNoOp is the engine's own share of a run that finds nothing to do.
func BenchmarkNoOp(b *testing.B) {
	for _, mailboxes := range []int{20, 2000} {
		b.Run(fmt.Sprintf("%dmailboxes", mailboxes), func(b *testing.B) {
			s := newSides(mailboxes, mailboxes)
			s.sync(b)
			s.sync(b)
			b.ReportAllocs()
			for b.Loop() {
				if r := s.sync(b); r.Looked != 0 {
					b.Fatalf("%d mailboxes moved", r.Looked)
				}
			}
		})
	}
}

// BenchmarkFirstPull is the engine's own share of fetching 2,000 messages, that of
// the fakes included.
func BenchmarkFirstPull(b *testing.B) {
	const messages = 2000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := newSides(4, messages)
		b.StartTimer()
		if r := s.sync(b); r.Pulled != messages {
			b.Fatalf("%d messages came", r.Pulled)
		}
	}
	b.ReportMetric(float64(b.N*messages)/b.Elapsed().Seconds(), "messages/s")
}
