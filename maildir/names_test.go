package maildir

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"godwit/mail"

	"pgregory.net/rapid"
)

var layouts = []Layout{Verbatim, MaildirPlusPlus, Flat}

func mustNames(t interface{ Fatal(...any) }, l Layout, m map[mail.Mailbox]mail.Mailbox) *names {
	n, err := newNames(l, m)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// escapedPlace is where a mailbox is created.
func escapedPlace(n *names, m mail.Mailbox) [][]string {
	steps := [][]string{}
	for _, u := range n.units(m) {
		steps = append(steps, u.escaped)
	}
	return steps
}

func TestNamesBecomeTheDirectoriesThatUsersExpect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		layout  Layout
		mailbox mail.Mailbox
		want    string
	}{
		{Verbatim, "INBOX", "INBOX"},
		{Verbatim, "Work/2024", "Work/2024"},
		{Verbatim, "[Gmail]/All Mail", "[Gmail]/All Mail"},
		{Verbatim, "Entwürfe", "Entwürfe"},
		{Verbatim, "100%", "100%"},
		{Verbatim, "a%2Fb", "a%2Fb"},
		{Verbatim, "50%25ab", "50%25ab"},
		{Verbatim, "..", "%2E."},
		{Verbatim, "a/../b", "a/%2E./b"},
		{Verbatim, ".", "%2E"},
		{Verbatim, "/etc", "%_/etc"},
		{Verbatim, "%_", "%25_"},
		{Verbatim, "Work/cur", "Work/%63ur"},
		{Verbatim, "NEW", "%4EEW"},
		{Verbatim, ".godwit", "%2Egodwit"},
		{Verbatim, "dovecot-keywords", "%64ovecot-keywords"},
		{Verbatim, "a\x00b\x1b[31m", "a%00b%1B[31m"},
		{Verbatim, ".hidden", ".hidden"},
		{MaildirPlusPlus, "INBOX", ""},
		{MaildirPlusPlus, "Work/2024", ".Work.2024"},
		{MaildirPlusPlus, "v1.2/x", ".v1%2E2.x"},
		{MaildirPlusPlus, "cur", ".cur"},
		{MaildirPlusPlus, "godwit", ".%67odwit"},
		{MaildirPlusPlus, "..", ".%2E%2E"},
		{MaildirPlusPlus, "INBOX/x", ".INBOX.x"},
		{Flat, "INBOX", "INBOX"},
		{Flat, "Work/2024", "Work.2024"},
		{Flat, ".x", "%2Ex"},
		{Flat, "tmp", "%74mp"},
		{Flat, "tmp/x", "tmp.x"},
	} {
		n := mustNames(t, c.layout, nil)
		if got := place(escapedPlace(n, c.mailbox)); got != c.want {
			t.Errorf("%s: %q is at %q, want %q", c.layout, c.mailbox, got, c.want)
		}
	}
}

func TestLocalNamesAreTakenLiterallyUnlessEscapingGivesThemBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		layout Layout
		dir    string
		want   mail.Mailbox
	}{
		{Verbatim, "50%ab", "50%25ab"}, // no escape of ours: the part is named so
		{Verbatim, "50%25ab", "50%25ab"},
		{Verbatim, "%63ur", "cur"},
		{Verbatim, "%43ur", "Cur"},
		{Verbatim, "%57ork", "%2557ork"},
		{Verbatim, "a%2Fb", "a%2Fb"},
		{Verbatim, "a%2fb", "a%252fb"}, // lower case is not how we write it
		{Verbatim, "inbox", "inbox"},
		{Verbatim, "New", "New"}, // on case-blind file systems there is no such directory beside new
		{MaildirPlusPlus, ".a%2Eb", "a.b"},
		{MaildirPlusPlus, ".a%41.b", "a%2541/b"},
		{Flat, "a.b", "a/b"},
	} {
		n := mustNames(t, c.layout, nil)
		got, ok, err := n.mailbox([][]string{{c.dir}})
		if err != nil || !ok || got != c.want {
			t.Errorf("%s: directory %q is mailbox %q, %v, %v; want %q", c.layout, c.dir, got, ok, err, c.want)
			continue
		}
		if !matches(n.units(got), [][]string{{c.dir}}) {
			t.Errorf("%s: mailbox %q does not lead back to directory %q but to %v", c.layout, got, c.dir, n.units(got))
		}
	}
}

