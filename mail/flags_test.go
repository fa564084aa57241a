package mail

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseFlagsLeavesOutWhatNobodyCanStore(t *testing.T) {
	f := ParseFlags(`\Seen`, `\recent`, `\*`, "$forwarded", "$Label1", "$LABEL1", "", `\Unknown`, "work")
	if got, want := f.String(), `$Forwarded \Seen $Label1 work`; got != want {
		t.Errorf("flags are %q, want %q", got, want)
	}
}

func drawFlags(t *rapid.T, label string) Flags {
	names := rapid.SliceOf(rapid.SampledFrom([]string{
		`\Seen`, `\Flagged`, `\Answered`, `\Draft`, `\Deleted`, "$Forwarded", "a", "A", "b", "$Label1", "$label1", "c-d",
	})).Draw(t, label)
	return ParseFlags(names...)
}

func TestFlagsAreSetsWithoutRegardToCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, g := drawFlags(t, "f"), drawFlags(t, "g")
		upper := Flags{f.System, NewKeywords(strings.Fields(strings.ToUpper(string(f.Keywords)))...)}
		if !f.Equal(upper) {
			t.Fatalf("%v and %v differ", f, upper)
		}
		if !f.Union(g).Equal(g.Union(f)) {
			t.Fatalf("union of %v and %v depends on their order", f, g)
		}
		if !f.Minus(g).Union(f.Intersect(g)).Equal(f) {
			t.Fatalf("%v is not what it has with and without %v", f, g)
		}
		if got := FlagsBetween(f, g).Apply(f); !got.Equal(g) {
			t.Fatalf("the delta from %v to %v gives %v", f, g, got)
		}
		if !ParseFlags(f.Names()...).Equal(f) {
			t.Fatalf("%v does not survive its names", f)
		}
		if !slices.IsSortedFunc(f.Keywords.List(), compareFold) {
			t.Fatalf("keywords %q are not sorted", f.Keywords)
		}
	})
}

func TestRoomHidesWhatASideCannotHold(t *testing.T) {
	f := ParseFlags(`\Seen`, "known", "new")
	closed := KeywordRoom{Known: "KNOWN"}
	if got := closed.Missing(f); !got.Equal(Flags{Keywords: "new"}) {
		t.Errorf("missing is %v", got)
	}
	if got := (KeywordRoom{Open: true}).Missing(f); !got.IsZero() {
		t.Errorf("an open room misses %v", got)
	}
}

func TestTableDecodesOnlyLettersItKnows(t *testing.T) {
	table := KeywordTable{"one", "", "three"}
	if got := table.Decode("abcz"); !got.Equal("one three") {
		t.Errorf("keywords are %q", got)
	}
	if l, ok := table.Letter("THREE"); l != 'c' || !ok {
		t.Errorf("letter of three is %q, %v", l, ok)
	}
}

func TestFlagStringsAreReadable(t *testing.T) {
	d := FlagsBetween(ParseFlags(`\Seen`), ParseFlags(`\Flagged`, "x"))
	if got := d.String(); strings.Join(strings.Fields(got), " ") != `+\Flagged +x -\Seen` {
		t.Errorf("delta is %q", got)
	}
}
