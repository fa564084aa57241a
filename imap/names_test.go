package imap

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"godwit/mail"
)

func TestNamesAreDecodedAsUsersWriteThem(t *testing.T) {
	t.Parallel()
	slash, dot := nameCodec{delim: "/"}, nameCodec{delim: ".", prefix: "INBOX."}
	for _, test := range []struct {
		codec      nameCodec
		raw, delim string
		want       mail.Mailbox
	}{
		{slash, "INBOX", "/", "INBOX"},
		{slash, "inbox", "/", "INBOX"},
		{slash, "Work/2024", "/", "Work/2024"},
		{slash, "inbox/kid", "/", "inbox/kid"},
		{slash, "Entw&APw-rfe", "/", "Entwürfe"},
		{slash, "&U,BTFw-/&ZeVnLIqe-", "/", "台北/日本語"}, // RFC 3501, 5.1.3
		{slash, "Q&-A", "/", "Q&A"},
		{slash, "&2D3eAA-", "/", "😀"},
		{slash, "Work.2024", "/", "Work.2024"},
		{slash, "100%", "/", "100%"},
		{slash, "50%20off", "/", "50%2520off"},
		{slash, "a/b", "", "a%2Fb"}, // NIL: flat
		{dot, "INBOX.a/b", ".", "a%2Fb"},
		{dot, "INBOX.Work.2024", ".", "Work/2024"},
		{dot, "INBOX", ".", "INBOX"},
		{dot, "INBOX.INBOX", ".", "%49NBOX"},
		{dot, "INBOX.inbox.x", ".", "inbox/x"},
		{dot, "shared.team", ".", "shared/team"},
		// What has no text keeps its octets.
		{slash, "foo&bar", "/", "foo%26bar"},
		{slash, "a&AGE-", "/", "a%26AGE-"},           // "a" must not be encoded
		{slash, "&2D0-", "/", "%262D0-"},             // half a surrogate pair
		{slash, "&APw", "/", "%26APw"},               // never shifted back
		{slash, "&APw-&APw-", "/", "%26APw-%26APw-"}, // not the one spelling
		{slash, "M\xfcll", "/", "M%FCll"},
		{slash, "a\tb%c/d", "/", "a%09b%25c/d"},
		{slash, "Müll", "/", "Müll"}, // raw UTF-8
		{slash, "Müll & Co", "/", "Müll & Co"},
		{slash, "a//b", "/", "a/%00/b"},
		{slash, "a/", "/", "a/%00"},
		{nameCodec{delim: "/", literal: true}, "Q&A", "/", "Q&A"},
	} {
		if got := test.codec.decode(test.raw, test.delim); got != test.want {
			t.Errorf("%q is decoded to %q, want %q", test.raw, got, test.want)
		}
	}
}

func TestNamesThatTheServerCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	dot := nameCodec{delim: "."}
	for _, test := range []struct {
		codec nameCodec
		name  mail.Mailbox
		want  string
	}{
		{dot, "a.b", "separates"},
		{dot, "a//b", "empty"},
		{dot, "/a", "empty"},
		{dot, "a/", "empty"},
		{dot, "", "empty"},
		{dot, "inbox", "would call it"},
		{dot, "a%2fb", "would call it"},
		{dot, "M\xfcll", "UTF-8"},
		{dot, "a%00b", "octets"},
		{nameCodec{}, "a/b", "hierarchy"},
	} {
		raw, err := test.codec.encode(test.name)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q becomes %q, %v; want an error with %q", test.name, raw, err, test.want)
		}
	}
}

func TestNewNamesGoOutAsTheServerWritesThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		codec nameCodec
		name  mail.Mailbox
		want  string
	}{
		{nameCodec{delim: "."}, "Work/Entwürfe", "Work.Entw&APw-rfe"},
		{nameCodec{delim: ".", prefix: "INBOX."}, "Work/2024", "INBOX.Work.2024"},
		{nameCodec{delim: ".", prefix: "INBOX."}, "INBOX", "INBOX"},
		{nameCodec{delim: "/", eightBit: true}, "Q&A/Entwürfe", "Q&-A/Entwürfe"},
		{nameCodec{delim: "/", literal: true}, "Q&A/Entwürfe", "Q&A/Entwürfe"},
		{nameCodec{delim: "."}, "a%2Fb", "a/b"},
		{nameCodec{delim: "."}, "100%", "100%"},
	} {
		got, err := test.codec.encode(test.name)
		if err != nil || got != test.want {
			t.Errorf("%q becomes %q, %v; want %q", test.name, got, err, test.want)
		}
	}
}

