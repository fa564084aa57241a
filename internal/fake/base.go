package fake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"godwit/mail"
)

// Base is the record of what both sides agreed on, in memory. Make one with
// [NewBase].
type Base struct {
	Script
	mu    sync.Mutex
	state *baseState
}

// baseState is everything that a Base holds. Commit works on a copy.
type baseState struct {
	rows      map[int64]mail.Row
	nextRow   int64
	mailboxes map[mail.Mailbox]mail.Checkpoint
	intents   []mail.Intent // by age
	problems  []mail.Problem
	aside     []mail.Quarantined
	runs      []mail.RunRecord // by ID
	journal   []mail.Operation // by run and number
}

// keptRuns is how many runs are remembered.
const keptRuns = 4096

// NewBase makes an empty one.
func NewBase() *Base {
	return &Base{state: &baseState{
		rows: map[int64]mail.Row{}, nextRow: 1, mailboxes: map[mail.Mailbox]mail.Checkpoint{},
	}}
}

func (s *baseState) clone() *baseState {
	return &baseState{
		rows: maps.Clone(s.rows), nextRow: s.nextRow, mailboxes: maps.Clone(s.mailboxes),
		intents: slices.Clone(s.intents), problems: slices.Clone(s.problems), aside: slices.Clone(s.aside), runs: slices.Clone(s.runs),
		journal: slices.Clone(s.journal),
	}
}

// Crash is a power cut: what was committed stays. Faults and the log are
// forgotten.
func (b *Base) Crash() { b.Forget() }

// Clone returns another base with the same content and no script.
func (b *Base) Clone() *Base { return &Base{state: b.snapshot().clone()} }

// snapshot is the state of this moment; it never changes again.
func (b *Base) snapshot() *baseState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// read logs a call and returns the state that it sees.
func (b *Base) read(ctx context.Context, method, detail string) (*baseState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fault, err := b.enter(method, detail)
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	return b.snapshot(), nil
}

// sorted returns the rows of m that match, ordered by compare.
func (s *baseState) sorted(match func(mail.Row) bool, compare func(a, b mail.Row) int) []mail.Row {
	var found []mail.Row
	for _, r := range s.rows {
		if match(r) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, compare)
	return found
}

func byUID(a, b mail.Row) int { return cmp.Compare(a.UID, b.UID) }
func byKey(a, b mail.Row) int { return cmp.Compare(a.Key, b.Key) }
func byID(a, b mail.Row) int  { return cmp.Compare(a.ID, b.ID) }

// Checkpoints implements sync.Base.
func (b *Base) Checkpoints(ctx context.Context) ([]mail.Checkpoint, error) {
	s, err := b.read(ctx, "Checkpoints", "")
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(s.mailboxes), func(a, b mail.Checkpoint) int {
		return cmp.Compare(a.Mailbox, b.Mailbox)
	}), nil
}

// Counts implements sync.Base.
func (b *Base) Counts(ctx context.Context, m mail.Mailbox) (mail.Counts, error) {
	s, err := b.read(ctx, "Counts", string(m))
	if err != nil {
		return mail.Counts{}, err
	}
	return s.count(func(r mail.Row) bool { return r.Mailbox == m }), nil
}

// Total implements sync.Base.
func (b *Base) Total(ctx context.Context) (mail.Counts, error) {
	s, err := b.read(ctx, "Total", "")
	if err != nil {
		return mail.Counts{}, err
	}
	return s.count(func(mail.Row) bool { return true }), nil
}

func (s *baseState) count(match func(mail.Row) bool) (n mail.Counts) {
	for _, r := range s.rows {
		if match(r) && r.UID != 0 {
			n.Server++
		}
		if match(r) && r.Key != "" {
			n.Local++
		}
		if match(r) && r.Window == mail.Outside {
			n.Outside++
		}
	}
	return n
}

// RowsByUID implements sync.Base.
func (b *Base) RowsByUID(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error] {
	return b.rows(ctx, "RowsByUID", m, func(r mail.Row) bool { return r.Mailbox == m && r.UID != 0 }, byUID)
}

// RowsByKey implements sync.Base.
func (b *Base) RowsByKey(ctx context.Context, m mail.Mailbox) iter.Seq2[mail.Row, error] {
	return b.rows(ctx, "RowsByKey", m, func(r mail.Row) bool { return r.Mailbox == m && r.Key != "" }, byKey)
}

// OutsideRows implements sync.Base.
func (b *Base) OutsideRows(ctx context.Context, m mail.Mailbox, from mail.UID) iter.Seq2[mail.Row, error] {
	return b.rows(ctx, "OutsideRows", m, func(r mail.Row) bool {
		return r.Mailbox == m && r.Window == mail.Outside && r.UID >= from
	}, byUID)
}

