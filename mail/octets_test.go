package mail

import "testing"

func TestASizeIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "17B": 17, "2MB": 2_000_000, "2 MB": 2_000_000, "2M": 2_000_000, "1.5GB": 1_500_000_000,
		"64KB": 64_000, "64kB": 64_000, "64KiB": 65_536, "1MiB": 1 << 20, "99999999999999999999GB": MaxOctets + 1,
	} {
		if got, ok := ParseOctets(text); !ok || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "MB", "-1", "1.55MB", "2TB", "2 MB ", "1,5MB", "0x10"} {
		if got, ok := ParseOctets(text); ok {
			t.Errorf("%q is %d, and should be no size", text, got)
		}
	}
}
