package maildir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/mail"

	"pgregory.net/rapid"
)

func TestScanReadsNamesAsMaildirProgramsWriteThem(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for path, want := range map[string]mail.LocalMessage{
		"new/a":                 {Key: "a", New: true},
		"new/b:2,S":             {Key: "b", System: mail.Seen, New: true},
		"cur/c":                 {Key: "c"},
		"cur/d:2,":              {Key: "d"},
		"cur/e:2,DFPRST":        {Key: "e", System: mail.Draft | mail.Flagged | mail.Forwarded | mail.Answered | mail.Seen | mail.Deleted},
		"cur/f:2,zSba":          {Key: "f", System: mail.Seen, Letters: "abz"},
		"cur/g,S=1,W=2:2,S":     {Key: "g,S=1,W=2", System: mail.Seen},
		"cur/h:2,SXa,x=y":       {Key: "h", System: mail.Seen, Letters: "a"},
		"cur/i:1,S":             {Key: "i:1,S"},
		"cur/j,E=raw:2,S":       {Key: "j", System: mail.Seen},
		"cur/k,U=7,E=raw,S=1:2": {Key: "k,U=7,S=1:2"},
		"cur/l,E=rawer:2,S":     {Key: "l,E=rawer", System: mail.Seen},
		"cur/m:2,SS":            {Key: "m", System: mail.Seen},
		"cur/n:2,S:2,F":         {Key: "n", System: mail.Seen},
	} {
		if path == "cur/k,U=7,E=raw,S=1:2" {
			want.Key = "k,U=7,S=1:2"
		}
		put(t, a, "INBOX/"+path, path)
		l := scan(t, a, "INBOX")
		got, found := l.Find(want.Key)
		got.Inode = 0
		if !found || got != want {
			t.Errorf("%s: got %+v, want %+v; keys %q", path, got, want, keysIn(l))
		}
		if got := wire(t, a, "INBOX", want.Key); got != path {
			t.Errorf("%s: opening the key gives %q", path, got)
		}
	}
}

func TestScanListsMessagesOnly(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/cur/message:2,S", "x")
	put(t, a, "INBOX/cur/.hidden:2,S", "x")
	put(t, a, "INBOX/cur/directory:2,S/file", "x")
	put(t, a, "outside", "x")
	must(t, os.Symlink(filepath.Join(a.root, "outside"), filepath.Join(a.root, "INBOX/cur/link:2,S")))
	must(t, os.Symlink("message:2,S", filepath.Join(a.root, "INBOX/cur/inside:2,S")))
	l := scan(t, a, "INBOX")
	equalStrings(t, "keys", keysIn(l), []string{"message"})
	if !l.Settled || l.Stamp.Racy {
		t.Errorf("settled %v, racy %v: nobody else was there", l.Settled, l.Stamp.Racy)
	}
	if _, err := a.Read(ctx(), "INBOX", "link"); !errors.Is(err, mail.ErrGone) {
		t.Errorf("reading through a link: %v", err)
	}
}

func TestScanIsSortedAndComplete(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	var want []string
	for i := range 3000 {
		key := fmt.Sprintf("%d.%d", i*7919%3000, i)
		want = append(want, key)
		put(t, a, "INBOX/"+[]string{"new/" + key, "cur/" + key + ":2,S"}[i%2], "")
	}
	l := scan(t, a, "INBOX")
	slices.Sort(want)
	if got := keysIn(l); !slices.Equal(got, want) {
		t.Errorf("%d keys, want %d, sorted", len(got), len(want))
	}
	for i := range l.Len() {
		m := l.At(i)
		st, err := os.Stat(filepath.Join(a.root, "INBOX", map[bool]string{true: "new/" + string(m.Key), false: "cur/" + string(m.Key) + ":2,S"}[m.New]))
		must(t, err)
		if got := inodeOf(st); got != m.Inode {
			t.Fatalf("inode %d, want %d", m.Inode, got)
		}
	}
}

