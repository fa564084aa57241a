package maildir

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"godwit/mail"

	"pgregory.net/rapid"
)

// oddBodies are wire forms that are easily got wrong.
var oddBodies = map[string]string{
	"ordinary":              "Subject: a\r\nDate: b\r\nMessage-ID: <c@d>\r\n\r\nbody\r\n",
	"empty":                 "",
	"no header":             "\r\nbody\r\n",
	"no final line end":     "Subject: a\r\n\r\nbody",
	"no line end at all":    "Subject: a",
	"8-bit":                 "Subject: \xe4\xf6\xfc\r\n\r\n\xff\xfe\r\n",
	"NUL":                   "Subject: a\r\n\r\n\x00\x00\r\n",
	"bare CR":               "Subject: a\r\n\r\na\rb\r\n",
	"bare CR first":         "\rSubject: a\r\n",
	"bare CR last":          "Subject: a\r\n\r",
	"bare CR only":          "a\rb\rc",
	"one CR":                "\r",
	"bare LF":               "Subject: a\r\n\r\na\nb\r\n",
	"bare LF first":         "\nSubject: a\r\n",
	"bare LF last":          "Subject: a\r\n\r\nx\n",
	"bare LF only":          "Subject: a\n\nbody\n",
	"one LF":                "\n",
	"bare LF and CR":        "a\rb\nc",
	"CR CR LF":              "Subject: a\r\r\n\r\nbody\r\n",
	"CR CR LF only":         "\r\r\n",
	"LF CR":                 "a\n\rb",
	"LF CR LF":              "\n\r\n",
	"one line end":          "\r\n",
	"long, bare LF at end":  strings.Repeat("0123456789abcdef 0123456789\r\n", 9000) + "x\ny\r\n",
	"long, bare CR at end":  strings.Repeat("\r\n", 90000) + "x\r",
	"long, LF only":         strings.Repeat("line\n", 60000),
	"long, no line end":     strings.Repeat("x", 300000),
	"long":                  strings.Repeat("0123456789abcdef 0123456789\r\n", 20000),
	"long, CR at the block": strings.Repeat("x", 64<<10-1) + "\r" + strings.Repeat("y", 64<<10-2) + "\r\nz\nq",
}

func TestEveryMessageReadsBackExactly(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for name, body := range oddBodies {
		for how, reader := range map[string]io.Reader{
			"at once":    strings.NewReader(body),
			"by octets":  iotest.OneByteReader(strings.NewReader(body)),
			"data + EOF": iotest.DataErrReader(strings.NewReader(body)),
		} {
			s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: int64(len(body)), Date: 1e9}, reader)
			must(t, err)
			if want := contentOf(body); s.Content != want {
				t.Errorf("%s, %s: staged as %+v, want %+v", name, how, s.Content, want)
			}
			must(t, a.Settle(ctx(), []mail.Staged{s}))
			must(t, a.Place(ctx(), []mail.Staged{s}))
			if got := wire(t, a, "INBOX", s.Key); got != body {
				t.Errorf("%s, %s: %d octets became %d: %.60q", name, how, len(body), len(got), got)
			}
			c, err := a.Read(ctx(), "INBOX", s.Key)
			must(t, err)
			if c.Content != s.Content || c.Inode != s.Inode || c.Date != 1e9 {
				t.Errorf("%s, %s: reads as %+v, was staged as %+v", name, how, c, s)
			}
			// The mark must survive what other methods do with the file.
			results, err := a.SetFlags(ctx(), "INBOX", []mail.KeyFlags{{Key: s.Key, Delta: mail.FlagDelta{Add: mail.Flags{System: mail.Seen}}}})
			all(t, results, err)
			moved := a.NewKey()
			_, err = a.Relocate(ctx(), "INBOX", s.Key, "INBOX", moved, mail.Flags{System: mail.Flagged})
			must(t, err)
			if got := wire(t, a, "INBOX", moved); got != body {
				t.Errorf("%s, %s: after renames, %d octets became %d", name, how, len(body), len(got))
			}
		}
	}
	if l := scan(t, a, "INBOX"); l.Len() != 3*len(oddBodies) {
		t.Errorf("%d messages, want %d", l.Len(), 3*len(oddBodies))
	}
}

func TestLineEndsAreStoredAsLFWhenTheyCanBePutBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ body, want string }{
		{"a\r\nb\r\n", "a\nb\n"},
		{"a\r\nb", "a\nb"},
		{"a\r\n\r\n", "a\n\n"},
		{"a\r\nb\rc\r\n", "a\r\nb\rc\r\n"},
		{"a\r\nb\nc\r\n", "a\r\nb\nc\r\n"},
		{"a\nb", "a\nb"},
	} {
		if got, _ := stored(t, c.body, 7); got != c.want {
			t.Errorf("%q is stored as %q, want %q", c.body, got, c.want)
		}
	}
}