func TestTheMapIsBijectiveOrRefused(t *testing.T) {
	t.Parallel()
	for _, m := range []map[mail.Mailbox]mail.Mailbox{
		{"a": "x", "b": "x"},
		{"a": "INBOX"},
		{"inbox": "x", "INBOX": "y"},
		{"a": "100%41", "b": "100%2541"},
	} {
		for _, l := range layouts {
			_, err := newNames(l, m)
			if !errors.Is(err, ErrCollision) {
				t.Errorf("%s: map %v: %v", l, m, err)
				continue
			}
			for _, name := range []string{"a", "b", "x", "y", "INBOX"} {
				_, isKey := m[mail.Mailbox(name)]
				if isKey && !strings.Contains(err.Error(), `"`+name+`"`) {
					t.Errorf("%s: map %v: the error does not name %q: %v", l, m, name, err)
				}
			}
		}
	}
	for _, l := range layouts {
		n := mustNames(t, l, map[mail.Mailbox]mail.Mailbox{
			"[Gmail]/Sent Mail": "Sent", "a": "b", "b": "a", "INBOX": "Inbox", "Junk": "INBOX",
		})
		places := map[string]mail.Mailbox{}
		for _, m := range []mail.Mailbox{"[Gmail]/Sent Mail", "Sent", "a", "b", "INBOX", "Inbox", "Junk", "%2553ent", "Work/Sent", "Sent/x"} {
			steps := escapedPlace(n, m)
			if other, taken := places[place(steps)]; taken {
				t.Errorf("%s: %q and %q are both at %q", l, m, other, place(steps))
			}
			places[place(steps)] = m
			if back, ok, err := n.mailbox(steps); back != m || !ok || err != nil {
				t.Errorf("%s: %q at %q reads back as %q, %v, %v", l, m, steps, back, ok, err)
			}
		}
		if _, _, err := n.mailbox(stepsOf(l, "[Gmail]/Sent Mail")); !errors.Is(err, ErrCollision) {
			t.Errorf("%s: a local directory under a name that the map gave away is not refused: %v", l, err)
		}
	}
}

// stepsOf is a plain name's place without any map.
func stepsOf(l Layout, m mail.Mailbox) [][]string {
	return escapedPlace(&names{layout: l}, m)
}

func TestADirectoryThatWouldBeTheRootIsRefused(t *testing.T) {
	t.Parallel()
	n := mustNames(t, MaildirPlusPlus, nil)
	if _, _, err := n.mailbox([][]string{{".INBOX"}}); !errors.Is(err, ErrCollision) {
		t.Errorf("got %v", err)
	}
}

// part draws the real name of a mailbox's part, often an awkward one.
func part() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("%2Fecur./_-~A\x00\x7fü")), 0, 12, -1),
		rapid.SampledFrom([]string{"", ".", "..", "cur", "new", "tmp", "CUR", ".godwit", "godwit", "INBOX", "inbox", "maildirfolder",
			"subscriptions", "dovecot-keywords", "%", "%_", "%-", "a%-", "%-a", "%63ur", "%2E", "%252E", "Sent", "a/b", "/"}),
		rapid.Map(rapid.IntRange(80, 600), func(n int) string { return strings.Repeat("ü", n) }),
		rapid.Map(rapid.IntRange(80, 300), func(n int) string { return strings.Repeat("/\x01", n) + "%-" }),
	)
}