func TestAnOpenMailboxNeedsNoNew(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	must(t, os.RemoveAll(filepath.Join(a.root, "INBOX/new")))
	must(t, os.RemoveAll(filepath.Join(a.root, "INBOX/tmp")))
	put(t, a, "INBOX/cur/x:2,", "x")
	if l := scan(t, a, "INBOX"); l.Len() != 1 {
		t.Errorf("%d messages", l.Len())
	}
	deliver(t, a, "INBOX", mail.Delivery{}, "y\r\n")
	if l := scan(t, a, "INBOX"); l.Len() != 2 {
		t.Errorf("%d messages after delivery", l.Len())
	}
}

func TestTwoFilesWithOneKeyBothSurvive(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/cur/k,S=1:2,S", "in cur")
	put(t, a, "INBOX/cur/k,S=1:2,", "in cur too")
	put(t, a, "INBOX/new/k,S=1", "in new")
	put(t, a, "INBOX/cur/other,E=raw:2,Sax", "bare\n")
	put(t, a, "INBOX/new/other", "plain\n")
	l := scan(t, a, "INBOX")
	if l.Len() != 5 || !l.Settled {
		t.Fatalf("settled %v, keys %q", l.Settled, keysIn(l))
	}
	var bodies []string
	for _, k := range keysIn(l) {
		bodies = append(bodies, wire(t, a, "INBOX", mail.Key(k)))
		if k[0] != 'k' && k[0] != 'o' && !strings.HasSuffix(k, ",S=1") && bodies[len(bodies)-1][0] == 'i' {
			t.Errorf("the fresh key %q lost the old one's fields", k)
		}
	}
	equalStrings(t, "bodies", bodies, []string{"in cur", "in cur too", "in new", "bare\n", "plain\r\n"})
	if m, found := l.Find("other"); !found || m.New || m.Letters != "ax" {
		t.Errorf("the file in cur/ should have kept the key: %+v", m)
	}
}

func TestTwoNamesOfOneFileAreOneMessage(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/new/k", "x")
	must(t, os.Link(filepath.Join(a.root, "INBOX/new/k"), filepath.Join(a.root, "INBOX/cur/k:2,S")))
	l := scan(t, a, "INBOX")
	if m, _ := l.Find("k"); l.Len() != 1 || !l.Settled || m.New || m.System != mail.Seen {
		t.Errorf("settled %v: %+v of %q", l.Settled, m, keysIn(l))
	}
	equalStrings(t, "files", files(t, a, "INBOX"), []string{"new/k", "cur/k:2,S"})
}

