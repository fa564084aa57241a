package wire

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

func TestEventsReachTheHandlerInOrder(t *testing.T) {
	t.Parallel()
	var events []Event
	o := caps()
	o.Handler = func(e Event) { events = append(events, e) }
	c := play(t, o, `
		C: g1 NOOP
		S: * 23 EXISTS
		S: * 4 EXPUNGE
		S: * 5 EXPUNGED
		S: * VANISHED 3,5:7
		S: * FLAGS (\Seen a)
		S: * OK [ALERT] Disk {3} is nearly full
		S: * 7 RECENT
		S: * LIST () "/" {3}
		S: a b ("x" ({1}
		S: y))
		S: * X-UNKNOWN (deep (er)) "}"
		S:
		S: * CAPABILITY IMAP4rev1
		S: + nobody asked
		S: * BYE
		S: g1 OK done
		S bye
	`)
	wait(t, c.Noop(t.Context()))
	<-c.Done()
	kinds := []EventKind{EventExists, EventExpunge, EventExpunge, EventVanished, EventFlags, EventAlert, EventBye}
	if len(events) != len(kinds) {
		t.Fatalf("events %+v", events)
	}
	for i, k := range kinds {
		if events[i].Kind != k {
			t.Errorf("event %d is %+v", i, events[i])
		}
	}
	if events[0].Number != 23 || events[3].UIDs.String() != "3,5:7" || events[4].Flags.String() != `\Seen a` {
		t.Errorf("events %+v", events)
	}
	if a := c.Alerts(); len(a) != 1 || a[0] != "Disk {3} is nearly full" {
		t.Errorf("alerts %q", a)
	}
	if a := c.Alerts(); a != nil {
		t.Errorf("alerts again %q", a)
	}
}

func TestByeIsTheReasonOfTheLoss(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 NOOP
		S: * BYE [UNAVAILABLE] Mailbox deleted
		S bye
	`)
	_, err := c.Noop(t.Context()).Wait()
	var lost *LostError
	var bye *imap.Error
	if !errors.As(err, &lost) || !lost.Sent || !errors.As(err, &bye) || bye.Text != "Mailbox deleted" || bye.Type != imap.StatusResponseTypeBye {
		t.Errorf("error %v", err)
	}
	_, err = c.Noop(t.Context()).Wait()
	if !errors.As(err, &lost) || lost.Sent || !errors.As(err, &bye) {
		t.Errorf("error afterwards %v", err)
	}
	if c.Err() == nil {
		t.Error("no reason")
	}
}

// The tests of time run on a clock of their own (testing/synctest).

func TestSilenceEndsTheConnectionButProgressDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := caps()
		o.Timeout = time.Minute
		c, s := connect(t, o)
		go func() {
			s.expect("g1 UID FETCH 1 (UID BODY.PEEK[])")
			s.send("* 1 FETCH (UID 1 BODY[] {800}\r\n")
			for range 8 { // each within the timeout, all together far beyond it
				time.Sleep(59 * time.Second)
				s.send(strings.Repeat("x", 100))
			}
			s.send(")\r\ng1 OK\r\n")
			s.expect("g2 NOOP")
			io.Copy(io.Discard, s.in)
		}()
		d := wait(t, c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(_ *Message, b *Body) error {
			_, err := b.WriteTo(io.Discard)
			return err
		}))
		if d.Delivered.IsEmpty() {
			t.Error("not delivered")
		}
		began := time.Now()
		_, err := c.Noop(t.Context()).Wait()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// An octet now and then keeps nobody waiting for ever.
func TestAnOctetASecondIsSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := caps()
		o.Timeout = time.Minute
		c, s := connect(t, o)
		go func() {
			s.expect("g1 NOOP")
			for range 100 {
				time.Sleep(time.Second)
				s.send("x")
			}
		}()
		began := time.Now()
		_, err := c.Noop(t.Context()).Wait()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 2*time.Minute { // the command's own octets count once
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// While an upload moves, no answer is due.
func TestASlowUploadIsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := caps("LITERAL+")
		o.Timeout = time.Minute
		c, s := connect(t, o)
		body := strings.Repeat("x", 512<<10)
		go func() {
			s.expect(`g1 APPEND "a" {524288+}`)
			for range 8 {
				time.Sleep(50 * time.Second)
				io.CopyN(io.Discard, s.in, int64(len(body)/8))
			}
			s.expect("")
			s.send("g1 OK\r\n")
		}()
		wait(t, c.Append(t.Context(), "a", upload(body)))
	})
}

func TestAConnectionMayIdleForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		arrived := make(chan uint32, 1)
		o := caps("IDLE")
		o.Timeout = time.Minute
		o.Handler = func(e Event) { arrived <- e.Number }
		c, s := connect(t, o)
		go func() {
			s.run("C: g1 IDLE\nS: + idling\n")
			time.Sleep(28 * time.Minute)
			s.run("S: * 4 EXISTS\nC: DONE\nS: g1 OK\nC: g2 NOOP\nS: g2 OK\nC: g3 NOOP\nS: g3 OK\nC: g4 NOOP\n")
			io.Copy(io.Discard, s.in)
		}()
		idle, err := c.Idle(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := <-arrived; n != 4 {
			t.Errorf("%d messages", n)
		}
		if _, err := c.Noop(t.Context()).Wait(); !errors.Is(err, ErrIdling) {
			t.Errorf("during IDLE: %v", err)
		}
		if err := idle.Done(); err != nil {
			t.Fatal(err)
		}
		if err := idle.Done(); err != nil {
			t.Errorf("done twice: %v", err)
		}
		<-idle.Ended()
		stillUsable(t, c)
		time.Sleep(time.Hour) // nothing is under way: no timeout runs
		stillUsable(t, c)
		began := time.Now()
		if _, err := c.Noop(t.Context()).Wait(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// A server that says BYE and then does nothing does not cost a whole timeout.
func TestAServerThatSaidByeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := caps()
		o.Timeout = time.Minute
		c, s := connect(t, o)
		go func() {
			s.run("C: g1 NOOP\nS: * BYE [UNAVAILABLE] restarting\n")
			io.Copy(io.Discard, s.in)
		}()
		began := time.Now()
		_, err := c.Noop(t.Context()).Wait()
		var bye *imap.Error
		if !errors.As(err, &bye) || time.Since(began) != byeWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestIdleEndsWithTheServersWord(t *testing.T) {
	t.Parallel()
	c := play(t, caps("IDLE"), `
		C: g1 IDLE
		S: g1 NO not today
		C: g2 IDLE
		S: + idling
		S: g2 OK enough
		C: g3 NOOP
		S: g3 OK
	`)
	if _, err := c.Idle(t.Context()); err == nil {
		t.Error("a refused IDLE began")
	}
	idle, err := c.Idle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-idle.Ended()
	if err := idle.Done(); err != nil {
		t.Error(err)
	}
	stillUsable(t, c)
}

func TestTheContextEndsWaitingAtOnce(t *testing.T) {
	t.Parallel()
	hang := map[string]func(ctx context.Context, c *Conn) error{
		"answer": func(ctx context.Context, c *Conn) error { _, err := c.Noop(ctx).Wait(); return err },
		"literal": func(ctx context.Context, c *Conn) error {
			_, err := c.Append(ctx, "a", upload("abc")).Wait()
			return err
		},
		"body": func(ctx context.Context, c *Conn) error {
			_, err := c.Fetch(ctx, FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(_ *Message, b *Body) error {
				_, err := io.Copy(io.Discard, b)
				return err
			}).Wait()
			return err
		},
		"write": func(ctx context.Context, c *Conn) error { // the server reads no further
			_, err := c.Append(ctx, "a", upload(strings.Repeat("x", 1<<20))).Wait()
			return err
		},
		"idle": func(ctx context.Context, c *Conn) error {
			idle, err := c.Idle(ctx)
			if err == nil {
				<-idle.Ended()
				err = idle.Done()
			}
			return err
		},
		"compress": func(ctx context.Context, c *Conn) error { return c.Compress(ctx) },
		"logout":   func(ctx context.Context, c *Conn) error { return c.Logout(ctx) },
	}
	for name, do := range hang {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := caps("IDLE", "COMPRESS=DEFLATE")
			if name == "write" {
				o = caps("LITERAL+")
			}
			c, s := connect(t, o)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				s.in.ReadString('\n')
				if name == "body" {
					s.send("* 1 FETCH (UID 1 BODY[] {100}\r\nabc")
				}
				if name == "idle" {
					s.send("+ go\r\n")
				}
				cancel()
				if name != "write" {
					io.Copy(io.Discard, s.in)
				}
			}()
			began := time.Now()
			err := do(ctx, c)
			if !errors.Is(err, context.Canceled) || time.Since(began) > 5*time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			<-c.Done()
			if c.Err() == nil {
				t.Error("the connection goes on")
			}
		})
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 NOOP
		S: g1 OK
	`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Noop(ctx).Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	stillUsable(t, c)
}

