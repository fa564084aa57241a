package offline

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// letter makes a message of its own.
func letter(n int) []byte {
	return fmt.Appendf(nil, "Message-ID: <%d@example.org>\r\nDate: Sat, 9 May 2026 12:00:00 +0000\r\n\r\n%d\r\n", n, n)
}

// stage is an account whose sides agree.
type stage struct {
	server *fake.Server
	local  *fake.Local
	base   *fake.Base
}

func newStage(t testing.TB) *stage {
	s := &stage{fake.NewServer(fake.Plain), fake.NewLocal("me"), fake.NewBase()}
	if err := s.local.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, m := range []mail.Mailbox{"INBOX", "INBOX", "INBOX", "INBOX", "Work", "Work"} {
		s.local.Add(m, letter(n), mail.ParseFlags(`\Seen`, "$Label1"))
	}
	s.sync(t)
	return s
}

func (s *stage) sync(t testing.TB) {
	t.Helper()
	result, err := sync.Run(t.Context(), sync.Options{
		Account: "me", Server: s.server, Local: s.local, Base: s.base, AllowDeletes: true,
	})
	if err != nil || len(result.Failures) > 0 {
		t.Fatalf("sync: %v, %v", result.Failures, err)
	}
}

func (s *stage) changes(t testing.TB) []Mailbox {
	t.Helper()
	found, err := Changes(t.Context(), s.local, s.base, func(m mail.Mailbox) bool { return m != "Private" })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (s *stage) keys(m mail.Mailbox) []mail.Key {
	var keys []mail.Key
	for _, f := range s.local.Files(m) {
		keys = append(keys, f.Key)
	}
	return keys
}

func TestNothingWaitsAfterARun(t *testing.T) {
	t.Parallel()
	if got := newStage(t).changes(t); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestEveryKindOfChangeIsCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	inbox, work := s.keys("INBOX"), s.keys("Work")
	s.local.Reflag("INBOX", inbox[0], mail.ParseFlags(`\Seen`))
	s.local.Edit("INBOX", inbox[1], letter(100))
	s.local.Delete("INBOX", inbox[2])
	s.local.Move("INBOX", inbox[3], "Work", inbox[3])
	s.local.Add("Work", letter(101), mail.Flags{})
	s.local.Delete("Work", work[0])
	s.local.Add("Plans/New", letter(102), mail.Flags{})
	s.local.Add("Private", letter(103), mail.Flags{})
	want := []Mailbox{
		{Name: "INBOX", Removed: 1, Flagged: 1, Edited: 1},
		{Name: "Plans/New", New: 1, Fresh: true},
		{Name: "Work", New: 1, Removed: 1, Moved: 1},
	}
	if d := cmp.Diff(want, s.changes(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	s.sync(t)
	if got := s.changes(t); len(got) > 0 {
		t.Errorf("after a run: %+v", got)
	}
}

func TestMailboxWhoseDirectoryIsGoneIsNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.local.RemoveMailbox("Work")
	if d := cmp.Diff([]Mailbox{{Name: "Work", Gone: true}}, s.changes(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestUnmountedMaildirIsNoChange(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.local.RemoveRoot()
	if got := s.changes(t); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestFilesThatAScanMissedAreNotRemoved(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	missed := s.keys("INBOX")[0]
	s.local.Reflag("INBOX", s.keys("INBOX")[1], mail.ParseFlags(`\Flagged`))
	s.local.Unsettle("INBOX", 1, missed)
	if d := cmp.Diff([]Mailbox{{Name: "INBOX", Flagged: 1, Unsure: true}}, s.changes(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLettersOfAnotherMailboxMeanNothing: a reader moves files with their names,
// into a mailbox whose table a run then extends.
func TestLettersOfAnotherMailboxMeanNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.local.Add("Plans", letter(200), mail.ParseFlags("$Other"))
	for _, from := range []mail.Mailbox{"INBOX", "Plans"} {
		key := s.keys(from)[0]
		s.local.Move(from, key, "Target", key)
	}
	s.sync(t)
	if got := s.changes(t); len(got) > 0 {
		t.Errorf("after a run: %+v", got)
	}
	if got := s.local.Files("Target")[1].Flags.Keywords; got != "" {
		t.Errorf("the run gave a message %q", got)
	}
}

// TestEditedFileMovesInOneRun: also where the run itself renames files in the
// mailbox, after which it looks there again for files that turned up.
func TestEditedFileMovesInOneRun(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for n, from := range []mail.Mailbox{"INBOX", "Work"} {
		key := s.keys(from)[0]
		s.local.Edit(from, key, letter(300+n))
		s.local.Move(from, key, "Target", key)
	}
	s.local.Move("INBOX", s.keys("INBOX")[0], "Target", s.keys("INBOX")[0])
	s.sync(t)
	if got := s.changes(t); len(got) > 0 {
		t.Errorf("after a run: %+v", got)
	}
}

// TestStatusAndRunAgree: what waits, a run does; and then nothing waits.
func TestStatusAndRunAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newStage(t)
		changed := false
		for n := range rapid.IntRange(0, 6).Draw(rt, "changes") {
			m := rapid.SampledFrom([]mail.Mailbox{"INBOX", "Work", "Plans"}).Draw(rt, "mailbox")
			keys := s.keys(m)
			if len(keys) == 0 {
				s.local.Add(m, letter(200+n), mail.Flags{})
				changed = true
				continue
			}
			key := rapid.SampledFrom(keys).Draw(rt, "key")
			switch rapid.IntRange(0, 4).Draw(rt, "kind") {
			case 0:
				s.local.Add(m, letter(200+n), mail.Flags{})
			case 1:
				s.local.Delete(m, key)
			case 2:
				s.local.Reflag(m, key, mail.ParseFlags(fmt.Sprintf("k%d", n)))
			case 3:
				s.local.Edit(m, key, letter(300+n))
			case 4:
				s.local.Move(m, key, "Target", key)
			}
			changed = true
		}
		waiting := s.changes(t)
		if !changed && len(waiting) > 0 {
			rt.Errorf("nothing was changed, and %+v waits", waiting)
		}
		s.sync(t)
		if left := s.changes(t); len(left) > 0 {
			rt.Errorf("after a run %+v waits; before, %+v", left, waiting)
		}
	})
}