// TestNoSettledScanMissesALivingMessage lets another program rename flags and
// move messages to and fro while the mailbox is scanned in a loop.
func TestNoSettledScanMissesALivingMessage(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	const messages = 2500
	for i := range messages {
		put(t, a, fmt.Sprintf("INBOX/cur/%d.stays:2,", i), "")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		cur := filepath.Join(a.root, "INBOX/cur")
		fresh := filepath.Join(a.root, "INBOX/new")
		for n := 0; ; n++ {
			for i := range messages {
				if (i+n)%3 == 0 {
					continue
				}
				plain, seen, isNew := fmt.Sprintf("%s/%d.stays:2,", cur, i), fmt.Sprintf("%s/%d.stays:2,S", cur, i), fmt.Sprintf("%s/%d.stays", fresh, i)
				for _, step := range [][2]string{{plain, seen}, {seen, isNew}, {isNew, plain}} {
					if err := os.Rename(step[0], step[1]); err != nil {
						t.Error(err)
						return
					}
				}
				if i%500 == 0 { // a pause, now and then within a scan
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(n%4) * 12 * time.Millisecond):
					}
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	settled, unsettled := 0, 0
	for began := time.Now(); settled < 25 && time.Since(began) < 20*time.Second; {
		l := scan(t, a, "INBOX")
		for i := 1; i < l.Len(); i++ {
			if l.Key(i) == l.Key(i-1) {
				t.Fatalf("%q is listed twice", l.Key(i))
			}
		}
		if !l.Settled {
			unsettled++
			continue
		}
		settled++
		if l.Len() != messages {
			t.Fatalf("a settled listing has %d of %d messages", l.Len(), messages)
		}
		// What a lookup by key calls gone must be gone.
		if _, err := a.Read(ctx(), "INBOX", mail.Key(fmt.Sprintf("%d.stays", settled))); err != nil && !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
	}
	if settled == 0 {
		t.Errorf("no listing settled, %d did not", unsettled)
	}
	t.Logf("%d settled, %d not", settled, unsettled)
}

func TestStampsTellEveryChange(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/cur/a:2,", "")
	for _, c := range []struct {
		name   string
		change func() error
	}{
		{"rename", func() error {
			return os.Rename(filepath.Join(a.root, "INBOX/cur/a:2,"), filepath.Join(a.root, "INBOX/cur/a:2,S"))
		}},
		{"add", func() error { return os.WriteFile(filepath.Join(a.root, "INBOX/new/b"), nil, 0o600) }},
		{"replace the directory", func() error {
			cur := filepath.Join(a.root, "INBOX/cur")
			return errors.Join(os.Rename(cur, cur+".old"), os.Mkdir(cur, 0o700))
		}},
	} {
		before := quiet(t, a, "INBOX")
		must(t, c.change())
		after, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		if before.Unmoved(after) {
			t.Errorf("%s: the stamp did not move", c.name)
		}
	}
}

// quiet waits until a mailbox's stamp is not racy.
func quiet(t testing.TB, a *Account, m mail.Mailbox) mail.Stamp {
	t.Helper()
	for {
		s, err := a.Stamp(t.Context(), m)
		must(t, err)
		if !s.Racy {
			return s
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAStampWithinTheGrainIsRacy(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "mail")
	var now time.Time
	a := newAccount(t, Options{Root: root, Now: func() time.Time { return now }})
	must(t, a.Create(ctx(), "INBOX"))
	st, err := os.Stat(filepath.Join(root, "INBOX/cur"))
	must(t, err)
	for _, c := range []struct {
		after time.Duration
		racy  bool
	}{{0, true}, {grain / 2, true}, {grain + time.Millisecond, false}, {time.Hour, false}, {-time.Hour, true}} {
		now = st.ModTime().Add(c.after)
		s, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		if s.Racy != c.racy {
			t.Errorf("%v after the change: racy %v, want %v", c.after, s.Racy, c.racy)
		}
	}
	// Whole seconds on both directories: a file system that keeps no more.
	whole := time.Unix(st.ModTime().Unix(), 0)
	for _, d := range []string{"cur", "new"} {
		must(t, os.Chtimes(filepath.Join(root, "INBOX", d), whole, whole))
	}
	now = whole.Add(1900 * time.Millisecond)
	if s, err := a.Stamp(ctx(), "INBOX"); err != nil || !s.Racy {
		t.Errorf("1.9 s after a change in whole seconds: racy %v, %v", s.Racy, err)
	}
	// An mtime that somebody set says nothing of when that was.
	long := whole.Add(-time.Hour)
	for _, d := range []string{"cur", "new"} {
		must(t, os.Chtimes(filepath.Join(root, "INBOX", d), long, long))
	}
	now = time.Now()
	if s, err := a.Stamp(ctx(), "INBOX"); err != nil || !s.Racy {
		t.Errorf("mtime an hour ago, set a moment ago: racy %v, %v", s.Racy, err)
	}
	now = now.Add(time.Hour)
	if s, err := a.Stamp(ctx(), "INBOX"); err != nil || s.Racy {
		t.Errorf("mtime two hours ago, set an hour ago: racy %v, %v", s.Racy, err)
	}
}

// TestAClockThatJumpsHidesNothingAndHoldsNothingUp: directories whose times are ahead
// of the clock (it was set back, or the disk is another machine's) prove what is
// missing as any other does, but their stamps are not trusted by the next run.
func TestAClockThatJumpsHidesNothingAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{-400 * 24 * time.Hour, -time.Hour, -grain, 0, time.Hour, 400 * 24 * time.Hour} {
		root := filepath.Join(t.TempDir(), "mail")
		a := newAccount(t, Options{Root: root, Now: func() time.Time { return time.Now().Add(jump) }})
		must(t, a.Create(ctx(), "INBOX"))
		deliver(t, a, "INBOX", mail.Delivery{}, "one\r\n")
		l, err := a.Scan(ctx(), "INBOX")
		must(t, err)
		if !l.Settled || l.Len() != 1 {
			t.Fatalf("clock %v: settled %v, %d messages", jump, l.Settled, l.Len())
		}
		if racy := jump < 0; l.Stamp.Racy && !racy || jump < -grain && !l.Stamp.Racy {
			t.Errorf("clock %v: racy %v", jump, l.Stamp.Racy)
		}
		deliver(t, a, "INBOX", mail.Delivery{}, "two\r\n")
		now, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		if l.Stamp.Unmoved(now) {
			t.Errorf("clock %v: a delivery was not seen", jump)
		}
	}
}

// TestTimesOfTheFutureHideNothing: somebody's tool gave the directories times to come.
func TestTimesOfTheFutureHideNothing(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "mail")
	a := newAccount(t, Options{Root: root})
	must(t, a.Create(ctx(), "INBOX"))
	future := time.Now().Add(1000 * time.Hour)
	for range 20 {
		for _, d := range []string{"cur", "new"} {
			must(t, os.Chtimes(filepath.Join(root, "INBOX", d), future, future))
		}
		l, err := a.Scan(ctx(), "INBOX")
		must(t, err)
		if !l.Settled {
			t.Fatal("not settled")
		}
		deliver(t, a, "INBOX", mail.Delivery{}, "x\r\n")
		// … and sets them again, within the same tick perhaps.
		for _, d := range []string{"cur", "new"} {
			must(t, os.Chtimes(filepath.Join(root, "INBOX", d), future, future))
		}
		now, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		if l.Stamp.Unmoved(now) {
			t.Fatal("a delivery was not seen")
		}
	}
}

// TestTimesSetBackHideNothing: tools that copy trees give a directory its old time
// when they are done with it, a moment after they put a file there.
func TestTimesSetBackHideNothing(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "mail")
	a := newAccount(t, Options{Root: root})
	must(t, a.Create(ctx(), "INBOX"))
	past := time.Now().Add(-1000 * time.Hour)
	set := func() {
		for _, d := range []string{"cur", "new"} {
			must(t, os.Chtimes(filepath.Join(root, "INBOX", d), past, past))
		}
	}
	for i := range 200 {
		set()
		before, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		must(t, os.WriteFile(filepath.Join(root, "INBOX", "cur", fmt.Sprintf("%d.x:2,S", i)), nil, 0o600))
		set()
		now, err := a.Stamp(ctx(), "INBOX")
		must(t, err)
		if before.Unmoved(now) {
			t.Fatalf("round %d: a file that came was not seen", i)
		}
	}
}

func TestFileNamesComeApartAndTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOf(rapid.SampledFrom([]rune("abS,X=:2E"))).Draw(t, "key")
		name = strings.ReplaceAll(name, info, "")
		if rapid.Bool().Draw(t, "raw") {
			name += rawField
		}
		letters := rapid.StringOf(rapid.SampledFrom([]rune("DFPRSTXYabz"))).Draw(t, "letters")
		tail := rapid.SampledFrom([]string{"", ",x", "1S"}).Draw(t, "tail")
		f := parseName(name + info + letters + tail)
		g := parseName(f.String())
		if f != g {
			t.Fatalf("%q: %+v became %+v by %q", name+info+letters+tail, f, g, f)
		}
		for _, c := range letters {
			if !strings.ContainsRune(strings.TrimPrefix(f.String(), f.base()+info), c) {
				t.Fatalf("%q lost %q: %q", name+info+letters+tail, c, f)
			}
		}
		if whole := name + info + letters + tail; f.isPlain(whole, false) && f.String() != whole {
			t.Fatalf("%q counts as plain, and is %q", whole, f)
		}
	})
}

func FuzzFileName(f *testing.F) {
	seeds := []string{"a", "a:2,", "a:2,S", "a,E=raw:2,Sab", "a,S=1,E=raw,W=2:2,XS,y", ":2,", ":2,:2,S"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := parseName(name)
		if again := parseName(n.String()); again != n && !strings.Contains(n.key, rawField) && !strings.Contains(n.base(), info) {
			t.Fatalf("%q: %+v became %+v by %q", name, n, again, n)
		}
		if n.isPlain(name, false) && n.String() != name {
			t.Fatalf("%q counts as plain, and is %q", name, n)
		}
	})
}
