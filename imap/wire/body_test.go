package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"godwit/mail"
)

func TestBodiesAreGivenWithTheirMessage(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
		S: * 1 FETCH (UID 1 FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5 BODY[] {5}
		s: a\r\nb)
		S: )
		S: * 2 FETCH (BODY[] {3}
		S: abc RFC822.SIZE 3 UID 2 INTERNALDATE " 1-Feb-1970 00:00:01 +0000" FLAGS ())
		S: * 3 FETCH (UID 3 FLAGS () INTERNALDATE "nonsense" RFC822.SIZE 0 BODY[] NIL)
		S: * 4 FETCH (UID 4 FLAGS () INTERNALDATE NIL RFC822.SIZE 0 BODY[] {0}
		S: )
		S: * 5 FETCH (UID 5 FLAGS () INTERNALDATE "01-Jan-1970 00:00:01 +0000" RFC822.SIZE 3 BODY[] "q\"r")
		S: * 6 FETCH (UID 16 FLAGS () INTERNALDATE "01-Jan-1970 00:00:01 +0000" RFC822.SIZE 3 BODY[] {3}
		S: not)
		S: * 7 FETCH (UID 7 FLAGS ())
		S: * 7 FETCH (UID 7 FLAGS () INTERNALDATE "01-Jan-1970 00:00:01 +0000" RFC822.SIZE 3 BODY[HEADER] {3}
		S: not)
		S: * 8 FETCH (UID 1 FLAGS () INTERNALDATE "01-Jan-1970 00:00:01 +0000" RFC822.SIZE 3 BODY[] {3}
		S: not)
		S: * 9 FETCH (BODY[] {3}
		S: not)
		S: * 9 FETCH (UID 9 FLAGS () INTERNALDATE "01-Jan-1970 00:00:01 +0000" RFC822.SIZE 3 BODY[] ~{3}
		s: \0yz)
		S:  
		S: g1 OK done
		C: g2 NOOP
		S: g2 OK
	`)
	var got transcript
	d := wait(t, c.Fetch(t.Context(), FetchOptions{
		UIDs: mail.UIDSpan(1, 9), Items: ItemMetadata, Sections: []Section{Whole},
	}, got.sink))
	got.check(t,
		`uid=1 flags=(\Seen) modseq=0 date=837596665 size=5 email="" []="a\r\nb)" nil=false`,
		`uid=2 flags=() modseq=0 date=2678401 size=3 email="" []="abc" nil=false`,
		`uid=3 flags=() modseq=0 date=0 size=0 email="" []="" nil=true`,
		`uid=4 flags=() modseq=0 date=0 size=0 email="" []="" nil=false`,
		`uid=5 flags=() modseq=0 date=1 size=3 email="" []="q\"r" nil=false`,
		`uid=9 flags=() modseq=0 date=1 size=3 email="" []="\x00yz" nil=false`)
	if d.Delivered.String() != "1:2,4:5,9" {
		t.Errorf("delivered %s", d.Delivered)
	}
	stillUsable(t, c)
}

func TestPartsAndRangesAreToldApart(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 UID FETCH 1 (UID BODY.PEEK[1.MIME] BODY.PEEK[1]<0.4> BODY.PEEK[1]<8.4>)
		S: * 1 FETCH (UID 1 BODY[1]<8> {2}
		S: ij BODY[1]<0> {4}
		S: abcd BODY[1.mime] "m" BODY[1] {1}
		S: !)
		S: g1 OK done
		C: g2 NOOP
		S: g2 OK
	`)
	var got []string
	d := wait(t, c.Fetch(t.Context(), FetchOptions{
		UIDs:     mail.UIDs(1),
		Sections: []Section{{Spec: "1.MIME"}, {Spec: "1", Length: 4}, {Spec: "1", Offset: 8, Length: 4}},
	}, func(m *Message, b *Body) error {
		text, err := io.ReadAll(b)
		got = append(got, b.Section.Spec+"@"+strconv.FormatInt(b.Section.Offset, 10)+"="+string(text))
		return err
	}))
	if want := "1@8=ij 1@0=abcd 1.MIME@0=m"; strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
	if d.Delivered.String() != "1" {
		t.Errorf("delivered %s", d.Delivered)
	}
	stillUsable(t, c)
}

