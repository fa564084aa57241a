package wire

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

func upload(body string, flags ...string) mail.Upload {
	return mail.Upload{
		Flags: mail.ParseFlags(flags...), Size: int64(len(body)),
		Open: func() (mail.Body, error) { return io.NopCloser(strings.NewReader(body)), nil },
	}
}

func TestAppendWithLiteralPlusIsPipelined(t *testing.T) {
	t.Parallel()
	c := play(t, caps("LITERAL+", "MULTIAPPEND", "UIDPLUS"), `
		C: g1 APPEND "saved messages" (\Seen $Label1) "07-Feb-1994 21:52:25 +0000" {6+}
		C: one
		C: x
		C: g2 APPEND "INBOX" {3+}
		C: two (\Draft) {5+}
		C: three
		S: g1 OK [APPENDUID 38505 3955] APPEND completed
		S: g2 OK [APPENDUID 38505 3957,3956] APPEND completed
	`)
	dated := upload("one\r\nx", `\Seen`, "$Label1")
	dated.Date = 760657945
	one := c.Append(t.Context(), "saved messages", dated)
	two := c.Append(t.Context(), "INBOX", upload("two"), upload("three", `\Draft`))
	if d := wait(t, one); d.UIDValidity != 38505 || len(d.UIDs) != 1 || d.UIDs[0] != 3955 {
		t.Errorf("got %+v", d)
	}
	if d := wait(t, two); len(d.UIDs) != 2 || d.UIDs[0] != 3957 || d.UIDs[1] != 3956 {
		t.Errorf("got %+v", d)
	}
}

func TestAppendWaitsWhereNoCapabilityAllowsOtherwise(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4095)
	c := play(t, caps("LITERAL-"), `
		C: g1 APPEND "a" {4096+}
		C: `+long+`y
		S: g1 OK done
		C: g2 APPEND "a" {4097}
		S: + go
		C: `+long+`zz
		S: g2 OK done
	`)
	wait(t, c.Append(t.Context(), "a", upload(long+"y")))
	d := wait(t, c.Append(t.Context(), "a", upload(long+"zz")))
	if d.UIDs != nil || d.UIDValidity != 0 {
		t.Errorf("UIDs from nowhere: %+v", d)
	}
}

func TestRefusedAppendLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	c := play(t, caps("MULTIAPPEND"), `
		C: g1 APPEND "no" {3}
		S: g1 NO [TRYCREATE] no such mailbox
		C: g2 APPEND "a" {3}
		S: + go
		C: one {3}
		S: g2 NO [OVERQUOTA] full
		C: g3 NOOP
		S: g3 OK
	`)
	var refusal *imap.Error
	_, err := c.Append(t.Context(), "no", upload("one")).Wait()
	if !errors.As(err, &refusal) || refusal.Code != imap.ResponseCodeTryCreate {
		t.Errorf("error %v", err)
	}
	_, err = c.Append(t.Context(), "a", upload("one"), upload("two")).Wait()
	if !errors.As(err, &refusal) || refusal.Code != imap.ResponseCodeOverQuota {
		t.Errorf("error %v", err)
	}
	stillUsable(t, c)
}

func TestAppendSendsNothingOfWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	c := play(t, caps("LITERAL+", "MULTIAPPEND"), `
		C: g1 NOOP
		S: g1 OK
	`)
	gone := mail.Upload{Size: 3, Open: func() (mail.Body, error) { return nil, os.ErrNotExist }}
	_, err := c.Append(t.Context(), "a", upload("one"), gone).Wait()
	var failed *UploadError
	if !errors.As(err, &failed) || failed.Index != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	injected := upload("one")
	injected.Flags.Keywords = "a\r\nb"
	if _, err := c.Append(t.Context(), "a", injected).Wait(); !errors.Is(err, ErrArgument) {
		t.Errorf("keyword with a line end: %v", err)
	}
	if _, err := c.Append(t.Context(), "a", upload("")).Wait(); !errors.Is(err, ErrArgument) {
		t.Errorf("empty message: %v", err)
	}
	stillUsable(t, c)
}

// A message that is not as long as it was said to be must not be on the server in
// any form: only the end of the connection takes an APPEND back.
func TestAppendOfAnotherLengthIsNeverCompleted(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{2, 4} {
		c, s := connect(t, caps("LITERAL+"))
		wrong := upload("one")
		wrong.Size = size
		received := make(chan string)
		go func() {
			all, _ := io.ReadAll(s.conn)
			received <- string(all)
		}()
		_, err := c.Append(t.Context(), "a", wrong).Wait()
		var lost *LostError
		if !errors.As(err, &lost) || !errors.Is(err, errLength) || c.Err() == nil {
			t.Errorf("size %d: %v", size, err)
		}
		if got := <-received; strings.HasSuffix(got, "\r\n") && strings.Count(got, "\r\n") > 1 {
			t.Errorf("size %d: the server got a whole command %q", size, got)
		}
	}
}
