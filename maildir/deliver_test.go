package maildir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

const body = "Subject: hello\r\nDate: now\r\nMessage-ID: <1@example.org>\r\n\r\nworld\r\n"

func TestMessagesGoWhereMailReadersExpectThem(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{nil, "new/%s"},
		{[]string{`\Seen`}, "cur/%s:2,S"},
		{[]string{`\Flagged`}, "cur/%s:2,F"},
		{[]string{`\Seen`, `\Deleted`, `$Forwarded`, `\Answered`, `\Draft`, `\Flagged`}, "cur/%s:2,DFPRST"},
		{[]string{"Work"}, "cur/%s:2,a"},
		{[]string{`\Seen`, "later", "work"}, "cur/%s:2,Sab"},
	} {
		s := deliver(t, a, "INBOX", mail.Delivery{Flags: mail.ParseFlags(c.flags...), Date: 1234567890}, body)
		path := filepath.Join(a.root, "INBOX", fmt.Sprintf(c.want, s.Key))
		st, err := os.Stat(path)
		must(t, err)
		if st.ModTime().Unix() != 1234567890 || inodeOf(st) != s.Inode || st.Mode() != 0o600 {
			t.Errorf("%s: mtime %v, inode %d, mode %v; staged %+v", path, st.ModTime(), inodeOf(st), st.Mode(), s)
		}
		b, err := os.ReadFile(path)
		must(t, err)
		if want := strings.ReplaceAll(body, "\r\n", "\n"); string(b) != want {
			t.Errorf("%s holds %q", path, b)
		}
	}
	s := deliver(t, a, "INBOX", mail.Delivery{}, body)
	st, err := os.Stat(filepath.Join(a.root, "INBOX/new", string(s.Key)))
	must(t, err)
	if age := time.Since(st.ModTime()); age < -time.Second || age > time.Minute {
		t.Errorf("without a date, mtime is %v", st.ModTime())
	}
	if left, err := os.ReadDir(filepath.Join(a.root, "INBOX/tmp")); err != nil || len(left) > 0 {
		t.Errorf("tmp/ still holds %v, %v", left, err)
	}
}

func TestABodyThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	broken := errors.New("connection lost")
	for name, c := range map[string]struct {
		size int64
		body func() io.Reader
		want error
	}{
		"fails":     {int64(len(body)), func() io.Reader { return io.MultiReader(strings.NewReader(body[:20]), iotest.ErrReader(broken)) }, broken},
		"too short": {int64(len(body)), func() io.Reader { return strings.NewReader(body[:20]) }, nil},
		"too long":  {20, func() io.Reader { return strings.NewReader(body) }, nil},
		"not empty": {0, func() io.Reader { return strings.NewReader("x") }, nil},
		"empty":     {1, func() io.Reader { return strings.NewReader("") }, nil},
		"large": {1 << 20, func() io.Reader {
			return io.MultiReader(strings.NewReader(strings.Repeat("x\r\n", 100000)), iotest.ErrReader(broken))
		}, broken},
	} {
		for _, key := range []mail.Key{"", "given"} {
			_, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: c.size, Key: key}, c.body())
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if errors.Is(err, mail.ErrDisk) {
				t.Errorf("%s: the disk is blamed: %v", name, err)
			}
		}
	}
	equalStrings(t, "files", files(t, a, "INBOX"), nil)
	if s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: -1}, strings.NewReader(body)); err != nil || s.Content.Size != int64(len(body)) {
		t.Errorf("unknown size: %+v, %v", s, err)
	}
}

func TestAFullDiskIsReportedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO} {
		a := withBox(t, "INBOX")
		room := 70 << 10
		a.write = func(f *file, p []byte) (int, error) {
			if n := min(len(p), room); n < len(p) {
				room = 0
				n, err := f.Write(p[:n])
				return n, errors.Join(err, errno)
			}
			room -= len(p)
			return f.Write(p)
		}
		large := strings.Repeat("line\r\n", 20000)
		if _, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: int64(len(large))}, strings.NewReader(large)); !errors.Is(err, mail.ErrDisk) {
			t.Errorf("%v: got %v", errno, err)
		}
		equalStrings(t, "files", files(t, a, "INBOX"), nil)
		a.write = (*file).Write
		deliver(t, a, "INBOX", mail.Delivery{}, large)
	}
}

