package imap

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// FuzzControl puts octets between a command and its answer. Whatever they are,
// imapclient must come to an end soon: with the answer, or with an error.
func FuzzControl(f *testing.F) {
	seeds := []string{
		"* VANISHED (EARLIER) 41,43:116,118,120:211\r\n",                                    // RFC 7162, 3.2.5.1
		"* ESEARCH (TAG \"A1\") UID ALL 1:3,5\r\n",                                          // RFC 4731, 3.1
		"* OK [MODIFIED 7,9] done\r\n* OK [PERMANENTFLAGS ([Gmail]/x \\*)] x\r\n",           // RFC 7162, 3.1.3
		"* OK [BADCHARSET ({3}\r\n",                                                         // never closed
		"* LIST () \"/\" {5}\r\na\r\nb\"\r\n* STATUS {3}\r\nabc (MAILBOXID (F2212ea8))\r\n", // RFC 8474, 4.3
		"* OK ends like a literal {400}\r\n",
		"* ID (\"name\" NIL)\r\n* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n",
		"* CAPABILITY IMAP4rev1 IMAP4rev2 UTF8=ACCEPT X-\"Y\r\n* NO\r\n*\r\n\r\n+\r\n",
		"* BYE \x00\x1b[2J\r\n",
		"* 5 FETCH (BODY[] {99999999999}\r\n",
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		l := &link{Conn: near, socket: near, timeout: 2 * time.Second, traffic: &traffic{}}
		c := newControl(l)
		c.listen(newListing().take)
		c.out = []byte("* OK [CAPABILITY IMAP4rev1] -\r\n")
		client := imapclient.New(c, nil)
		go func() {
			line := make([]byte, 100)
			if _, err := far.Read(line); err != nil {
				return
			}
			far.Write(append(bytes.Clone(octets), "\r\nT1 OK done\r\n"...))
			far.Close()
		}()
		done := make(chan error, 1)
		go func() { done <- client.Noop().Wait() }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatalf("%q: imapclient waits for ever", octets)
		}
		client.Close()
	})
}

func TestResponsesAreWholeWhereverTheyAreCut(t *testing.T) {
	t.Parallel()
	responses := []string{
		"* OK hello {3}\r\n", "* LIST () \"/\" {4}\r\na\r\nb\r\n", "* 5 FETCH (BODY[] {0}\r\n FLAGS ())\r\n", "+ go on {7}\r\n",
		"T1 OK [CAPABILITY IMAP4rev1] done\r\n", "* STATUS {1}\r\n\" ({2+}\r\nab 3)\r\n", "* CAPABILITY\n",
	}
	for _, r := range responses {
		for cut := range len(r) {
			if n := responseLength([]byte(r[:cut])); n != 0 {
				t.Errorf("%q is taken for whole", r[:n])
			}
		}
		if n := responseLength([]byte(r + "* next")); n != len(r) {
			t.Errorf("%q is taken for %q", r, (r + "* next")[:n])
		}
	}
}

// TestHandOverKeepsWhatCameAhead: octets that arrived behind the last answer
// belong to the next stage.
func TestHandOverKeepsWhatCameAhead(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	defer far.Close()
	l := &link{Conn: near, socket: near, timeout: 10 * time.Second, traffic: &traffic{}}
	c := newControl(l)
	c.out = []byte("* OK [CAPABILITY IMAP4rev1] -\r\n")
	st := &stage{control: c, client: imapclient.New(c, nil)}
	go func() {
		line := make([]byte, 100)
		far.Read(line)
		far.Write([]byte("T1 OK done\r\n* 3 EXI"))
		far.Write([]byte("STS\r\n"))
		far.Close()
	}()
	if err := st.client.Noop().Wait(); err != nil {
		t.Fatal(err)
	}
	next := st.handOver()
	defer next.Close()
	got := make([]byte, 12)
	if n, err := io.ReadFull(next, got); err != nil {
		// The whole line may have been dropped by imapclient's stage, never half of it.
		if n != 0 {
			t.Errorf("half a response was handed over: %q, %v", got[:n], err)
		}
	} else if string(got) != "* 3 EXISTS\r\n" {
		t.Errorf("handed over: %q", got)
	}
}