func TestALargeBodyBeforeItsUIDIsSpooled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := caps()
	o.TempDir = dir
	c, s := connect(t, o)
	body := bytes.Repeat([]byte("0123456789abcdef"), spoolMemory/16+1)
	go func() {
		s.expect("g1 UID FETCH 7:8 (UID BODY.PEEK[])")
		for uid := 7; uid < 9; uid++ {
			s.send("* 1 FETCH (BODY[] {" + strconv.Itoa(len(body)) + "}\r\n" + string(body) + " UID " + strconv.Itoa(uid) + ")\r\n")
		}
		s.send("g1 OK\r\n")
	}()
	n := 0
	d := wait(t, c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(7, 8), Sections: []Section{Whole}}, func(m *Message, b *Body) error {
		var got bytes.Buffer
		var err error
		if n++; n == 1 {
			_, err = got.ReadFrom(b)
		} else {
			_, err = b.WriteTo(&got)
		}
		if !bytes.Equal(got.Bytes(), body) {
			t.Errorf("%d octets instead of %d, or others", got.Len(), len(body))
		}
		return err
	}))
	if d.Delivered.String() != "7:8" {
		t.Errorf("delivered %s", d.Delivered)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A disk that cannot hold a spooled body costs that body, not the connection.
func TestABodyThatCannotBeSpooledFailsItsCommandOnly(t *testing.T) {
	t.Parallel()
	o := caps()
	o.TempDir = "/nowhere/at/all"
	c, s := connect(t, o)
	go func() {
		s.expect("g1 UID FETCH 7 (UID BODY.PEEK[])")
		s.send("* 1 FETCH (BODY[] {" + strconv.Itoa(spoolMemory+1) + "}\r\n" + strings.Repeat("x", spoolMemory+1) + " UID 7)\r\n")
		s.send("g1 OK\r\n")
		s.run("C: g2 NOOP\nS: g2 OK\n")
	}()
	d, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(7), Sections: []Section{Whole}}, func(m *Message, b *Body) error {
		t.Error("the sink was called")
		return nil
	}).Wait()
	if !errors.Is(err, os.ErrNotExist) || !d.Delivered.IsEmpty() {
		t.Errorf("delivered %s, error %v", d.Delivered, err)
	}
	stillUsable(t, c)
}

func TestWhatTheSinkLeavesIsSkipped(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 UID FETCH 1:3 (UID BODY.PEEK[])
		S: * 1 FETCH (UID 1 BODY[] {5}
		S: abcde)
		S: * 2 FETCH (UID 2 BODY[] {5}
		S: abcde)
		S: * 3 FETCH (UID 3 BODY[] {5}
		S: abcde)
		S: g1 OK done
		C: g2 NOOP
		S: g2 OK
	`)
	stop := errors.New("enough")
	var kept *Body
	calls := 0
	d, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDSpan(1, 3), Sections: []Section{Whole}}, func(m *Message, b *Body) error {
		kept = b
		b.Read(make([]byte, 2))
		if calls++; calls == 2 {
			return stop
		}
		return nil
	}).Wait()
	if !errors.Is(err, stop) || calls != 2 || d.Delivered.String() != "1" {
		t.Errorf("%d calls, delivered %s, error %v", calls, d.Delivered, err)
	}
	if n, err := kept.Read(make([]byte, 9)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("a body outside its sink gives %d octets, %v", n, err)
	}
	stillUsable(t, c)
}

func TestABodyThatBreaksOffIsNeverTakenForComplete(t *testing.T) {
	t.Parallel()
	for _, read := range []func(b *Body) error{
		func(b *Body) error { _, err := io.Copy(io.Discard, b); return err },
		func(b *Body) error { _, err := io.Copy(io.Discard, struct{ io.Reader }{b}); return err },
	} {
		c := play(t, caps(), `
			C: g1 UID FETCH 1 (UID BODY.PEEK[])
			S: * 1 FETCH (UID 1 BODY[] {500}
			s: abc
			S bye
		`)
		var seen error
		d, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(m *Message, b *Body) error {
			seen = read(b)
			return seen
		}).Wait()
		var lost *LostError
		if seen == nil || !errors.As(err, &lost) || !lost.Sent || !d.Delivered.IsEmpty() {
			t.Errorf("sink saw %v, delivered %s, error %v", seen, d.Delivered, err)
		}
	}
}

func TestAFailingWriterIsReportedAsItself(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 UID FETCH 1 (UID BODY.PEEK[])
		S: * 1 FETCH (UID 1 BODY[] {3}
		S: abc)
		S: g1 OK done
		C: g2 NOOP
		S: g2 OK
	`)
	_, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDs(1), Sections: []Section{Whole}}, func(m *Message, b *Body) error {
		_, err := b.WriteTo(fullDisk{})
		return err
	}).Wait()
	if !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
	stillUsable(t, c)
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