// TestATinyDiskFillsUp needs root, for a file system of its own; the test above
// covers the rest.
func TestATinyDiskFillsUp(t *testing.T) {
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("no file system to fill: %v, %s", err, out)
	}
	defer func() { must(t, exec.Command("umount", disk).Run()) }()
	a := newAccount(t, Options{Root: filepath.Join(disk, "mail")})
	must(t, a.Create(ctx(), "INBOX"))
	message := strings.Repeat("line\r\n", 5000)
	placed := 0
	for {
		s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: int64(len(message))}, strings.NewReader(message))
		if err != nil {
			if !errors.Is(err, mail.ErrDisk) {
				t.Fatalf("after %d messages: %v", placed, err)
			}
			break
		}
		must(t, a.Settle(ctx(), []mail.Staged{s}))
		must(t, a.Place(ctx(), []mail.Staged{s}))
		placed++
	}
	l := scan(t, a, "INBOX")
	if l.Len() != placed || placed == 0 || len(files(t, a, "INBOX")) != placed {
		t.Errorf("%d messages placed, %d listed, files %q", placed, l.Len(), files(t, a, "INBOX"))
	}
	// A full disk keeps nobody from removing; room is made by emptying the trash,
	// which is on this disk, since the other one is on another.
	results, err := a.Remove(ctx(), "INBOX", []mail.Key{l.At(0).Key}, 7)
	all(t, results, err)
	equalStrings(t, "trash", trashed(t, a, 7, "INBOX"), []string{string(l.At(0).Key)})
	must(t, os.RemoveAll(a.inner))
	deliver(t, a, "INBOX", mail.Delivery{}, message)
}

func TestPlaceNeverReplacesAFile(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for i, name := range []string{"new/taken", "cur/taken:2,S", "cur/taken:2,F"} {
		put(t, a, "INBOX/"+name, "there before")
		s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Key: "taken", Size: -1, Flags: mail.Flags{System: mail.Seen}}, strings.NewReader(body))
		must(t, err)
		other, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: -1}, strings.NewReader(body))
		must(t, err)
		if err := a.Place(ctx(), []mail.Staged{s, other}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: placing another over it: %v", name, err)
		}
		if b, err := os.ReadFile(filepath.Join(a.root, "INBOX", name)); err != nil || string(b) != "there before" {
			t.Errorf("%s now holds %q, %v", name, b, err)
		}
		if l := scan(t, a, "INBOX"); l.Len() != i+2 {
			t.Errorf("the other message of the batch was not placed: %q", keysIn(l))
		}
		must(t, a.Discard(ctx(), []mail.Staged{s, other}))
		must(t, os.Remove(filepath.Join(a.root, "INBOX", name)))
	}
	if left := files(t, a, "INBOX"); len(left) != 3 {
		t.Errorf("files %q", left)
	}
}

func TestPlacingTwiceIsPlacingOnce(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for _, k := range []mail.Key{"", "given"} {
		s := deliver(t, a, "INBOX", mail.Delivery{Key: k}, body)
		must(t, a.Place(ctx(), []mail.Staged{s}))
		lost := s
		lost.Key = a.NewKey()
		if err := a.Place(ctx(), []mail.Staged{lost}); !errors.Is(err, mail.ErrGone) {
			t.Errorf("placing what was never staged: %v", err)
		}
		if err := a.Settle(ctx(), []mail.Staged{lost}); err == nil {
			t.Error("settling what was never staged succeeds")
		}
	}
	if l := scan(t, a, "INBOX"); l.Len() != 2 {
		t.Errorf("keys %q", keysIn(l))
	}
}

func TestABatchSpansMailboxes(t *testing.T) {
	t.Parallel()
	a := newAccount(t, Options{})
	var staged []mail.Staged
	for i := range 300 {
		m := mail.Mailbox(fmt.Sprintf("box %d", i%100))
		if i < 100 {
			must(t, a.Create(ctx(), m))
		}
		s, err := a.Stage(ctx(), m, mail.Delivery{Size: -1, Flags: mail.Flags{System: mail.System(i % 64)}}, strings.NewReader(body))
		must(t, err)
		staged = append(staged, s)
	}
	must(t, a.Settle(ctx(), staged))
	must(t, a.Discard(ctx(), staged[290:]))
	must(t, a.Place(ctx(), staged[:290]))
	boxes, err := a.Mailboxes(ctx())
	must(t, err)
	total := 0
	for _, b := range boxes {
		total += scan(t, a, b.Name).Len()
	}
	if len(boxes) != 100 || total != 290 {
		t.Errorf("%d messages in %d mailboxes", total, len(boxes))
	}
}

func TestDurableByEveryMeans(t *testing.T) {
	t.Parallel()
	for _, no := range []bool{false, true} {
		a := withBox(t, "INBOX")
		a.durable.noSyncfs = no
		var staged []mail.Staged
		for range 40 {
			s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: -1}, strings.NewReader(body))
			must(t, err)
			staged = append(staged, s)
		}
		must(t, a.Settle(ctx(), staged))
		must(t, a.Place(ctx(), staged))
		must(t, os.Remove(filepath.Join(a.root, "INBOX/new", string(staged[3].Key))))
		if err := a.durable.flush([]item{{dir: dir{sys: kernel{}, fd: 1 << 20}}, {dir: dir{sys: kernel{}, fd: 1 << 20}}, {dir: dir{sys: kernel{}, fd: 1<<20 + 1}}, {dir: dir{sys: kernel{}, fd: 1 << 20}}}); err == nil {
			t.Errorf("no syncfs %v: failing is not noticed", no)
		}
	}
}

