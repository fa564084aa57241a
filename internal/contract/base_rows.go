package contract

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

func baseKnownByRow(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")})
	read := must[[]mail.Checkpoint](t, "checkpoints")
	same(t, "before a checkpoint", read(b.Checkpoints(t.Context())), []mail.Checkpoint{{Mailbox: "A"}})
	point := mail.Checkpoint{Mailbox: "A", UIDNext: 2}
	commit(t, b, mail.PutCheckpoint{Checkpoint: point})
	same(t, "after it", read(b.Checkpoints(t.Context())), []mail.Checkpoint{point})
	same(t, "rows", len(byUID(t, b, "A")), 1)
}

func baseRowWhole(t *testing.T, b sync.Base) {
	r := mail.Row{
		Mailbox: "A/B", UID: ^mail.UID(0), Key: "1700000000.M1P2.host,S=10,W=11",
		Flags: mail.ParseFlags(`\Seen`, `\Draft`, `\Deleted`, `$Forwarded`, `\Answered`, `\Flagged`, "$Label1", "Wörk"),
		Content: mail.Content{
			Hash: mail.Hash{0: 0xff, 31: 1}, Head: mail.Head{0: 2, 15: 3}, Size: 1 << 40, EmailID: "M1", Weak: true,
		},
		Inode: 1<<64 - 1, Date: -5,
	}
	bare := mail.Row{Mailbox: "A/B", UID: 1, Key: "\xff\xfe not UTF-8", Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutRow{Row: r}, mail.PutRow{Row: bare})
	rows := byUID(t, b, "A/B")
	for _, r := range rows {
		if r.ID <= 0 {
			t.Errorf("row has the ID %d", r.ID)
		}
	}
	same(t, "by UID", withoutIDs(rows), []mail.Row{bare, r})
	same(t, "by key", withoutIDs(byKey(t, b, "A/B")), []mail.Row{r, bare})
	same(t, "by UID set", withoutIDs(must[[]mail.Row](t, "find")(b.FindUIDs(t.Context(), "A/B", mail.UIDs(r.UID)))), []mail.Row{r})
	same(t, "by keys", withoutIDs(must[[]mail.Row](t, "find")(b.FindKeys(t.Context(), "A/B", []mail.Key{bare.Key}))), []mail.Row{bare})
	same(t, "by content", withoutIDs(must[[]mail.Row](t, "find")(b.FindContent(t.Context(), []mail.Hash{r.Content.Hash}))), []mail.Row{r})
}

func baseOneSided(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "")}, mail.PutRow{Row: row("A", 0, "k")},
		mail.PutRow{Row: row("A", 2, "")}, mail.PutRow{Row: row("A", 0, "l")})
	same(t, "with a UID", uidsOf(byUID(t, b, "A")), []mail.UID{1, 2})
	same(t, "with a key", keysOf(byKey(t, b, "A")), []mail.Key{"k", "l"})
}

func baseReplaceByID(t *testing.T, b sync.Base) {
	r := row("A", 1, "a")
	r.Flags = mail.ParseFlags(`\Seen`, "x")
	r.Content.EmailID = "M1"
	commit(t, b, mail.PutRow{Row: r}, mail.PutRow{Row: row("A", 2, "b")})
	stored := must[[]mail.Row](t, "find")(b.FindUIDs(t.Context(), "A", mail.UIDs(1)))[0]

	changed := mail.Row{ID: stored.ID, Mailbox: "B", UID: 9, Key: "c", Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutRow{Row: changed})
	same(t, "in its new mailbox", onlyRow(t, b, "B"), changed)
	same(t, "in the old one", uidsOf(byUID(t, b, "A")), []mail.UID{2})

	changed.UID = 0 // a removal on the server that is remembered
	commit(t, b, mail.PutRow{Row: changed})
	same(t, "without its UID", byKey(t, b, "B"), []mail.Row{changed})
	same(t, "by UID", len(byUID(t, b, "B")), 0)
}

