package wan

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// echo serves lines: each is answered by itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

func TestTurnsAreRepliesThatWereWaitedFor(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{RTT: 20 * time.Millisecond})
	p.Record()
	c := dial(t, p.Addr)
	r := bufio.NewReader(c)
	start := time.Now()
	for range 4 {
		fmt.Fprint(c, "one\n")
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 80*time.Millisecond {
		t.Errorf("four round trips of 20 ms took %v", took)
	}
	got := p.Counts()
	want := Counts{Connections: 1, Up: 16, Down: 16, Turns: 3} // the first line waited for nothing
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if got := p.Sent(); got != strings.Repeat("one\n", 4) {
		t.Errorf("recorded %q", got)
	}
	p.Reset()
	if got := p.Counts(); got != (Counts{}) || p.Sent() != "" {
		t.Errorf("after Reset %+v, %q", got, p.Sent())
	}
}

func TestDelayHoldsNothingBack(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{RTT: 200 * time.Millisecond})
	c := dial(t, p.Addr)
	start := time.Now()
	go func() {
		for range 50 {
			fmt.Fprint(c, "line\n")
		}
	}()
	if _, err := io.ReadFull(c, make([]byte, 250)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 200*time.Millisecond || took > 2*time.Second {
		t.Errorf("50 pipelined lines took %v, want about one round trip of 200 ms", took)
	}
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{Rate: 1 << 20})
	c := dial(t, p.Addr)
	start := time.Now()
	go c.Write(make([]byte, 256<<10))
	if _, err := io.ReadFull(c, make([]byte, 256<<10)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 250*time.Millisecond {
		t.Errorf("256 KiB at 1 MiB/s took %v", took)
	}
}

func TestCutIsExactInEitherDirection(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{1, 7, 40000} {
		p := Start(t, echo(t), Network{})
		p.Fail(func(i int) Fault {
			return []Fault{{AfterDown: n}, {AfterUp: n}, {}}[min(i, 2)]
		})
		for _, name := range []string{"down", "up"} {
			c := dial(t, p.Addr)
			go c.Write(make([]byte, 100000))
			got, _ := io.Copy(io.Discard, c)
			if name == "down" && got != n || got > n {
				t.Errorf("cut %s after %d: %d bytes came back", name, n, got)
			}
		}
		// The third connection is whole.
		c := dial(t, p.Addr)
		fmt.Fprint(c, "still here\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "still here\n" {
			t.Errorf("the connection after the cuts gave %q, %v", line, err)
		}
		if got := p.Counts(); got.Cuts != 2 || got.Connections != 3 {
			t.Errorf("counted %+v", got)
		}
	}
}

func TestUpCutDeliversExactlyItsBytes(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan int64)
	go func() {
		c, err := l.Accept()
		if err != nil {
			got <- -1
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c)
		got <- n
	}()
	p := Start(t, l.Addr().String(), Network{})
	p.Fail(func(int) Fault { return Fault{AfterUp: 12345} })
	c := dial(t, p.Addr)
	c.Write(make([]byte, 100000))
	if n := <-got; n != 12345 {
		t.Errorf("the server got %d bytes, want 12345", n)
	}
}

func TestStallIsSilentAndOpen(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{})
	p.Fail(func(int) Fault { return Fault{AfterDown: 3, Stall: true} })
	c := dial(t, p.Addr)
	fmt.Fprint(c, "hello\n")
	if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(make([]byte, 10)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes and %v, want silence", n, err)
	}
	if p.Counts().Cuts != 1 {
		t.Errorf("counted %+v", p.Counts())
	}
}

func TestRefusedAndBrokenConnectionsEnd(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{})
	p.Fail(func(i int) Fault { return Fault{Refuse: i == 0} })
	if n, err := dial(t, p.Addr).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a refused connection gave %d bytes, %v", n, err)
	}
	c := dial(t, p.Addr)
	fmt.Fprint(c, "x\n")
	if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	p.Break()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a broken connection gave %d bytes, %v", n, err)
	}
}

func TestCloseWaitsForEverybody(t *testing.T) {
	t.Parallel()
	p, err := Listen(echo(t), Network{RTT: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p.Fail(func(i int) Fault { return Fault{AfterUp: 1, Stall: i%2 == 0} })
	for range 10 {
		fmt.Fprint(dial(t, p.Addr), "abc\n")
	}
	p.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.live) != 0 {
		t.Errorf("%d connections outlived their proxy", len(p.live))
	}
}

func TestHiddenLinesAreDroppedWherePiecesEnd(t *testing.T) {
	t.Parallel()
	p := Start(t, echo(t), Network{})
	p.Hide("* LIST", "* STATUS")
	c := dial(t, p.Addr)
	r := bufio.NewReader(c)
	for _, piece := range []string{"* LI", "ST () x\r\n* OK a\r\n* STATUS x\r\n* L", "SUB y\r\n"} {
		fmt.Fprint(c, piece)
		time.Sleep(5 * time.Millisecond) // so that the pieces may arrive as such; either way the lines are the same
	}
	for _, want := range []string{"* OK a\r\n", "* LSUB y\r\n"} {
		if got, err := r.ReadString('\n'); got != want || err != nil {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	p.Hide()
	fmt.Fprint(c, "* LIST () z\r\n")
	if got, err := r.ReadString('\n'); got != "* LIST () z\r\n" {
		t.Fatalf("after Hide ended: %q, %v", got, err)
	}
}
