package imap_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/corpus"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
	"godwit/mail"
)

func TestNoMoreConnectionsThanWanted(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	for i := range 8 {
		other.Create(fmt.Sprint("m", i))
		other.Fill(fmt.Sprint("m", i), 5, message)
	}
	proxy := wan.Start(t, server.Addr, wan.Network{RTT: 10 * time.Millisecond})
	o := cleartext(proxy.Addr, user)
	o.Connections = 3
	a := open(t, o)
	var all gosync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			m := mail.Mailbox(fmt.Sprint("m", i))
			o, err := a.Observe(patient(t), m, mail.Since{})
			if err != nil {
				t.Error(err)
				return
			}
			var got collect
			if counted, err := a.Fetch(patient(t), m, o.UIDValidity, mail.UIDSpan(1, 5), got.take); err != nil || counted.Len() != 5 {
				t.Errorf("%s: %v, %v", m, counted, err)
			}
		})
	}
	all.Wait()
	if n := proxy.Counts().Connections; n > 3 || n < 2 {
		t.Errorf("%d connections", n)
	}
}

func TestSelectedMailboxIsNotSelectedAgain(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Fill("INBOX", 5, message)
	proxy := wan.Start(t, server.Addr, wan.Network{})
	proxy.Record()
	a := open(t, cleartext(proxy.Addr, user))
	o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
	before := a.Traffic().Turns
	must(a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, 5), new(collect).take))(t)
	must(a.Store(patient(t), "INBOX", o.UIDValidity, []mail.FlagStore{store(mail.UIDs(2), `\Seen`, "")}, o.ModSeq))(t)
	must(a.Remove(patient(t), "INBOX", o.UIDValidity, mail.UIDs(3)))(t)
	// A removal takes two: its UID EXPUNGE waits for its STORE.
	if turns := a.Traffic().Turns - before; turns > 4 {
		t.Errorf("%d turns for three calls", turns)
	}
	if n := strings.Count(proxy.Sent(), " SELECT "); n != 1 {
		t.Errorf("selected %d times", n)
	}
}

// TestNewsOfAnotherConnectionReachTheRightOne: a message that one session saw is
// not taken for gone by another, which was not told of it yet.
func TestNewsOfAnotherConnectionReachTheRightOne(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 2, message)
		first := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
		// Another account object stands for another connection of the pool.
		other.Fill("INBOX", 2, func(i int) []byte { return message(2 + i) })
		var got collect
		if counted := must(a.Fetch(patient(t), "INBOX", first.UIDValidity, mail.UIDs(3, 4), got.take))(t); counted.Len() != 2 {
			t.Errorf("%v count", counted)
		}
		other.Fill("INBOX", 1, func(i int) []byte { return message(4 + i) })
		must(a.Store(patient(t), "INBOX", first.UIDValidity, []mail.FlagStore{store(mail.UIDs(5), `\Seen`, "")}, 0))(t)
		if f := flagsOf(other, "INBOX"); f[5] != `\Seen` {
			t.Errorf("flags: %v", f)
		}
	})
}

func TestServerThatRefusesConnectionsIsAskedForFewer(t *testing.T) {
	t.Parallel()
	for _, refusal := range []string{"* BYE too many", "NO [LIMIT] too many", "NO [ALERT] Too many simultaneous connections"} {
		server := script(t, ready, func(p *peer, tag, command string) bool {
			if strings.HasPrefix(command, "AUTHENTICATE") && p.Number >= 2 {
				if strings.HasPrefix(refusal, "*") {
					p.say("%s", refusal)
					p.Close()
				} else {
					p.say("%s %s", tag, refusal)
				}
				return true
			}
			return false
		})
		var told atomic.Int32
		o := cleartext(server.Addr, "me")
		o.Remark = func(text string) {
			if strings.Contains(text, "no more than 2 connections") {
				told.Add(1)
			}
		}
		a := open(t, o)
		must(a.Mailboxes(patient(t), everything))(t)
		var all gosync.WaitGroup
		start := make(chan struct{})
		for range 20 {
			all.Go(func() {
				<-start
				if _, err := a.List(patient(t), "INBOX"); err != nil {
					t.Errorf("%s: %v", refusal, err)
				}
			})
		}
		close(start)
		all.Wait()
		if n := told.Load(); n > 1 {
			t.Errorf("%s: told %d times", refusal, n)
		}
	}
}

