package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"godwit/internal/clean"
	"godwit/mail"
	"godwit/sync"
)

func TestProgressTellsWhatIsGoingOn(t *testing.T) {
	t.Parallel()
	now := fixed()
	tr := newTrack("work", now)
	l := look{unicode: true, clean: clean.Line, names: 6}
	check := func(want ...string) {
		t.Helper()
		tr.tick(now)
		got := tr.render(l, 100)
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check("work    connecting")
	tr.event(sync.Listed{Total: 200, Moved: 2})
	check("work    looking")
	tr.event(sync.Looking{Mailbox: "INBOX"})
	check("work    looking into mailbox 1 of 2")
	tr.event(sync.Planned{Operations: 1, Messages: 4, Bytes: 100_000})
	tr.event(sync.Expected{Mailbox: "Lists/go", Messages: 3, Bytes: 300_000})
	check("work    ────────────────────────────────────────  0 of 4    0%       0 B/s          0 B",
		"        Lists/go                                  0 of 3")
	for range 2 {
		now = now.Add(time.Second)
		tr.event(sync.Transferred{Mailbox: "Lists/go", Side: sync.OnLocal, UID: 1, Bytes: 100_000})
		tr.tick(now)
	}
	check("work    ━━━━━━━━━━━━━━━━━━━━────────────────────  2 of 4   50%  97.7 KiB/s    0:02  195 KiB",
		"        Lists/go                                  2 of 3")
	tr.event(sync.Transferred{Mailbox: "Lists/go", Side: sync.OnLocal, UID: 1, Bytes: 100_000})
	tr.event(sync.Transferred{Mailbox: "INBOX", Side: sync.OnServer, UID: 1, Bytes: 100_000})
	check("work    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  4 of 4  100%  97.7 KiB/s          391 KiB",
		"        INBOX                                     1")
}

func TestProgressFitsEveryWidth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tr := newTrack(rapid.SampledFrom([]string{"w", "work", "a-very-long-account-name-indeed"}).Draw(t, "account"), fixed())
		now := fixed()
		for i := range rapid.IntRange(0, 12).Draw(t, "events") {
			m := mail.Mailbox(rapid.SampledFrom([]string{"INBOX", "下書き/二〇二六年", "Lists/" + strings.Repeat("x", 70), "Ä"}).Draw(t, fmt.Sprint("mailbox", i)))
			tr.event(rapid.SampledFrom([]sync.Event{
				sync.Listed{Total: 9, Moved: 3}, sync.Looking{Mailbox: m}, sync.Planned{Messages: 3, Bytes: 1 << 40},
				sync.Expected{Mailbox: m, Messages: 10_000_000, Bytes: 1 << 50},
				sync.Transferred{Mailbox: m, Bytes: 1 << 30}, sync.Changed{Mailbox: m}, sync.Finished{Mailbox: m},
			}).Draw(t, fmt.Sprint("event", i)))
			now = now.Add(700 * time.Millisecond)
			tr.tick(now)
		}
		width := rapid.IntRange(1, 160).Draw(t, "width")
		lines := tr.render(look{unicode: rapid.Bool().Draw(t, "unicode"), clean: clean.Line, names: Width(tr.account)}, width)
		if len(lines) < 1 || len(lines) > 1+maxBoxes {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if Width(line) > width {
				t.Errorf("%d columns of %d: %q", Width(line), width, line)
			}
		}
	})
}
