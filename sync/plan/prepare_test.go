package plan_test

import (
	"reflect"
	"slices"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// TestAPreparationAsksForAllThatThePlanLooksAt: with the rows alone that it names,
// and made from what was matched when nothing of them was known, the plan is the one
// that is made from all rows at once.
func TestAPreparationAsksForAllThatThePlanLooksAt(t *testing.T) {
	t.Parallel()
	fewerCopies, fewerAlike, twins := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := generate(drawTape(t), options{
			modes:      []conflict.Mode{conflict.TwoWay, conflict.Pull, conflict.Push, conflict.Archive},
			duplicates: true, resets: true, rooms: true, remembered: true, policies: true, readOnly: true,
		})
		in := w.observe(nil)
		in.Alike = w.alike(in)
		if _, err := w.identify(&in); err != nil {
			t.Fatalf("%v\n%s", err, w)
		}
		want, needs := plan.Make(in), plan.Needs(in)

		some := in
		some.Copies, some.Alike = nil, nil
		prepared := plan.Prepare(&some)
		prepared.Needs()
		likes := prepared.Likes()
		some.Alike = slices.DeleteFunc(slices.Clone(in.Alike), func(r mail.Row) bool {
			return !slices.Contains(likes, mail.Likeness{Size: r.Content.Size, Date: r.Date})
		})
		if got := prepared.Needs(); !got.Equal(needs) {
			t.Fatalf("needs %v, not %v, for:\n%s", got, needs, w)
		}
		contents := prepared.Contents()
		some.Copies = slices.DeleteFunc(slices.Clone(in.Copies), func(r mail.Row) bool { return !slices.Contains(contents, r.Content.Hash) })
		if got := prepared.Make(); !reflect.DeepEqual(got, want) {
			t.Fatalf("prepared:\n%s\nat once:\n%s\nfor:\n%s", describe(got), describe(want), w)
		}
		if len(some.Copies) < len(in.Copies) {
			fewerCopies++
		}
		if len(some.Alike) < len(in.Alike) {
			fewerAlike++
		}
		for _, op := range want.Operations {
			if f, is := op.(plan.Fetch); is && f.Twin != nil {
				twins++
			}
		}
	})
	if fewerCopies == 0 || fewerAlike == 0 || twins == 0 {
		t.Errorf("nothing was shown: of %d inputs fewer copies, of %d fewer rows alike were needed, and there were %d twins", fewerCopies, fewerAlike, twins)
	}
}

// alike are the rows with a file that have the size and date of a new message.
func (w *world) alike(in plan.Input) (rows []mail.Row) {
	likes := map[mail.Likeness]bool{}
	for _, m := range in.Mailboxes {
		for _, it := range m.Items {
			if s := it.Server; s != nil && it.Base == nil && s.Date != 0 {
				likes[mail.Likeness{Size: s.Content.Size, Date: s.Date}] = true
			}
		}
	}
	for _, r := range w.rows {
		if r.Key != "" && likes[mail.Likeness{Size: r.Content.Size, Date: r.Date}] {
			rows = append(rows, r)
		}
	}
	return rows
}
