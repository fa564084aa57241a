package maildir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// TestReadManyTellsWhatReadTells, of files of all kinds, of some that are gone, and
// of some that were renamed a moment ago.
func TestReadManyTellsWhatReadTells(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	bodies := []string{
		"", "\n", "\r\n", "no end", "Subject: s\n\nbody\n", "Subject: s\r\n\r\nbody\r\n", "mixed\r\nlines\n", "bare\rcr\n", "nul\x00\n",
		"Subject: s\n\n" + strings.Repeat("a line\n", 20_000), strings.Repeat("x", 64<<10-1), strings.Repeat("x", 64<<10), strings.Repeat("x\n", 32<<10),
	}
	var keys []mail.Key
	for i, body := range bodies {
		put(t, a, fmt.Sprintf("INBOX/cur/%02d.a:2,S", i), body)
		keys = append(keys, mail.Key(fmt.Sprintf("%02d.a", i)))
	}
	put(t, a, "INBOX/new/99.new", "new\n")
	keys = append(keys, "99.new", "gone", "with/slash")
	scan(t, a, "INBOX")
	old := filepath.Join(a.root, "INBOX/cur/04.a:2,S")
	must(t, os.Rename(old, strings.TrimSuffix(old, "S")+"FRS"))
	contents, errs, err := a.ReadMany(t.Context(), "INBOX", keys)
	must(t, err)
	for i, k := range keys {
		want, wantErr := a.Read(t.Context(), "INBOX", k)
		if contents[i] != want || (errs[i] == nil) != (wantErr == nil) || errors.Is(errs[i], mail.ErrGone) != errors.Is(wantErr, mail.ErrGone) {
			t.Errorf("%s: %+v, %v, one by one %+v, %v", k, contents[i], errs[i], want, wantErr)
		}
		if i < len(bodies) && contentOf(wire(t, a, "INBOX", k)) != contents[i].Content {
			t.Errorf("%s is not what it is sent as", k)
		}
	}
	if _, _, err := a.ReadMany(t.Context(), "Nowhere", keys); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("in a mailbox that is not there: %v", err)
	}
}

// TestReadManyReadsNoOtherThanFiles: what a scan has listed is opened without
// another look, and may be something else by then.
func TestReadManyReadsNoOtherThanFiles(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	keys := []mail.Key{"directory", "symlink", "fifo", "replaced", "longer"}
	for _, k := range keys {
		put(t, a, "INBOX/cur/"+string(k)+":2,S", "old\n")
	}
	listing := scan(t, a, "INBOX")
	path := func(k mail.Key) string { return filepath.Join(a.root, "INBOX/cur", string(k)+":2,S") }
	for _, k := range keys {
		must(t, os.Remove(path(k)))
	}
	must(t, os.Mkdir(path("directory"), 0o700))
	put(t, a, "elsewhere", "not mail\n")
	must(t, os.Symlink(filepath.Join(a.root, "elsewhere"), path("symlink")))
	must(t, unix.Mkfifo(path("fifo"), 0o600))
	put(t, a, "INBOX/cur/replaced:2,S", "new\n")
	put(t, a, "INBOX/cur/longer:2,S", "old\nand more\n")
	contents, errs, err := a.ReadMany(t.Context(), "INBOX", keys)
	must(t, err)
	for i, k := range keys[:3] {
		if !errors.Is(errs[i], mail.ErrGone) {
			t.Errorf("%s: %+v, %v; want %v", k, contents[i], errs[i], mail.ErrGone)
		}
	}
	for i, body := range []string{"new\r\n", "old\r\nand more\r\n"} {
		if errs[i+3] != nil || contents[i+3].Content != contentOf(body) {
			t.Errorf("%s: %+v, %v", keys[i+3], contents[i+3], errs[i+3])
		}
	}
	runtime.KeepAlive(listing) // by which the names are known
}
