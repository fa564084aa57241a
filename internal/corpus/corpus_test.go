package corpus

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

func TestMessagesAreReproducibleAndDifferent(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]int{}
	for i := range 2000 {
		body := Message(i)
		if !bytes.Equal(body, Message(i)) {
			t.Fatalf("message %d is not the same twice", i)
		}
		sum := sha256.Sum256(body)
		if other, there := seen[sum]; there {
			t.Fatalf("messages %d and %d are the same", other, i)
		}
		seen[sum] = i
		if !bytes.Contains(body, []byte("Message-ID: <"+ID(i)+">\r\n")) {
			t.Fatalf("message %d has no Message-ID %s", i, ID(i))
		}
		if n := len(body); n < 500 || n > 20000 {
			t.Fatalf("message %d has %d bytes", i, n)
		}
	}
	// The bytes are the same in every version of this package: tests may name them.
	if got := fmt.Sprintf("%x", sha256.Sum256(Message(1)))[:16]; got != firstSum {
		t.Errorf("message 1 has the sum %s, want %s", got, firstSum)
	}
}

func TestSizedHasItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1000, 1001, 4096, 1 << 20} {
		if got := len(Sized(7, size)); got != size {
			t.Errorf("asked for %d bytes, got %d", size, got)
		}
	}
	if short := Sized(7, 0); len(short) == 0 || !bytes.HasSuffix(short, []byte("\r\n\r\n")) {
		t.Errorf("a message of no size is %q", short)
	}
	if got := len(Attachment(3, 300_000)); got < 400_000 {
		t.Errorf("300,000 bytes attached give a message of %d", got)
	}
}

func TestOddsDifferAndHaveNames(t *testing.T) {
	t.Parallel()
	names, sums := map[string]bool{}, map[[32]byte]string{}
	for _, o := range Odds() {
		if o.Name == "" || names[o.Name] {
			t.Errorf("name %q is empty or used twice", o.Name)
		}
		names[o.Name] = true
		sum := sha256.Sum256(o.Body)
		if other := sums[sum]; other != "" {
			t.Errorf("%s and %s are the same", o.Name, other)
		}
		sums[sum] = o.Name
		if bytes.IndexByte(o.Body, 0) >= 0 {
			t.Errorf("%s holds a NUL, which servers do not keep", o.Name)
		}
		if bytes.Contains(o.Body, []byte("\r\r\n")) {
			t.Errorf("%s holds CR CR LF, which servers do not keep", o.Name)
		}
	}
	if len(names) < 25 {
		t.Errorf("only %d odd messages", len(names))
	}
}

func TestLocalFormGivesTheWireFormBack(t *testing.T) {
	t.Parallel()
	asItCame := 0
	for _, o := range Odds() {
		local := LocalForm(o.Body)
		if bytes.Equal(local, o.Body) && bytes.Contains(o.Body, []byte("\n")) {
			asItCame++
		}
		if bytes.Equal(local, o.Body) {
			continue // base remembers that it is in wire form
		}
		if !bytes.Equal(WireForm(local), o.Body) {
			t.Errorf("%s changes on its way to the disk and back", o.Name)
		}
	}
	if asItCame == 0 {
		t.Error("no odd message must be stored as it came: the set is too tame")
	}
}

const firstSum = "3ff8a5efd3a36dea"
