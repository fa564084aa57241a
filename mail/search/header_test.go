package search

import (
	"reflect"
	"testing"
)

func TestHeadersAreReadable(t *testing.T) {
	t.Parallel()
	f := ReadFields([]byte("From: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n =?iso-8859-1?q?_M=FCller?= <a@example.org>, b@example.org\r\n" +
		"SUBJECT : =?windows-1252?q?=80_5?= =?utf-8?b?w6Q=?= =?koi8-r?q?=C1?= =?x-klingon?q?nuq?=\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nodd\r\n\r\nTo: body\r\n"))
	if got := f.Sender(); got != "Größe Müller" {
		t.Errorf("sender %q", got)
	}
	if got := Decode(f.Get("Subject")); got != "€ 5 ä а =?x-klingon?q?nuq?=" {
		t.Errorf("subject %q", got)
	}
	if got := f.Sent().UTC().Format("2006-01-02 15:04"); got != "2026-11-21 09:00" {
		t.Errorf("sent %s", got)
	}
	if f.Get("To") != "" {
		t.Error("the body is read as header")
	}
	for raw, want := range map[string]string{
		"a@example.org":            "a@example.org",
		`"Last, First" <a@b>`:      "Last, First",
		"Anna <a b c>":             "Anna",
		"undisclosed":              "undisclosed",
		"":                         "",
		"M\xfcller <m@b>":          "Müller",
		"=?utf-8?q?=22x=22?= <a@b": `x`,
	} {
		if got := (Fields{{"From", raw}}).Sender(); got != want {
			t.Errorf("the sender of %q is %q, want %q", raw, got, want)
		}
	}
	if got := Decode("caf\xe9"); got != "café" {
		t.Errorf("eight bits: %q", got)
	}
	for word, want := range map[string]string{
		"=?iso-8859-15?q?=A4?=":              "€",
		"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=": "日本",
		"=?gb2312?b?1tDOxA==?=":              "中文",
		"=?koi8-r?b?zcnS?=":                  "мир",
		"=?big5?b?pKSk5Q==?=":                "中文",
	} {
		if got := Decode(word); got != want {
			t.Errorf("%s: %q", word, got)
		}
	}
}

// parse is [Parse] of what is right.
func parse(t *testing.T, query string) Key {
	t.Helper()
	k, err := Parse(query, today)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatAServerCannotSearchIsJudgedByTheHeader(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]string{
		"subject:größe":                           {"", "subject:größe"},
		"subject:größe from:anna is:unread":       {"from:anna is:unread", "subject:größe"},
		"-(from:ä or header:X-Y:b) to:ß larger:9": {"larger:9", "-(from:ä or header:X-Y:b) to:ß"},
	} {
		server, own, ok := Judge(parse(t, query))
		if !ok || !same(t, server, want[0]) || !same(t, own, want[1]) {
			t.Errorf("%s: ask for %v, judge by %v (%v)", query, server, own, ok)
		}
	}
	for _, query := range []string{"größe", "body:ä", "subject:ä or is:unread", "-(subject:ä larger:9)"} {
		if _, _, ok := Judge(parse(t, query)); ok {
			t.Errorf("%s can be judged by no header", query)
		}
	}
	f := Fields{{"Subject", "=?utf-8?q?Die_GR=C3=96=C3=9FE?="}, {"To", "a"}, {"to", "b@x"}}
	for query, want := range map[string]bool{
		"subject:größe": true, "subject:klein": false, "-subject:klein": true, "to:b@": true, "cc:a": false,
		"subject:größe to:zz": false, "to:zz or subject:größe": true, "to:zz or to:yy": false, "header:To": true, "header:X": false,
	} {
		if got := f.Fulfils(parse(t, query)); got != want {
			t.Errorf("%s holds: %v", query, got)
		}
	}
}

func same(t *testing.T, k Key, query string) bool {
	if query == "" {
		return k == nil
	}
	return reflect.DeepEqual(k, parse(t, query))
}
