package sync_test

import (
	"context"
	"slices"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// liar is a server that says OK to an upload, names a UID, and takes nothing.
type liar struct{ *fake.Server }

func (l liar) Append(ctx context.Context, m mail.Mailbox, uploads []mail.Upload) ([]mail.Appended, error) {
	o, err := l.List(ctx, m)
	if err != nil {
		return nil, err
	}
	results := make([]mail.Appended, len(uploads))
	for i := range results {
		results[i] = mail.Appended{UID: o.UIDNext + mail.UID(i), UIDValidity: o.UIDValidity}
	}
	return results, nil
}

func (l liar) Move(ctx context.Context, _ mail.Mailbox, _ mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	o, err := l.List(ctx, to)
	if err != nil {
		return nil, err
	}
	var copied []mail.Copied
	for uid := range uids.All() {
		copied = append(copied, mail.Copied{From: uid, To: o.UIDNext + mail.UID(len(copied))})
	}
	return copied, nil
}

func (l liar) Copy(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error) {
	return l.Move(ctx, from, v, uids, to)
}

// TestWhatTheServerDidNotMoveOrCopyIsNotLost, nor there twice.
func TestWhatTheServerDidNotMoveOrCopyIsNotLost(t *testing.T) {
	for name, file := range map[string]func(a *account, k mail.Key){
		"move": func(a *account, k mail.Key) { a.local.Move(mail.Inbox, k, "Keep", k) },
		"copy": func(a *account, k mail.Key) { a.local.Copy(mail.Inbox, k, "Keep", k+"2") },
	} {
		t.Run(name, func(t *testing.T) {
			eachProfile(t, func(t *testing.T, a *account) {
				a.server.CreateMailbox("Keep", "")
				a.at(1, 1)
				a.at(2, 1)
				a.run()
				file(a, a.key(1))
				o := sync.Options{Account: "a", Server: liar{a.server}, Local: a.local, Base: a.base}
				if r, err := sync.Run(t.Context(), o); err != nil || len(r.Failures) == 0 || r.Removed > 0 {
					t.Fatalf("%+v, %v", r, err)
				}
				for range 3 {
					if r := a.run(); r.Removed > 0 || len(r.Failures) > 0 {
						t.Fatalf("%+v", r)
					}
				}
				all := map[string]int{"move": 1, "copy": 2}[name]
				server, local := 0, 0
				for _, m := range []mail.Mailbox{mail.Inbox, "Keep"} {
					for _, msg := range a.server.Messages(m) {
						server += map[int]int{1: 1}[number(msg.Raw)]
					}
					for _, f := range a.local.Files(m) {
						local += map[int]int{1: 1}[number(f.Raw)]
					}
				}
				if server != all || local != all {
					t.Errorf("it is %d times on the server and %d times in the Maildir, want %d", server, local, all)
				}
				a.quiet(0)
			})
		})
	}
}

// TestAMessageThatTheServerSaidItTookAndNeverHadIsSentAgain: that it is not there is
// nobody's removal, as its UIDNEXT shows.
func TestAMessageThatTheServerSaidItTookAndNeverHadIsSentAgain(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.at(1, 1)
		a.run()
		a.local.Add(mail.Inbox, letter(2), mail.Flags{System: mail.Flagged})
		a.local.Add(mail.Inbox, letter(3), mail.Flags{})
		for range 2 { // as often as it lies
			o := sync.Options{Account: "a", Server: liar{a.server}, Local: a.local, Base: a.base}
			if r, err := sync.Run(t.Context(), o); err != nil || r.Pushed != 2 || len(r.Failures) != 2 || r.Removed > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		if r := a.run(); r.Pushed != 2 || r.Removed > 0 || len(r.Failures) > 0 {
			t.Fatalf("%+v", r)
		}
		a.has([]int{1, 2, 3}, []int{1, 2, 3})
		i := slices.IndexFunc(a.server.Messages(mail.Inbox), func(m fake.Message) bool { return number(m.Raw) == 2 })
		if f := a.server.Messages(mail.Inbox)[i].Flags; f.System != mail.Flagged {
			t.Errorf("it has the flags %v", f)
		}
		a.run()
		a.quiet(0)
	})
}

// TestAMessageThatAnotherClientRemovedAtOnceIsNotSentAgain, as clients do with drafts.
func TestAMessageThatAnotherClientRemovedAtOnceIsNotSentAgain(t *testing.T) {
	eachProfile(t, func(t *testing.T, a *account) {
		a.run()
		a.local.Add(mail.Inbox, letter(2), mail.Flags{})
		a.server.Step = func(name string) error {
			if name == "Server.Append done" {
				a.server.Expunge(mail.Inbox, 1)
			}
			return nil
		}
		a.run()
		a.server.Step = nil
		a.run()
		a.run()
		a.has(nil, nil)
	})
}