func TestLoginRefusedOnReconnectIsFinal(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "AUTHENTICATE") && p.Number > 0:
			p.say("%s NO [AUTHENTICATIONFAILED] the password was changed", tag)
			return true
		case strings.HasPrefix(command, "SELECT"):
			p.Close()
			return true
		}
		return false
	})
	begin := time.Now()
	_, err := open(t, cleartext(server.Addr, "me")).List(patient(t), "INBOX")
	if !errors.Is(err, imap.ErrLogin) || server.count("AUTHENTICATE") != 2 {
		t.Errorf("%v after %q and %v", err, server.sent(), time.Since(begin))
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	selecting := make(chan struct{}, 10)
	server := script(t, ready, func(p *peer, tag, command string) bool {
		if strings.HasPrefix(command, "SELECT") {
			selecting <- struct{}{}
			return true // and never answers
		}
		return false
	})
	a := open(t, cleartext(server.Addr, "me"))
	ended := make(chan error)
	go func() {
		_, err := a.List(context.Background(), "INBOX")
		ended <- err
	}()
	<-selecting
	begin := time.Now()
	a.Close()
	if err := <-ended; !errors.Is(err, imap.ErrClosed) || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	if _, err := a.List(context.Background(), "INBOX"); !errors.Is(err, imap.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCancelledCallEndsSoonWhateverItWaitsFor(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool { return strings.HasPrefix(command, "SELECT") })
	o := cleartext(server.Addr, "me")
	o.Connections = 1
	a := open(t, o)
	must(a.Mailboxes(patient(t), everything))(t)
	ctx, cancel := context.WithCancel(context.Background())
	var all gosync.WaitGroup
	begin := time.Now()
	for range 3 { // one waits for the server, two for the connection
		all.Go(func() {
			if _, err := a.List(ctx, "INBOX"); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
		})
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	all.Wait()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCompressionCarriesEverything(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Compress: true})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Fill("INBOX", 100, corpus.Message)
	o := cleartext(server.Addr, user)
	o.Compress = true
	a := open(t, o)
	o2 := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
	var got collect
	if counted := must(a.Fetch(patient(t), "INBOX", o2.UIDValidity, mail.UIDSpan(1, 100), got.take))(t); counted.Len() != 100 {
		t.Errorf("%v count", counted)
	}
	sum := 0
	for u, body := range got.bodies {
		sum += len(body)
		if string(body) != string(corpus.Message(int(u)-1)) {
			t.Fatalf("UID %d came changed", u)
		}
	}
	if in := a.Traffic().In; in > int64(sum)*9/10 {
		t.Errorf("%d octets came for %d", in, sum)
	}
	must(a.Append(patient(t), "INBOX", []mail.Upload{upload(message(1))}))(t)
}

// TestManyHandsOnABadLine works on several mailboxes at once while connections
// break, and compares what came of it.
func TestManyHandsOnABadLine(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	const boxes, n = 4, 30
	for i := range boxes {
		other.Create(fmt.Sprint("m", i))
		other.Fill(fmt.Sprint("m", i), n, corpus.Message)
	}
	proxy := wan.Start(t, server.Addr, wan.Network{})
	a := open(t, cleartext(proxy.Addr, user))
	must(a.Mailboxes(patient(t), everything))(t)
	var mu gosync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	cuts := 0
	proxy.Fail(func(int) wan.Fault {
		mu.Lock()
		defer mu.Unlock()
		if cuts++; cuts > 8 {
			return wan.Fault{}
		}
		return wan.Fault{AfterDown: 20_000 + random.Int64N(60_000)}
	})
	proxy.Break()
	var all gosync.WaitGroup
	for i := range boxes {
		all.Go(func() {
			m := mail.Mailbox(fmt.Sprint("m", i))
			o, err := a.Observe(patient(t), m, mail.Since{})
			if err != nil {
				t.Error(err)
				return
			}
			var got collect
			counted, err := a.Fetch(patient(t), m, o.UIDValidity, mail.UIDSpan(1, n), got.take)
			if err != nil || counted.Len() != n {
				t.Errorf("%s: %d count, %v", m, counted.Len(), err)
			}
			if _, err := a.Store(patient(t), m, o.UIDValidity, []mail.FlagStore{store(mail.UIDSpan(1, n), `\Seen`, "")}, 0); err != nil {
				t.Errorf("%s: %v", m, err)
			}
			if _, err := a.Remove(patient(t), m, o.UIDValidity, mail.UIDSpan(1, 5)); err != nil {
				t.Errorf("%s: %v", m, err)
			}
		})
	}
	all.Wait()
	for i := range boxes {
		messages := other.Messages(fmt.Sprint("m", i))
		if len(messages) != n-5 || slices.ContainsFunc(messages, func(m dovecot.Message) bool { return !slices.Contains(m.Flags, `\Seen`) }) {
			t.Errorf("m%d: %d messages, or flags are missing", i, len(messages))
		}
	}
}
