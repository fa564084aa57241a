package plan

import (
	"testing"

	"godwit/mail"

	"pgregory.net/rapid"
)

// anyContent draws one of few contents, of which little may be known.
func anyContent(t *rapid.T) mail.Content {
	draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "content") }
	c := mail.Content{Size: int64(draw(3)) - 1, Weak: draw(4) == 3}
	if draw(2) == 1 {
		c.Hash[0] = byte(1 + draw(2))
	}
	if draw(3) > 0 {
		c.Head[0] = byte(1 + draw(2))
	}
	if draw(3) == 2 {
		c.EmailID = string(rune('a' + draw(2)))
	}
	return c
}

// TestTheFinderFindsWhatCompareProves, and nothing else, each thing once.
func TestTheFinderFindsWhatCompareProves(t *testing.T) {
	t.Parallel()
	type thing struct {
		content mail.Content
		box     int
		draft   bool
		taken   bool
	}
	rapid.Check(t, func(t *rapid.T) {
		find := newFinder(func(x *thing) bool { return !x.taken })
		var things []*thing
		for range rapid.IntRange(0, 6).Draw(t, "things") {
			x := &thing{content: anyContent(t), box: rapid.IntRange(0, 1).Draw(t, "box"), draft: rapid.Bool().Draw(t, "draft")}
			things = append(things, x)
			find.add(x, x.content, x.box, x.draft)
		}
		for range rapid.IntRange(0, 6).Draw(t, "searches") {
			c, box, draft := anyContent(t), rapid.IntRange(0, 1).Draw(t, "box"), rapid.Bool().Draw(t, "draft")
			same := func(x *thing) bool {
				if x.taken || x.box != box || x.content.Compare(c) != mail.Same {
					return false
				}
				byHash := !c.Hash.IsZero() && !x.content.Hash.IsZero()
				byName := c.EmailID != "" && x.content.EmailID != ""
				return byHash || byName || !draft && !x.draft
			}
			x, ok := find.find(c, box, draft)
			if ok && !same(x) {
				t.Fatalf("%+v was found for %+v", x, c)
			}
			if !ok {
				for _, x := range things {
					if same(x) {
						t.Fatalf("%+v was not found for %+v", x, c)
					}
				}
				continue
			}
			x.taken = true
		}
	})
}