func TestCloseNeverHangs(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"", "* 1 FETCH (UID 1 BODY[] {100}\r\nabc", "* 1 FET"} {
		c, s := connect(t, caps())
		sent := make(chan struct{})
		go func() {
			s.in.ReadString('\n')
			s.send(half)
			close(sent)
			io.Copy(io.Discard, s.in)
		}()
		x := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(_ *Message, b *Body) error {
			_, err := io.Copy(io.Discard, b)
			return err
		})
		c.Flush()
		<-sent
		began := time.Now()
		c.Close()
		c.Close()
		_, err := x.Wait()
		if !errors.Is(err, ErrClosed) || time.Since(began) > 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	}
}

// A user of callbacks who closes from one, or never returns, harms only himself.
func TestCloseFromACallback(t *testing.T) {
	t.Parallel()
	c, s := connect(t, caps())
	go s.run("C: g1 UID FETCH 1 (UID FLAGS)\nS: * 1 FETCH (UID 1 FLAGS ())\n")
	_, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Items: ItemFlags}, func(*Message, *Body) error {
		return c.Close()
	}).Wait()
	if !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestLogoutIsPoliteAndClosed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"C: g1 LOGOUT\nS: * BYE see you\nS: g1 OK\nS bye\n",
		"C: g1 LOGOUT\nS: * BYE see you\nS bye\n",
		"C: g1 LOGOUT\nS bye\n",
	} {
		c := play(t, caps(), text)
		if err := c.Logout(t.Context()); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if !errors.Is(c.Err(), ErrClosed) {
			t.Errorf("%q: ended by %v", text, c.Err())
		}
	}
}

func TestCommandsOfManyGoroutinesGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	c, s := connect(t, caps())
	const n = 50
	go func() {
		for range n {
			line, err := s.in.ReadString('\n')
			if err != nil {
				return
			}
			tag, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			s.send("* STATUS " + strings.Fields(rest)[1] + " (MESSAGES " + strings.Trim(strings.Fields(rest)[1], `"`) + ")\r\n" + tag + " OK\r\n")
		}
	}()
	var group sync.WaitGroup
	for i := range uint32(n) {
		group.Go(func() {
			status, err := c.Status(t.Context(), mail.UID(i+1).String()).Wait()
			if err != nil || status.Messages != i+1 {
				t.Errorf("mailbox %d: %+v, %v", i+1, status, err)
			}
		})
	}
	group.Wait()
}