func baseTakesPlace(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("A", 3, "c")},
		mail.PutRow{Row: row("B", 1, "a")})
	commit(t, b, mail.PutRow{Row: row("A", 1, "new")})
	same(t, "same UID", keysOf(byUID(t, b, "A")), []mail.Key{"new", "b", "c"})
	commit(t, b, mail.PutRow{Row: row("A", 7, "b")})
	same(t, "same key", uidsOf(byKey(t, b, "A")), []mail.UID{7, 3, 1})
	commit(t, b, mail.PutRow{Row: row("A", 7, "c")})
	same(t, "UID of one and key of another", withoutIDs(byUID(t, b, "A")), []mail.Row{row("A", 1, "new"), row("A", 7, "c")})
	same(t, "the other mailbox", withoutIDs(byUID(t, b, "B")), []mail.Row{row("B", 1, "a")})
	same(t, "counts", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "A")), mail.Counts{Server: 2, Local: 2})
}

// Rows of which nothing but the UID changes, one of them to a UID that another one
// has, between rows that change in more.
func baseRenumbered(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("A", 0, "c")}, mail.PutRow{Row: row("A", 4, "")})
	rows := byKey(t, b, "A")
	put := func(i int, uid mail.UID) mail.PutRow {
		rows[i].UID = uid
		return mail.PutRow{Row: rows[i]}
	}
	commit(t, b, put(0, 11), put(2, 13))
	same(t, "renumbered", byKey(t, b, "A"), rows)
	same(t, "by UID", uidsOf(byUID(t, b, "A")), []mail.UID{2, 4, 11, 13})

	commit(t, b, put(0, 13), put(1, 12))
	same(t, "to the UID of another row", byKey(t, b, "A"), rows[:2])

	rows[0].Flags = mail.ParseFlags(`\Flagged`)
	commit(t, b, put(0, 14), put(1, 15), put(0, 16))
	same(t, "with other flags", byKey(t, b, "A"), rows[:2])

	again := mail.Row{ID: rows[1].ID + 100, Mailbox: "A", UID: 17, Key: "d", Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutRow{Row: again})
	same(t, "a row that was not there", byKey(t, b, "A"), append(rows[:2:2], again))
	commit(t, b, mail.PutRow{Row: row("A", 18, "e")})
	same(t, "and the next new one", byKey(t, b, "A")[3].ID, again.ID+1)
}

func baseDropUIDs(t *testing.T, b sync.Base) {
	outside := mail.Row{Mailbox: "A", UID: 4, Content: mail.Content{Size: -1}, Window: mail.Outside}
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("A", 0, "c")},
		mail.PutRow{Row: row("A", 3, "")}, mail.PutRow{Row: outside}, mail.PutRow{Row: row("B", 1, "a")})
	want := byKey(t, b, "A")
	for i := range want {
		want[i].UID = 0
	}
	commit(t, b, mail.DropUIDs{Mailbox: "A"}, mail.DropUIDs{Mailbox: "nowhere"})
	same(t, "with a key", byKey(t, b, "A"), want)
	same(t, "without one", uidsOf(byUID(t, b, "A")), []mail.UID{3, 4})
	same(t, "of another mailbox", uidsOf(byUID(t, b, "B")), []mail.UID{1})
	want[0].UID = 2
	commit(t, b, mail.DropUIDs{Mailbox: "A"}, mail.PutRow{Row: want[0]})
	same(t, "and numbered anew", byKey(t, b, "A"), want)
	same(t, "mailboxes", must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(t.Context())), []mail.Checkpoint{{Mailbox: "A"}, {Mailbox: "B"}})
}

// An intent may name a row that is gone by the time it is settled.
func baseFreshIDs(t *testing.T, b sync.Base) {
	seen := map[int64]bool{}
	for i := range 5 {
		commit(t, b, mail.PutRow{Row: row("A", mail.UID(i+1), "")})
		id := onlyRow(t, b, "A").ID
		if seen[id] {
			t.Fatalf("ID %d was used before", id)
		}
		seen[id] = true
		commit(t, b, mail.DropRow{ID: id})
	}
}

