package hostile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/imap"
	"godwit/mail"
)

// TestWhatIsOutOfSightIsNotRemoved has a server that shows only the newest messages
// of a mailbox, so that each new one takes an old one out of sight: of EXISTS, of
// every listing, and by a VANISHED. The old ones stay here. What was removed among
// those that are shown is removed here, too.
func TestWhatIsOutOfSightIsNotRemoved(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{Full, strings.ReplaceAll(Full, " QRESYNC", ""), Plain} {
		t.Run(fmt.Sprint(len(caps)), func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			const shown = 20
			st.server.Do(func() {
				s := st.server
				s.Shown, s.Capabilities = shown, fmt.Sprintf("%s MESSAGELIMIT=%d", caps, shown)
				for i := range shown - 4 {
					s.Deliver(s.Mailbox("INBOX"), letter(i))
				}
			})
			sync := func(want int) []string {
				t.Helper()
				if r := st.run(mostTime, "sync"); r.exit != 0 {
					t.Fatal(r)
				}
				_, local := st.sides()
				if len(local) != want {
					t.Fatalf("the Maildir has %d messages, want %d", len(local), want)
				}
				return local
			}
			sync(shown - 4)
			for i := range 4 { // four at a time, one of them beyond what is shown
				st.server.Do(func() {
					for j := range 4 {
						st.server.Deliver(st.server.Mailbox("INBOX"), letter(100+4*i+j))
					}
				})
				sync(shown + 4*i)
			}
			// All that there is: 32 messages, of which 12 are out of sight.
			removed := letter(110)
			st.server.Do(func() {
				b := st.server.Mailbox("INBOX")
				for _, m := range slices.Clone(b.Messages) {
					if string(m.Body) == string(removed) {
						st.server.Remove(b, m.UID)
					}
				}
			})
			sync(31)
			server, local := st.sides()
			if !slices.Equal(server, local) {
				t.Errorf("the sides differ:\nserver\n  %s\nMaildir\n  %s", strings.Join(server, "\n  "), strings.Join(local, "\n  "))
			}
			// What is done here to a message that is out of sight does not reach the
			// server, and harms nothing else there.
			st.reflag(letter(0), "FS")
			st.remove(letter(1))
			sync(30)
			sync(30)
			server, _ = st.sides()
			if len(server) != 31 {
				t.Errorf("the server has %d messages, want 31", len(server))
			}
		})
	}
}

// TestWhatIsOutOfSightDoesNotLeave has a window on the mailbox of such a server: files
// leave whose messages it shows. Of those that are out of sight the file may be all
// that anybody can get at.
func TestWhatIsOutOfSightDoesNotLeave(t *testing.T) {
	t.Parallel()
	for _, caps := range []string{Full, strings.ReplaceAll(Full, " QRESYNC", ""), Plain} {
		t.Run(fmt.Sprint(len(caps)), func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			const shown = 20
			deliver := func(from, to int) {
				st.server.Do(func() {
					for i := from; i < to; i++ {
						st.server.Deliver(st.server.Mailbox("INBOX"), letter(i))
					}
				})
			}
			st.server.Do(func() {
				st.server.Shown, st.server.Capabilities = shown, fmt.Sprintf("%s MESSAGELIMIT=%d", caps, shown)
			})
			sync := func(want int) {
				t.Helper()
				if r := st.run(mostTime, "sync"); r.exit != 0 {
					t.Fatal(r)
				}
				if _, local := st.sides(); len(local) != want {
					t.Fatalf("the Maildir has %d messages, want %d:\n  %s", len(local), want, strings.Join(local, "\n  "))
				}
			}
			deliver(0, shown)
			sync(shown)
			deliver(shown, shown+5) // the first five go out of sight
			sync(shown + 5)
			st.account = append(st.account, "keep_last = 12", "window_keep = []")
			sync(12 + 5)
			sync(12 + 5)
			for i := range 5 {
				if st.pick(letter(i)) == "" {
					t.Errorf("letter %d is gone", i)
				}
			}
		})
	}
}

// TestTheProvidersLimitCountsWhereTheServerTellsNone observes a mailbox of a server
// that shows only some of it and does not say so.
func TestTheProvidersLimitCountsWhereTheServerTellsNone(t *testing.T) {
	t.Parallel()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Do(func() {
		s.Shown = 10
		for i := range 12 {
			s.Deliver(s.Mailbox("INBOX"), Text(fmt.Sprint(i)))
		}
	})
	for limit, removed := range map[uint32]bool{0: true, 9: true, 10: false, 11: false, 100: true} {
		a, err := imap.New(imap.Options{
			Host: s.Host, Port: s.Port, TLS: imap.TLSNone, User: User, Shown: limit, Timeout: mostTime,
			Password: func(context.Context) (string, error) { return Password, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		o, err := a.Observe(t.Context(), "INBOX", mail.Since{UIDValidity: 7, UIDNext: 13, Messages: 12, ModSeq: 1})
		if err != nil {
			t.Fatal(err)
		}
		list, err := a.List(t.Context(), "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		for _, o := range []*mail.Observation{o, list} {
			if o.Removed(1) != removed || o.Removed(2) != removed || o.Removed(3) || o.Removed(12) || !o.Removed(13) && o.Present != nil {
				t.Errorf("with a limit of %d: UIDs 1 and 2 removed: %v, %v, want %v; 3 and 12: %v, %v", limit,
					o.Removed(1), o.Removed(2), removed, o.Removed(3), o.Removed(12))
			}
		}
	}
}