// stored runs a body through a storer in pieces.
func stored(t interface{ Fatal(...any) }, body string, piece int) (file string, marked bool) {
	f := &memoryFile{}
	s := storer{out: f, write: f.Write, buf: make([]byte, 0, 11)}
	for p := []byte(body); len(p) > 0; {
		n := min(piece, len(p))
		if _, err := s.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
	marked, err := s.finish()
	if err != nil {
		t.Fatal(err)
	}
	if s.size != int64(len(f.b)) {
		t.Fatal("the storer counts", s.size, "octets, the file has", len(f.b))
	}
	return string(f.b), marked
}

// memoryFile is a file in memory.
type memoryFile struct {
	b  []byte
	at int64
}

func (m *memoryFile) Write(p []byte) (int, error) {
	n, err := m.WriteAt(p, m.at)
	m.at += int64(n)
	return n, err
}

func (m *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	if more := int(at) + len(p) - len(m.b); more > 0 {
		m.b = append(m.b, make([]byte, more)...)
	}
	return copy(m.b[at:], p), nil
}

func (m *memoryFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m.b).ReadAt(p, at)
}

func (m *memoryFile) Seek(at int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.New("only from the start")
	}
	m.at = at
	return at, nil
}

// readBack reads a stored file as the package page says.
func readBack(t interface{ Fatal(...any) }, file string, marked bool, block, piece int) string {
	s, err := shapeOf(strings.NewReader(file), make([]byte, block), marked, int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	w := newWireReader(io.NopCloser(strings.NewReader(file)), s)
	w.buf = make([]byte, block)
	var out []byte
	p := make([]byte, piece)
	for {
		n, err := w.Read(p)
		out = append(out, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(out)) != s.size {
		t.Fatal("said", s.size, "octets, gave", len(out))
	}
	return string(out)
}

func TestAnyBytesReadBackExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.OneOf(
			rapid.StringOfN(rapid.RuneFrom([]rune("\r\nab\x00")), 0, 60, -1),
			rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"\r\n", "\r\n", "text", "text", "\n", "\r"}), 0, 40),
				func(s []string) string { return strings.Join(s, "") }),
		).Draw(t, "body")
		piece := rapid.IntRange(1, 20).Draw(t, "piece")
		file, marked := stored(t, body, piece)
		if back := readBack(t, file, marked, rapid.IntRange(1, 20).Draw(t, "block"), rapid.IntRange(1, 20).Draw(t, "read")); back != body {
			t.Fatalf("%q is stored as %q (marked %v), which reads as %q", body, file, marked, back)
		}
		plain := !strings.ContainsAny(strings.ReplaceAll(body, "\r\n", ""), "\r\n")
		if plain && file != strings.ReplaceAll(body, "\r\n", "\n") || !plain && file != body || marked && plain {
			t.Fatalf("%q is stored as %q (marked %v)", body, file, marked)
		}
	})
}

func FuzzWireForm(f *testing.F) {
	if len(oddBodies) == 0 {
		f.Fatal("no seeds")
	}
	for _, body := range oddBodies {
		f.Add([]byte(body), uint16(7))
		f.Add([]byte(body), uint16(4096))
	}
	f.Fuzz(func(t *testing.T, body []byte, piece uint16) {
		file, marked := stored(t, string(body), int(piece)+1)
		if back := readBack(t, file, marked, int(piece)/2+1, int(piece)/3+1); back != string(body) {
			t.Fatalf("%q is stored as %q (marked %v), which reads as %q", body, file, marked, back)
		}
	})
}

func TestAFileWrittenByOthersIsReadByTheRule(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	for name, c := range map[string]struct{ file, want string }{
		"lf":      {"a\n\nb\n", "a\r\n\r\nb\r\n"},
		"crlf":    {"a\r\nb\nc\r", "a\r\nb\nc\r"},
		"none":    {"abc", "abc"},
		"cr":      {"a\rb\n", "a\rb\r\n"},
		"large":   {strings.Repeat("line\n", 100000), strings.Repeat("line\r\n", 100000)},
		"late":    {strings.Repeat("line\n", 100000) + "\r\n", strings.Repeat("line\n", 100000) + "\r\n"},
		"boundry": {strings.Repeat("x", 64<<10-1) + "\r\n" + strings.Repeat("\n", 300000), strings.Repeat("x", 64<<10-1) + "\r\n" + strings.Repeat("\n", 300000)},
	} {
		put(t, a, "INBOX/cur/"+name+":2,S", c.file)
		if got := wire(t, a, "INBOX", mail.Key(name)); got != c.want {
			t.Errorf("%s: %.60q… reads as %.60q…", name, c.file, got)
		}
		content, err := a.Read(ctx(), "INBOX", mail.Key(name))
		must(t, err)
		if want := contentOf(c.want); content.Content != want {
			t.Errorf("%s: read as %+v, want %+v", name, content.Content, want)
		}
	}
}