// HighestUIDs implements sync.Base.
func (b *Base) HighestUIDs(ctx context.Context, m mail.Mailbox, n int) (mail.UIDSet, error) {
	var uids mail.UIDSet
	s, err := b.read(ctx, "HighestUIDs", fmt.Sprint(m, " ", n))
	if err != nil {
		return uids, err
	}
	rows := s.sorted(func(r mail.Row) bool { return r.Mailbox == m && r.UID != 0 }, byUID)
	for _, r := range rows[max(0, len(rows)-max(0, n)):] {
		uids.Add(r.UID)
	}
	return uids, nil
}

func (b *Base) rows(ctx context.Context, method string, m mail.Mailbox,
	match func(mail.Row) bool, compare func(a, b mail.Row) int) iter.Seq2[mail.Row, error] {
	return func(yield func(mail.Row, error) bool) {
		s, err := b.read(ctx, method, string(m))
		if err != nil {
			yield(mail.Row{}, err)
			return
		}
		for _, r := range s.sorted(match, compare) {
			if err := ctx.Err(); err != nil {
				yield(mail.Row{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// FindUIDs implements sync.Base.
func (b *Base) FindUIDs(ctx context.Context, m mail.Mailbox, uids mail.UIDSet) ([]mail.Row, error) {
	s, err := b.read(ctx, "FindUIDs", string(m)+" "+uids.String())
	if err != nil {
		return nil, err
	}
	return s.sorted(func(r mail.Row) bool { return r.Mailbox == m && r.UID != 0 && uids.Contains(r.UID) }, byUID), nil
}

// FindKeys implements sync.Base.
func (b *Base) FindKeys(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.Row, error) {
	s, err := b.read(ctx, "FindKeys", fmt.Sprintf("%s %q", m, keys))
	if err != nil {
		return nil, err
	}
	return s.sorted(func(r mail.Row) bool { return r.Mailbox == m && r.Key != "" && slices.Contains(keys, r.Key) }, byKey), nil
}

// FindContent implements sync.Base.
func (b *Base) FindContent(ctx context.Context, hashes []mail.Hash) ([]mail.Row, error) {
	s, err := b.read(ctx, "FindContent", fmt.Sprint(len(hashes)))
	if err != nil {
		return nil, err
	}
	return s.sorted(func(r mail.Row) bool {
		return !r.Content.Hash.IsZero() && slices.Contains(hashes, r.Content.Hash)
	}, byID), nil
}

// FindLike implements sync.Base.
func (b *Base) FindLike(ctx context.Context, likes []mail.Likeness) ([]mail.Row, error) {
	s, err := b.read(ctx, "FindLike", fmt.Sprint(len(likes)))
	if err != nil {
		return nil, err
	}
	return s.sorted(func(r mail.Row) bool {
		return r.Key != "" && r.Date != 0 && r.Content.Size >= 0 &&
			slices.Contains(likes, mail.Likeness{Size: r.Content.Size, Date: r.Date})
	}, byID), nil
}

// PartialRows implements sync.Base.
func (b *Base) PartialRows(ctx context.Context) ([]mail.Row, error) {
	s, err := b.read(ctx, "PartialRows", "")
	if err != nil {
		return nil, err
	}
	return s.sorted(func(r mail.Row) bool { return r.Content.Partial > 0 }, func(x, y mail.Row) int {
		return cmp.Or(cmp.Compare(x.Mailbox, y.Mailbox), byUID(x, y), byKey(x, y))
	}), nil
}

// Intents implements sync.Base.
func (b *Base) Intents(ctx context.Context) ([]mail.Intent, error) {
	s, err := b.read(ctx, "Intents", "")
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.intents), nil
}

// Problems implements sync.Base.
func (b *Base) Problems(ctx context.Context) ([]mail.Problem, error) {
	s, err := b.read(ctx, "Problems", "")
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(slices.Values(s.problems), func(a, b mail.Problem) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Key, b.Key))
	}), nil
}

// Quarantine implements sync.Base.
func (b *Base) Quarantine(ctx context.Context) ([]mail.Quarantined, error) {
	s, err := b.read(ctx, "Quarantine", "")
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(slices.Values(s.aside), func(a, b mail.Quarantined) int {
		return cmp.Or(cmp.Compare(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID), cmp.Compare(a.Key, b.Key))
	}), nil
}

// LastRuns implements sync.Base.
func (b *Base) LastRuns(ctx context.Context, n int) ([]mail.RunRecord, error) {
	s, err := b.read(ctx, "LastRuns", fmt.Sprint(n))
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(s.runs)
	slices.Reverse(newest)
	return newest[:min(max(n, 0), len(newest))], nil
}

// Operations returns what a run did, as statedb does.
func (b *Base) Operations(ctx context.Context, run int64) ([]mail.Operation, error) {
	s, err := b.read(ctx, "Operations", fmt.Sprint(run))
	if err != nil {
		return nil, err
	}
	var found []mail.Operation
	for _, o := range s.journal {
		if o.Run == run {
			found = append(found, o)
		}
	}
	return found, nil
}
