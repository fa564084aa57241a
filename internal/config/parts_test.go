package config

import "testing"

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for in, want := range map[any]int64{
		"0": 0, int64(5): 5, "2MB": 2_000_000, "1.5 GB": 1_500_000_000, "512KiB": 512 << 10, "500k": 500_000, "3 B": 3, "7M": 7_000_000,
	} {
		if got, err := Octets(in); got != want || err != nil {
			t.Errorf("%v is %d (%v), want %d", in, got, err, want)
		}
	}
	for _, in := range []any{"", "-1", int64(-1), "2 parsec", "1.55MB", "MB", true, "999999999GB"} {
		if got, err := Octets(in); err == nil {
			t.Errorf("%v is taken for %d", in, got)
		}
	}
}

func TestMailboxTablesBendTheParts(t *testing.T) {
	t.Parallel()
	a := &Account{Parts: Parts{MaxSize: 5}, overrides: []override{{pattern: "Lists/*", parts: []func(*Parts){func(p *Parts) { p.HeadersOnly = true }}}}}
	if got := a.PartsFor("Lists/go", ""); got != (Parts{MaxSize: 5, HeadersOnly: true}) {
		t.Errorf("Lists/go: %+v", got)
	}
	if got := a.PartsFor("INBOX", ""); got != (Parts{MaxSize: 5}) {
		t.Errorf("INBOX: %+v", got)
	}
}