func baseOrder(t *testing.T, b sync.Base) {
	uids := []mail.UID{9, 100, 10, 1 << 31, 1, 1<<32 - 1, 2}
	keys := []mail.Key{"b", "a.b", "a", "B", "ä", "a,b", "a b"}
	var changes []mail.Change
	for i := range uids {
		changes = append(changes, mail.PutRow{Row: row("A", uids[i], keys[i])})
	}
	commit(t, b, changes...)
	same(t, "by UID", uidsOf(byUID(t, b, "A")), []mail.UID{1, 2, 9, 10, 100, 1 << 31, 1<<32 - 1})
	same(t, "by key", keysOf(byKey(t, b, "A")), []mail.Key{"B", "a", "a b", "a,b", "a.b", "b", "ä"})
}

// fill puts n rows with both sides into a mailbox.
func fill(t *testing.T, b sync.Base, m mail.Mailbox, n int) {
	t.Helper()
	var changes []mail.Change
	for i := range n {
		changes = append(changes, mail.PutRow{Row: row(m, mail.UID(i+1), mail.Key(fmt.Sprintf("%05d", i)))})
	}
	commit(t, b, changes...)
}

func baseBreak(t *testing.T, b sync.Base) {
	fill(t, b, "A", 600)
	for range 40 { // more often than any pool of readers is large
		n := 0
		for _, err := range b.RowsByUID(t.Context(), "A") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				break
			}
		}
	}
	commit(t, b, mail.DropMailbox{Mailbox: "A"})
	same(t, "rows", len(byUID(t, b, "A")), 0)
}

func baseSnapshot(t *testing.T, b sync.Base) {
	fill(t, b, "A", 600)
	n := 0
	for r, err := range b.RowsByKey(t.Context(), "A") {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 { // the rest of the mailbox goes away under the iteration
			commit(t, b, mail.DropMailbox{Mailbox: "A"}, mail.PutRow{Row: row("B", 1, "b")})
			same(t, "what a new call sees", len(byUID(t, b, "A")), 0)
		}
		if n < 3 {
			same(t, "read in the loop", onlyRow(t, b, "B").Key, mail.Key("b"))
		}
		if n++; r.UID != mail.UID(n) {
			t.Fatalf("row %d has UID %s", n, r.UID)
		}
	}
	same(t, "rows seen", n, 600)
}

func baseIterationContext(t *testing.T, b sync.Base) {
	fill(t, b, "A", 2000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range b.RowsByUID(ctx, "A") {
		if last != nil {
			t.Fatal("the iteration went on after an error")
		}
		last = err
		if n++; n == 2 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n >= 2000 {
		t.Errorf("ended after %d rows with %v, want context.Canceled before the end", n, last)
	}
}

func baseFindUIDs(t *testing.T, b sync.Base) {
	fill(t, b, "A", 50)
	commit(t, b, mail.PutRow{Row: row("A", 0, "no UID")}, mail.PutRow{Row: row("B", 3, "other")})
	var set mail.UIDSet
	set.AddRange(3, 5)
	set.Add(20)
	set.AddRange(49, ^mail.UID(0))
	rows := must[[]mail.Row](t, "find UIDs")(b.FindUIDs(t.Context(), "A", set))
	same(t, "UIDs", uidsOf(rows), []mail.UID{3, 4, 5, 20, 49, 50})
	same(t, "none", len(must[[]mail.Row](t, "find UIDs")(b.FindUIDs(t.Context(), "A", mail.UIDSet{}))), 0)
}

func baseFindKeys(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("B", 1, "c")},
		mail.PutRow{Row: row("A", 3, "")})
	rows := must[[]mail.Row](t, "find keys")(b.FindKeys(t.Context(), "A", []mail.Key{"b", "c", "a", "", "b", "missing"}))
	found := map[mail.Key]int{}
	for _, r := range rows {
		found[r.Key]++
	}
	same(t, "keys", found, map[mail.Key]int{"a": 1, "b": 1})
}