func TestEveryMailboxHasItsOwnSafeDirectory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := func(label string) []string { return rapid.SliceOfN(part(), 1, 4).Draw(t, label) }
		l := rapid.SampledFrom(layouts).Draw(t, "layout")
		m := map[mail.Mailbox]mail.Mailbox{}
		if rapid.Bool().Draw(t, "map") {
			m[join(parts("from"))] = join(parts("to"))
		}
		n, err := newNames(l, m)
		if err != nil {
			t.Skip("refused: ", err)
		}
		a := join(parts("a"))
		if !slices.Equal(split(a), split(canonical(a))) || canonical(a) != a {
			t.Fatalf("%q is not canonical: %q", a, canonical(a))
		}
		steps := escapedPlace(n, a)
		for _, s := range slices.Concat(steps...) {
			if s == "" || len(s) > maxName || isReserved(s) || strings.ContainsAny(s, "/\x00\x1b\n") {
				t.Fatalf("%s: %q is at the unsafe %q", l, a, steps)
			}
		}
		back, ok, err := n.mailbox(steps)
		if err != nil || !ok || back != a {
			t.Fatalf("%s, map %q: %q is at %q, which is %q, %v, %v", l, m, a, steps, back, ok, err)
		}
	})
}

func TestEveryDirectoryIsOneMailbox(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.SampledFrom(layouts).Draw(t, "layout")
		m := map[mail.Mailbox]mail.Mailbox{}
		if rapid.Bool().Draw(t, "map") {
			m[join([]string{rapid.SampledFrom([]string{"x", "Sent", "cur"}).Draw(t, "from")})] =
				join([]string{rapid.SampledFrom([]string{"y", "Sent", "%53ent", "cur"}).Draw(t, "to")})
		}
		n := mustNames(t, l, m)
		var steps [][]string
		depth := 1
		if l == Verbatim {
			depth = rapid.IntRange(1, 3).Draw(t, "depth")
		}
		for range depth {
			name := rapid.OneOf(part(), rapid.Map(part(), escapeAll), rapid.Map(part(), func(s string) string { return escapePart(s, ".") })).
				Filter(func(s string) bool {
					s = l.prefix() + s
					return s != l.prefix() && len(s) <= maxName && !isTaken(s) && !strings.ContainsAny(s, "/\x00") &&
						(l != Flat || s[0] != '.')
				}).Draw(t, "name")
			steps = append(steps, []string{l.prefix() + name})
		}
		box, ok, err := n.mailbox(steps)
		if err != nil {
			if !errors.Is(err, ErrCollision) {
				t.Fatal(err)
			}
			return
		}
		if !ok || !matches(n.units(box), steps) {
			t.Fatalf("%s, map %q: the directory %q is %q, %v, which leads to %q", l, m, steps, box, ok, n.units(box))
		}
	})
}

// FuzzNames checks that any name and any directory comes back as it was.
func FuzzNames(f *testing.F) {
	seeds := []string{"INBOX", "Work/2024", "a%2Fb", "..", "/etc/passwd", "cur", "%_", "a%-", "50%ab", "%63ur", "a\x00b", strings.Repeat("x", 300)}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		for i := range layouts {
			f.Add(s, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, s string, which uint8) {
		l := layouts[int(which)%len(layouts)]
		n := mustNames(t, l, map[mail.Mailbox]mail.Mailbox{"[Gmail]/Sent Mail": "Sent"})
		a := canonical(mail.Mailbox(s))
		steps := escapedPlace(n, a)
		for _, s := range slices.Concat(steps...) {
			if s == "" || len(s) > maxName || isReserved(s) || strings.ContainsAny(s, "/\x00") {
				t.Fatalf("%s: %q is at the unsafe %q", l, a, steps)
			}
		}
		if back, ok, err := n.mailbox(steps); err != nil || !ok || back != a {
			t.Fatalf("%s: %q is at %q, which is %q, %v, %v", l, a, steps, back, ok, err)
		}
	})
}