func TestSweepRemovesOnlyStraysOfOurDeadRuns(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	stage := func(a *Account, d mail.Delivery, body string) mail.Staged {
		d.Size = -1
		s, err := a.Stage(ctx(), "INBOX", d, strings.NewReader(body))
		must(t, err)
		return s
	}
	dead := newAccount(t, Options{Root: a.root})
	stage(dead, mail.Delivery{}, body)
	stage(dead, mail.Delivery{}, "bare\nLF")
	stage(dead, mail.Delivery{Key: "a,S=3"}, body)
	stage(dead, mail.Delivery{Key: mail.Key(strings.Repeat("k", 240))}, body)
	stage(dead, mail.Delivery{Key: "raw"}, "bare\nLF")
	put(t, a, "INBOX/tmp/1234.M1P2.somebody.else", "another program is writing this")
	put(t, a, "INBOX/tmp/1.M1Q1P1Rgodwit00000000.another-host", "another host is writing this")
	put(t, a, "INBOX/cur/1.M1Q1P1Rgodwit00000001."+a.keys.host+":2,S", "a message")
	ours := []mail.Staged{stage(a, mail.Delivery{}, body), stage(a, mail.Delivery{}, "bare\nLF"), stage(a, mail.Delivery{Key: "b"}, body)}
	must(t, a.Sweep(ctx(), "INBOX"))
	must(t, a.Place(ctx(), ours))
	left, err := os.ReadDir(filepath.Join(a.root, "INBOX/tmp"))
	must(t, err)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	equalStrings(t, "tmp", names, []string{"1234.M1P2.somebody.else", "1.M1Q1P1Rgodwit00000000.another-host"})
	if l := scan(t, a, "INBOX"); l.Len() != 4 {
		t.Errorf("keys %q", keysIn(l))
	}
	// A stray of the same key does not keep a message from being put back.
	stage(dead, mail.Delivery{Key: "again"}, body)
	deliver(t, a, "INBOX", mail.Delivery{Key: "again"}, body)
}

func TestKeysAreUniqueAndSafe(t *testing.T) {
	t.Parallel()
	a, b := withBox(t, "INBOX"), withBox(t, "INBOX")
	seen := map[mail.Key]bool{}
	for range 10000 {
		for _, k := range []mail.Key{a.NewKey(), b.NewKey()} {
			if seen[k] || checkKey(k) != nil || len(k) > 140 {
				t.Fatalf("%q: seen %v, %v", k, seen[k], checkKey(k))
			}
			seen[k] = true
		}
	}
	for _, host := range []string{"", "a/b:c,d", "..", strings.Repeat("h", 300), "höst"} {
		if h := cleanHost(host); h == "" || strings.ContainsAny(h, "/:,\x00") || len(h) > 64 {
			t.Errorf("host %q becomes %q", host, h)
		}
	}
	for _, k := range []mail.Key{"../x", "a/b", ".a", "a:2,S", "a\x00", "a,E=raw", mail.Key(strings.Repeat("k", 256))} {
		if _, err := a.Stage(ctx(), "INBOX", mail.Delivery{Key: k, Size: -1}, strings.NewReader(body)); !errors.Is(err, ErrKey) {
			t.Errorf("staging under %q: %v", k, err)
		}
		if _, err := a.Relocate(ctx(), "INBOX", "x", "INBOX", k, mail.Flags{}); !errors.Is(err, ErrKey) {
			t.Errorf("moving to %q: %v", k, err)
		}
		if _, err := a.Read(ctx(), "INBOX", k); !errors.Is(err, ErrKey) {
			t.Errorf("reading %q: %v", k, err)
		}
	}
}

func TestAMailboxThatWasMovedIsFoundAgain(t *testing.T) {
	t.Parallel()
	a := withBox(t, "A")
	stage := func() (mail.Staged, error) {
		return a.Stage(ctx(), "A", mail.Delivery{Size: -1}, strings.NewReader(body))
	}
	s, err := stage()
	must(t, err)
	must(t, os.Rename(filepath.Join(a.root, "A"), filepath.Join(a.root, "B")))
	if err := a.Settle(ctx(), []mail.Staged{s}); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("settling in a mailbox that was moved: %v", err)
	}
	if _, err := stage(); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("staging in a mailbox that was moved: %v", err)
	}
	must(t, a.Create(ctx(), "A"))
	s, err = stage()
	must(t, err)
	must(t, a.Place(ctx(), []mail.Staged{s}))
	if got := files(t, a, "A"); len(got) != 1 {
		t.Errorf("files %q", got)
	}
	if len(a.held) > 0 || len(a.live) != 1 {
		t.Errorf("still held: %v, live: %v", a.held, a.live)
	}
}
