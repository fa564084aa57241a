package sync_test

import (
	"errors"
	"fmt"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// labels are the mailboxes of an account in which a message is in several.
var labels = []mail.Mailbox{mail.Inbox, "[Gmail]/All Mail", "Work", "Work/2024", "zoo"}

// labelledLetter is a message in wire form.
func labelledLetter(i int) []byte {
	return fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nSubject: %d\r\n\r\n%s\r\n",
		i, i, strings.Repeat("body ", 50+i))
}

// labelled is a server that shows n messages in each of the labels.
func labelled(p fake.Profile, n int) *fake.Server {
	server := fake.NewServer(p)
	for i := range n {
		u := server.Deliver(labels[0], labelledLetter(i), mail.Flags{})
		for _, m := range labels[1:] {
			server.CopyTo(labels[0], u, m)
		}
	}
	return server
}

func sameEverywhere(t *testing.T, server *fake.Server, local *fake.Local, n int) {
	t.Helper()
	for _, m := range labels {
		if got := len(server.Messages(m)); got != n {
			t.Errorf("%s has %d messages on the server, want %d", m, got, n)
		}
		files := local.Files(m)
		if len(files) != n {
			t.Errorf("%s has %d files, want %d", m, len(files), n)
		}
		seen := map[string]bool{}
		for _, f := range files {
			seen[string(f.Raw)] = true
		}
		for i := range n {
			if !seen[string(labelledLetter(i))] {
				t.Errorf("%s lacks message %d", m, i)
			}
		}
	}
}

// TestAFirstPullFetchesEachMessageOnce has a server that names contents, as Gmail
// and servers with OBJECTID do, and several workers.
func TestAFirstPullFetchesEachMessageOnce(t *testing.T) {
	t.Parallel()
	const n = 40
	server, local, base := labelled(fake.Modern, n), fake.NewLocal("a"), fake.NewBase()
	transferred, linked := 0, 0
	options := sync.Options{Account: "a", Server: server, Local: local, Base: base, Events: func(e sync.Event) {
		switch e := e.(type) {
		case sync.Transferred:
			transferred++
		case sync.Changed:
			if e.What == "link" {
				linked++
			}
		}
	}}
	res, err := sync.Run(t.Context(), options)
	if err != nil || len(res.Failures) > 0 {
		t.Fatalf("%v, %v", err, res.Failures)
	}
	if transferred != n || linked != n*(len(labels)-1) || res.Pulled != n {
		t.Errorf("%d messages were fetched (%d), %d linked; want %d and %d", transferred, res.Pulled, linked, n, n*(len(labels)-1))
	}
	sameEverywhere(t, server, local, n)

	// A label that is put on, and one that is taken off.
	transferred, linked = 0, 0
	server.CopyTo(mail.Inbox, 1, "new label")
	server.Expunge("zoo", 3, 4)
	if res, err = sync.Run(t.Context(), options); err != nil || len(res.Failures) > 0 {
		t.Fatalf("%v, %v", err, res.Failures)
	}
	if transferred != 0 || linked != 1 || res.Removed != 2 {
		t.Errorf("%d fetched, %d linked, %d removed; want 0, 1 and 2", transferred, linked, res.Removed)
	}
	if files := local.Files("new label"); len(files) != 1 || string(files[0].Raw) != string(labelledLetter(0)) {
		t.Errorf("the new label has %d files", len(files))
	}
	server.Forget()
	if res, err = sync.Run(t.Context(), options); err != nil || res.Changed() || res.Looked > 0 {
		t.Errorf("a run with nothing to do: %v, %+v", err, res)
	}
}

// TestALinkThatCannotBeMadeIsAFetch has what shall be linked vanish, change, or
// never arrive.
func TestALinkThatCannotBeMadeIsAFetch(t *testing.T) {
	t.Parallel()
	const n = 6
	for name, meddle := range map[string]func(*fake.Server, *fake.Local) func(string) error{
		"the file is gone": func(_ *fake.Server, local *fake.Local) func(string) error {
			var once gosync.Once
			return func(step string) error {
				if step == "Local.Link" {
					once.Do(func() {
						for _, f := range local.Files(mail.Inbox)[:2] {
							local.Move(mail.Inbox, f.Key, "elsewhere", f.Key)
						}
					})
				}
				return nil
			}
		},
		"the first is not delivered": func(server *fake.Server, _ *fake.Local) func(string) error {
			server.Mute(mail.Inbox, 2, true)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, local, base := labelled(fake.Modern, n), fake.NewLocal("a"), fake.NewBase()
			local.MakeMailbox("elsewhere")
			local.Step = meddle(server, local)
			options := sync.Options{Account: "a", Server: server, Local: local, Base: base}
			if _, err := sync.Run(t.Context(), options); err != nil {
				t.Fatal(err)
			}
			for _, m := range labels[1:] {
				if got := len(local.Files(m)); got != n {
					t.Errorf("%s has %d files, want %d", m, got, n)
				}
			}
		})
	}
}

// TestAPullThatDiesWhileLinkingFetchesNothingAgain dies at each of the steps of a
// delivery, the first of which are of what is fetched and the last of what is
// linked.
func TestAPullThatDiesWhileLinkingFetchesNothingAgain(t *testing.T) {
	t.Parallel()
	const n = 5
	dead := errors.New("dead")
	for _, step := range []string{"deliver.staged", "deliver.settled", "deliver.intended", "deliver.placed", "deliver.recorded"} {
		for at := 1; at < 20; at++ {
			server, local, base := labelled(fake.Modern, n), fake.NewLocal("a"), fake.NewBase()
			var left atomic.Int32
			left.Store(int32(at))
			pulled := 0
			options := sync.Options{Account: "a", Server: server, Local: local, Base: base, Workers: 1, Step: func(name string) error {
				if name == step && left.Add(-1) <= 0 || left.Load() <= 0 {
					return dead
				}
				return nil
			}}
			res, err := sync.Run(t.Context(), options)
			if err == nil {
				break
			}
			pulled += res.Pulled
			local.Crash(nil)
			options.Step = nil
			if res, err = sync.Run(t.Context(), options); err != nil || len(res.Failures) > 0 {
				t.Fatalf("after %s %d: %v, %v", step, at, err, res.Failures)
			}
			if pulled += res.Pulled; pulled > 2*n {
				t.Errorf("%d messages were fetched, and there are %d", pulled, n)
			}
			sameEverywhere(t, server, local, n)
			if t.Failed() {
				t.Fatalf("died at %s, the %d. time", step, at)
			}
		}
	}
}
