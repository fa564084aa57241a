// Package offline tells what a run would find out about the Maildir, without
// asking the server: which messages are new, changed or gone since both sides
// last agreed. It reads, and changes nothing.
package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
	"godwit/sync"
)

// Mailbox is what is waiting in one mailbox.
type Mailbox struct {
	Name mail.Mailbox
	// New are files that base does not know, Removed are messages whose files are
	// gone, Flagged are those whose flags differ, Edited those whose file is another
	// one under the same name. A message that was moved between mailboxes under its
	// name is Moved, in the mailbox that it came to, and neither New nor Removed.
	New, Removed, Flagged, Edited, Moved int
	// InPart are files that were edited although only part of their message is here.
	// No run uploads them.
	InPart int
	// Unsure says that other programs changed the mailbox while it was read, so
	// that Removed and Moved may be too low.
	Unsure bool
	// Gone says that the mailbox's directory is not there any more; Fresh, that
	// base does not know the mailbox.
	Gone, Fresh bool
}

// Pending tells that anything is waiting.
func (m *Mailbox) Pending() bool {
	return m.New+m.Removed+m.Flagged+m.Edited+m.Moved+m.InPart > 0 || m.Gone || m.Fresh
}

// Changes compares the Maildir with base, mailbox by mailbox, and returns those
// in which anything waits, by name. A mailbox whose directories did not move
// since is not read.
func Changes(ctx context.Context, local sync.Local, base sync.Base, wanted func(mail.Mailbox) bool) ([]Mailbox, error) {
	root, err := local.Root(ctx)
	if err != nil {
		return nil, err
	}
	if !root.Exists {
		return nil, nil
	}
	here, err := local.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	known, err := base.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	before := map[mail.Mailbox]mail.Checkpoint{}
	for _, c := range known {
		before[c.Mailbox] = c
	}
	s := search{local: local, base: base, lost: map[mail.Key][]int{}, found: map[mail.Key][]int{}}
	for _, m := range here {
		if !wanted(m.Name) {
			continue
		}
		c, recorded := before[m.Name]
		delete(before, m.Name)
		box := Mailbox{Name: m.Name, Fresh: !recorded}
		if !recorded || !c.Stamp.Unmoved(m.Stamp) {
			if err := s.look(ctx, &box); err != nil {
				return nil, err
			}
		}
		s.boxes = append(s.boxes, box)
	}
	for _, c := range before {
		if c.OnLocal && wanted(c.Mailbox) {
			s.boxes = append(s.boxes, Mailbox{Name: c.Mailbox, Gone: true})
		}
	}
	s.pairMoves()
	out := slices.DeleteFunc(s.boxes, func(m Mailbox) bool { return !m.Pending() })
	slices.SortFunc(out, func(a, b Mailbox) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return out, nil
}

// search remembers keys that appeared and disappeared, by the mailbox's place in
// boxes, to find those that only moved.
type search struct {
	local       sync.Local
	base        sync.Base
	boxes       []Mailbox
	lost, found map[mail.Key][]int
}

// look compares one mailbox with its rows. Both are in the order of keys.
func (s *search) look(ctx context.Context, box *Mailbox) error {
	at := len(s.boxes)
	listing, err := s.local.Scan(ctx, box.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", box.Name, err)
	}
	box.Unsure = !listing.Settled
	i := 0
	appeared := func(until func(mail.Key) bool) {
		for ; i < listing.Len() && until(listing.Key(i)); i++ {
			m := listing.At(i)
			box.New++
			s.found[m.Key] = append(s.found[m.Key], at)
		}
	}
	for row, err := range s.base.RowsByKey(ctx, box.Name) {
		if err != nil {
			return fmt.Errorf("%s: %w", box.Name, err)
		}
		appeared(func(k mail.Key) bool { return k < row.Key })
		if i < listing.Len() && listing.Key(i) == row.Key {
			m := listing.At(i)
			if !m.Flags(listing.Table).Equal(shown(row.Flags, listing.Table)) {
				box.Flagged++
			}
			switch {
			case row.Inode == 0 || m.Inode == 0 || m.Inode == row.Inode:
			case row.Content.Partial > 0:
				box.InPart++
			default:
				box.Edited++
			}
			i++
			continue
		}
		if listing.Settled && row.UID != 0 {
			box.Removed++
			s.lost[row.Key] = append(s.lost[row.Key], at)
		}
	}
	appeared(func(mail.Key) bool { return true })
	return nil
}

// shown is flags without the keywords that the mailbox has no letter for: these
// live in base alone.
func shown(f mail.Flags, table mail.KeywordTable) mail.Flags {
	var names []string
	for _, k := range f.Keywords.List() {
		if _, has := table.Letter(k); has {
			names = append(names, k)
		}
	}
	return mail.Flags{System: f.System, Keywords: mail.NewKeywords(names...)}
}

// pairMoves takes a key that left one mailbox and appeared in another for one
// message that was moved.
func (s *search) pairMoves() {
	for key, from := range s.lost {
		to := s.found[key]
		for n := range min(len(from), len(to)) {
			s.boxes[from[n]].Removed--
			s.boxes[to[n]].New--
			s.boxes[to[n]].Moved++
		}
	}
}