func baseFindContent(t *testing.T, b sync.Base) {
	one, two := row("A", 1, "a"), row("B", 2, "")
	two.Content = one.Content
	near, unknown := row("A", 3, "c"), row("A", 4, "d")
	near.Content.Hash = one.Content.Hash
	near.Content.Hash[31]++ // equal in the beginning
	unknown.Content = mail.Content{Size: 5}
	commit(t, b, mail.PutRow{Row: one}, mail.PutRow{Row: two}, mail.PutRow{Row: near}, mail.PutRow{Row: unknown},
		mail.PutRow{Row: row("C", 1, "x")})
	find := func(hashes ...mail.Hash) map[mail.Mailbox]mail.UID {
		found := map[mail.Mailbox]mail.UID{}
		for _, r := range must[[]mail.Row](t, "find content")(b.FindContent(t.Context(), hashes)) {
			if _, twice := found[r.Mailbox]; twice {
				t.Errorf("more than one row of %s", r.Mailbox)
			}
			found[r.Mailbox] = r.UID
		}
		return found
	}
	same(t, "both copies", find(one.Content.Hash, mail.Hash{1}), map[mail.Mailbox]mail.UID{"A": 1, "B": 2})
	same(t, "one that was asked for twice", find(near.Content.Hash, near.Content.Hash), map[mail.Mailbox]mail.UID{"A": 3})
	same(t, "what is not known", find(mail.Hash{}), map[mail.Mailbox]mail.UID{})
	same(t, "nothing", find(), map[mail.Mailbox]mail.UID{})
	var many []mail.Hash
	for i := range 3000 {
		many = append(many, content(fmt.Sprint("other", i)).Hash)
	}
	same(t, "one among many", find(append(many, near.Content.Hash)...), map[mail.Mailbox]mail.UID{"A": 3})
}

func baseCounts(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "")}, mail.PutRow{Row: row("A", 0, "b")},
		mail.PutRow{Row: row("A", 0, "c")}, mail.PutRow{Row: row("B", 5, "x")})
	same(t, "A", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "A")), mail.Counts{Server: 2, Local: 3})
	same(t, "B", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "B")), mail.Counts{Server: 1, Local: 1})
	same(t, "total", must[mail.Counts](t, "total")(b.Total(t.Context())), mail.Counts{Server: 3, Local: 4})
}

func baseFindLike(t *testing.T, b sync.Base) {
	like := func(m mail.Mailbox, u mail.UID, k mail.Key, size int64, date mail.UnixTime) mail.Change {
		r := row(m, u, k)
		r.Content.Size, r.Date = size, date
		return mail.PutRow{Row: r}
	}
	commit(t, b, like("A", 1, "a", 10, 1000), like("B", 2, "b", 10, 1000), like("B", 3, "c", 11, 1000),
		like("B", 4, "d", 10, 1001), like("B", 5, "", 10, 1000), like("C", 0, "e", 12, 1002), like("C", 6, "f", 13, 0), like("C", 7, "g", -1, 1003))
	find := func(likes ...mail.Likeness) []mail.Key {
		return keysOf(must[[]mail.Row](t, "find like")(b.FindLike(t.Context(), likes)))
	}
	same(t, "size and date", find(mail.Likeness{Size: 10, Date: 1000}), []mail.Key{"a", "b"})
	same(t, "several", find(mail.Likeness{Size: 12, Date: 1002}, mail.Likeness{Size: 11, Date: 1000}, mail.Likeness{Size: 11, Date: 1000}), []mail.Key{"c", "e"})
	same(t, "crosswise", find(mail.Likeness{Size: 11, Date: 1001}), []mail.Key(nil))
	same(t, "what is not known", find(mail.Likeness{Size: 13}, mail.Likeness{Size: -1, Date: 1003}), []mail.Key(nil))
	same(t, "nothing", find(), []mail.Key(nil))
	many := []mail.Likeness{{Size: 10, Date: 1001}}
	for i := range 3000 {
		many = append(many, mail.Likeness{Size: 10, Date: mail.UnixTime(5000 + i)})
	}
	same(t, "one among many", find(many...), []mail.Key{"d"})
}