// rawNames draws raw names with all that can go wrong in them.
func rawNames() *rapid.Generator[string] {
	pieces := rapid.SampledFrom([]string{"a", "Work", "INBOX", "inbox", "/", ".", "&", "&-", "-", "&APw-", "&2D0-", "&AGE-",
		"%", "%2F", "%25", "%00", "25", "ü", "\xfc", "\t", "\x7f", " ", `"`, `\`, "*", "&AC8-", "&AAA-", "日本"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(pieces, 1, 8).Draw(t, "pieces"), "")
	})
}

func TestDecodedNamesLeadBackToTheirRawOnes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := nameCodec{
			delim:   rapid.SampledFrom([]string{"", ".", "/"}).Draw(t, "delimiter"),
			literal: rapid.Bool().Draw(t, "literal"),
		}
		raw := rawNames().Draw(t, "raw")
		codec.eightBit = !isASCII(raw) // else a raw "ü" comes back as modified UTF-7
		name := codec.decode(raw, codec.delim)
		if name == mail.Inbox {
			if !strings.EqualFold(raw, "INBOX") {
				t.Fatalf("%q is taken for the inbox", raw)
			}
			return
		}
		if text := string(name); strings.ContainsAny(text, "\x00") && !strings.Contains(raw, "&AAA-") || !utf8.ValidString(text) {
			t.Fatalf("%q is decoded to %q", raw, name)
		}
		if !codec.literal && !isASCII(raw) && strings.Contains(raw, "&") {
			// In such a part "&" stands for itself, and writing it back takes the
			// table; the codec alone may refuse, but must not name another mailbox.
			if back, err := codec.encode(name); err == nil && back != raw && codec.decode(back, codec.delim) != name {
				t.Fatalf("%q is decoded to %q and encoded to %q", raw, name, back)
			}
			return
		}
		back, err := codec.encode(name)
		if err != nil || back != raw {
			t.Fatalf("%q is decoded to %q and encoded to %q, %v", raw, name, back, err)
		}
	})
}

func TestEncodedNamesLeadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := nameCodec{
			delim:    rapid.SampledFrom([]string{"", ".", "/"}).Draw(t, "delimiter"),
			prefix:   rapid.SampledFrom([]string{"", "INBOX.", "mail/"}).Draw(t, "prefix"),
			eightBit: rapid.Bool().Draw(t, "eight-bit"),
			literal:  rapid.Bool().Draw(t, "literal"),
		}
		name := mail.Mailbox(rapid.OneOf(rapid.String(), rawNames()).Draw(t, "name"))
		raw, err := codec.encode(name)
		if err != nil {
			return
		}
		if got := codec.decode(raw, codec.delim); got != name {
			t.Fatalf("%q is encoded to %q and decoded to %q", name, raw, got)
		}
	})
}

func TestTableNamesEveryMailboxDifferently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := nameCodec{prefix: rapid.SampledFrom([]string{"", "INBOX."}).Draw(t, "prefix")}
		var list []rawName
		for _, raw := range rapid.SliceOfNDistinct(rawNames(), 1, 12, rapid.ID[string]).Draw(t, "names") {
			list = append(list, rawName{raw, rapid.SampledFrom([]string{"", ".", "/"}).Draw(t, "delimiter")})
		}
		var table nameTable
		names := table.learn(codec, list)
		seen := map[mail.Mailbox]string{}
		for i, m := range names {
			if m == "" {
				if !strings.EqualFold(list[i].name, "INBOX") {
					t.Fatalf("%q has no name", list[i].name)
				}
				continue
			}
			if other, twice := seen[m]; twice {
				t.Fatalf("%q and %q are both called %q", other, list[i].name, m)
			}
			seen[m] = list[i].name
			if raw, err := table.raw(m); err != nil || raw != list[i].name {
				t.Fatalf("%q is called %q, which leads to %q, %v", list[i].name, m, raw, err)
			}
		}
		// In whatever order the server lists them.
		reversed := make([]rawName, len(list))
		for i, r := range list {
			reversed[len(list)-1-i] = r
		}
		var again nameTable
		for i, m := range again.learn(codec, reversed) {
			if m != names[len(list)-1-i] {
				t.Fatalf("%q is called %q or %q, as the order has it", reversed[i].name, m, names[len(list)-1-i])
			}
		}
	})
}

func TestNewMailboxNeverTakesAnothersRawName(t *testing.T) {
	t.Parallel()
	var table nameTable
	names := table.learn(nameCodec{prefix: "INBOX."}, []rawName{
		{"INBOX", "."}, {"INBOX.shared.x", "."}, {"shared.x", "."}, {"INBOX.Entwürfe", "."},
	})
	want := []mail.Mailbox{"INBOX", "shared/x", "shared/%78", "Entwürfe"}
	for i, m := range names {
		if m != want[i] {
			t.Errorf("mailbox %d is called %q, want %q", i, m, want[i])
		}
	}
	if raw, err := table.raw("shared/y"); err != nil || raw != "INBOX.shared.y" {
		t.Errorf("a new mailbox would be %q, %v", raw, err)
	}
	// %66 is another way to write "f": one raw name, two mailboxes.
	table.learn(nameCodec{}, []rawName{{"INBOX", "/"}, {"foo", "/"}})
	if raw, err := table.raw("%66oo"); err == nil {
		t.Errorf("a second name for an existing mailbox is taken, as %q", raw)
	}
	table.add("new", "new")
	if raw, err := table.raw("new"); err != nil || raw != "new" || !table.isListed("new") {
		t.Errorf("a created mailbox is not known: %q, %v", raw, err)
	}
}

// FuzzNames looks for a raw name that does not survive, and for a name whose
// encoding does not lead back.
func FuzzNames(f *testing.F) {
	seeds := []string{"INBOX", "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "Q&-A", "a%2Fb", "&", "&2D0-", "a\xff", "%00", "x//y", "INBOX.INBOX"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		if bytes.ContainsAny(octets, "\x00\r\n") || len(octets) == 0 {
			return
		}
		raw := string(octets)
		var table nameTable
		name := table.learn(nameCodec{delim: "/"}, []rawName{{raw, "/"}})[0]
		if back, err := table.raw(name); err != nil || back != raw {
			t.Fatalf("%q is called %q, which leads to %q, %v", raw, name, back, err)
		}
		codec := nameCodec{delim: "/"}
		if encoded, err := codec.encode(mail.Mailbox(raw)); err == nil {
			if got := codec.decode(encoded, "/"); got != mail.Mailbox(raw) {
				t.Fatalf("%q is encoded to %q and decoded to %q", raw, encoded, got)
			}
		}
	})
}
