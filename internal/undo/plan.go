package undo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
	"godwit/sync"
)

// Undo takes things back in one account. The caller holds the account's lock.
type Undo struct {
	Base   *statedb.DB
	Local  *maildir.Account
	Server sync.Server // nil: offline
	// Policy gives each mailbox its rules.
	Policy func(mail.Mailbox, mail.Role) conflict.Policy

	listings map[mail.Mailbox]*mail.Listing
	trash    map[int64][]maildir.Trashed
	taken    map[place]bool // keys that the plan gives away
	used     map[int64]bool // rows that the plan moves
	files    map[string]bool
	// returning are the steps that bring messages back, by what they were.
	returning map[number]int
	// runs are the entries of runs that took something back.
	runs map[int64][]mail.Operation
}

type number struct {
	mailbox mail.Mailbox
	uid     mail.UID
}

type place struct {
	mailbox mail.Mailbox
	key     mail.Key
}

// Kind is what a step does.
type Kind int

// The kinds of [Step].
const (
	Restore    Kind = iota + 1 // bring a file back from the trash
	MoveFile                   // move a file back from another mailbox
	MoveServer                 // move a message back on the server
	Copy                       // make a file of a copy that another mailbox has
	Flag                       // change flags back
	Remove                     // move a file to the trash that an undo had brought back
)

// Step is one thing to be done. It takes back its entries.
type Step struct {
	Kind    Kind
	Mailbox mail.Mailbox // where it is to be
	From    mail.Mailbox // for MoveFile, MoveServer and Copy
	Key     mail.Key     // in Mailbox
	FromKey mail.Key
	UID     mail.UID // for MoveServer: in From, if it is known
	Flags   mail.Flags
	Delta   mail.FlagDelta // for Flag
	Keys    []mail.Key     // for Flag
	Content mail.Content
	Entries []mail.Operation

	file maildir.Trashed
}

// Left is an entry that is not taken back, and why.
type Left struct {
	Entry mail.Operation
	Why   string
	// Fine: there is nothing to be done, because it is back, or was never gone.
	Fine bool
}

// Plan is what an undo would do.
type Plan struct {
	Steps []Step
	Left  []Left
	// Before are the runs that took some of it back already; Chosen counts the
	// entries that were asked for and can be taken back by their kind.
	Before []int64
	Chosen int
}

// Plan finds out how to take back what is wished. It changes nothing.
func (u *Undo) Plan(ctx context.Context, w Wish) (*Plan, error) {
	u.listings, u.trash = map[mail.Mailbox]*mail.Listing{}, map[int64][]maildir.Trashed{}
	u.taken, u.used, u.files = map[place]bool{}, map[int64]bool{}, map[string]bool{}
	u.returning, u.runs = map[number]int{}, map[int64][]mail.Operation{}
	chosen, err := u.choose(ctx, w)
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	groups := u.group(p, chosen)
	if err := u.forgetReturned(ctx, chosen); err != nil {
		return nil, err
	}
	for _, g := range groups {
		var step *Step
		var left *Left
		switch g[0].Kind {
		case mail.OperationRemoved:
			step, left, err = u.removed(ctx, g)
		case mail.OperationLeft:
			step, left, err = u.left(ctx, g[0])
		case mail.OperationMoved:
			step, left, err = u.moved(ctx, g)
		case mail.OperationRestored:
			step, left, err = u.restored(ctx, g)
		case mail.OperationFlags:
			var more []Left
			step, more, err = u.flags(ctx, p, g[0])
			p.Left = append(p.Left, more...)
		}
		if err != nil {
			return nil, err
		}
		if step != nil {
			step.Entries = append(step.Entries, g...)
			for _, o := range g {
				switch {
				case o.Kind == mail.OperationRemoved && o.UID() != 0:
					u.returning[number{o.Mailbox, o.UID()}] = len(p.Steps)
				case step.Kind == MoveFile && o.OtherUID != 0:
					u.returning[number{o.Other, o.OtherUID}] = len(p.Steps)
				}
			}
			p.Steps = append(p.Steps, *step)
		}
		if left != nil {
			p.Left = append(p.Left, *left)
		}
	}
	// Last what needs the server: it may be out of reach.
	slices.SortStableFunc(p.Steps, func(a, b Step) int {
		return cmp.Compare(last(a), last(b))
	})
	return p, nil
}

func last(s Step) int {
	if s.Kind == MoveServer {
		return 1
	}
	return 0
}

// group puts the entries together that are about one message and one thing: it
// may have been removed on both sides, and what an undo moved here its run moved
// on the server.
func (u *Undo) group(p *Plan, chosen []mail.Operation) [][]mail.Operation {
	type identity struct {
		class   string
		run     int64
		mailbox mail.Mailbox
		key     mail.Key
		uids    string
	}
	var order []identity
	groups := map[identity][]mail.Operation{}
	seen := map[[2]int64]bool{}
	for _, o := range chosen {
		class := ""
		switch o.Kind {
		case mail.OperationRemoved:
			class = "removed"
		case mail.OperationLeft:
			class = "left"
		case mail.OperationMoved, mail.OperationRestored:
			class = "placed"
		case mail.OperationFlags:
			class = "flags " + o.Before.String() + " " + o.Flags.String()
		case mail.OperationEdited, mail.OperationReplaced:
			if o.Undone == 0 {
				p.Left = append(p.Left, Left{Entry: o, Why: "what was there before an edit is not kept"})
			}
			continue
		default:
			continue
		}
		if seen[[2]int64{o.Run, o.Seq}] {
			continue
		}
		seen[[2]int64{o.Run, o.Seq}] = true
		p.Chosen++
		if o.Undone != 0 {
			if !slices.Contains(p.Before, o.Undone) {
				p.Before = append(p.Before, o.Undone)
			}
			continue
		}
		id := identity{class: class, run: o.Run, mailbox: o.Mailbox, key: o.Key}
		if o.Key == "" || o.Kind == mail.OperationFlags {
			id.key, id.uids = "", o.UIDs.String()
		}
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], o)
	}
	var out [][]mail.Operation
	for _, id := range order {
		g := groups[id]
		// An undo's own entry says more than that of the run that followed it.
		slices.SortStableFunc(g, func(a, b mail.Operation) int { return int(b.Kind) - int(a.Kind) })
		out = append(out, g)
	}
	return out
}

// removed plans to bring one message back.
func (u *Undo) removed(ctx context.Context, g []mail.Operation) (*Step, *Left, error) {
	o := g[0]
	var local, server *mail.Operation
	for i := range g {
		if g[i].Side == mail.SideLocal {
			local = &g[i]
		} else {
			server = &g[i]
		}
	}
	if o.Intended {
		unsettled, err := u.hasOldRow(ctx, &o)
		if err != nil || unsettled {
			return nil, &Left{Entry: o, Why: "the run died when it was about to remove it, and what became of it is settled by the next sync"}, err
		}
	}
	there, why, err := u.isThere(ctx, &o)
	if err != nil || there {
		return nil, &Left{Entry: o, Why: why, Fine: true}, err
	}
	step := Step{Mailbox: o.Mailbox, Flags: u.kept(o.Mailbox, o.Flags), Content: o.Content}
	if server != nil && server.Other != "" {
		found, err := u.inMailbox(ctx, server.Other, server.OtherUID, server)
		if err != nil {
			return nil, nil, err
		}
		if found != nil {
			step.Kind, step.From, step.FromKey = MoveFile, server.Other, found.Key
			step.Flags = u.kept(o.Mailbox, found.Flags)
			step.Key, err = u.freeKey(ctx, o.Mailbox, o.Key)
			return &step, nil, err
		}
	}
	if local != nil {
		file, content, err := u.trashed(ctx, local)
		if err != nil {
			return nil, nil, err
		}
		if file != nil && content.Partial > 0 {
			// The server would take the part for the message.
			return nil, &Left{Entry: o, Why: "only a part of it was fetched before the server dropped it; the part is " + file.Path()}, nil
		}
		if file != nil {
			u.files[file.Path()] = true
			step.Kind, step.file, step.Content = Restore, *file, content.Content
			step.Flags = u.kept(o.Mailbox, mail.Flags{System: file.System, Keywords: local.Flags.Keywords})
			step.Key, err = u.freeKey(ctx, o.Mailbox, o.Key)
			return &step, nil, err
		}
	}
	if server != nil && server.Other != "" {
		if u.Server == nil {
			return nil, &Left{Entry: o, Why: fmt.Sprintf("it is in %s on the server, which cannot be asked offline", server.Other)}, nil
		}
		step.Kind, step.From, step.UID = MoveServer, server.Other, server.OtherUID
		return &step, nil, nil
	}
	other, err := u.copyOf(ctx, &o)
	if err != nil {
		return nil, nil, err
	}
	if other != nil {
		step.Kind, step.From, step.FromKey = Copy, other.Mailbox, other.Key
		step.Key, err = u.freeKey(ctx, o.Mailbox, o.Key)
		return &step, nil, err
	}
	why = "its file is not in the trash any more"
	if local == nil {
		why = "it was expunged from the server, and no copy of it is left here"
	}
	return nil, &Left{Entry: o, Why: why}, nil
}

// kept are the flags that a message comes back with: all of them, unless
// \Deleted would have it removed again at once.
func (u *Undo) kept(m mail.Mailbox, f mail.Flags) mail.Flags {
	if u.Policy(m, "").ExpungeFlagged {
		f.System &^= mail.Deleted
	}
	return f
}

// isThere tells that a removed message is back, or never went.
func (u *Undo) isThere(ctx context.Context, o *mail.Operation) (bool, string, error) {
	if !o.Content.Hash.IsZero() {
		rows, err := u.Base.FindContent(ctx, []mail.Hash{o.Content.Hash})
		if err != nil {
			return false, "", err
		}
		for _, row := range rows {
			if row.Mailbox == o.Mailbox && row.ID >= o.Mark && !u.used[row.ID] {
				u.used[row.ID] = true
				return true, "it is there again", nil
			}
		}
	}
	if o.Key == "" {
		return false, "", nil
	}
	l, err := u.listing(ctx, o.Mailbox)
	if err != nil || l == nil {
		return false, "", err
	}
	if _, found := l.Find(o.Key); !found {
		return false, "", nil
	}
	c, err := u.Local.Read(ctx, o.Mailbox, o.Key)
	if errors.Is(err, mail.ErrGone) {
		return false, "", nil
	}
	if err != nil {
		return false, "", err
	}
	return o.Content.Hash.IsZero() || c.Hash == o.Content.Hash, "its file is there", nil
}

// forgetReturned sets aside the rows of messages that an undo brought back already:
// another one with the same content is not back because of them.
func (u *Undo) forgetReturned(ctx context.Context, chosen []mail.Operation) error {
	for _, o := range chosen {
		if o.Kind != mail.OperationRemoved || o.Undone == 0 || o.Content.Hash.IsZero() {
			continue
		}
		if _, _, err := u.isThere(ctx, &o); err != nil {
			return err
		}
	}
	return nil
}

// hasOldRow tells that base still has the message that an entry is about to
// remove.
func (u *Undo) hasOldRow(ctx context.Context, o *mail.Operation) (bool, error) {
	rows, err := u.Base.FindUIDs(ctx, o.Mailbox, o.UIDs)
	if err == nil && o.Key != "" {
		var more []mail.Row
		more, err = u.Base.FindKeys(ctx, o.Mailbox, []mail.Key{o.Key})
		rows = append(rows, more...)
	}
	return slices.ContainsFunc(rows, func(row mail.Row) bool { return row.ID < o.Mark }), err
}

// inMailbox finds the file of a message that the server moved to a mailbox: by
// the UID that it got there, else by content.
func (u *Undo) inMailbox(ctx context.Context, m mail.Mailbox, uid mail.UID, o *mail.Operation) (*mail.Row, error) {
	var rows []mail.Row
	var err error
	if uid != 0 {
		if rows, err = u.Base.FindUIDs(ctx, m, mail.UIDs(uid)); err != nil {
			return nil, err
		}
	}
	if !o.Content.Hash.IsZero() {
		same, err := u.Base.FindContent(ctx, []mail.Hash{o.Content.Hash})
		if err != nil {
			return nil, err
		}
		slices.Reverse(same) // the newest first
		rows = append(rows, same...)
	}
	for _, row := range rows {
		if row.Mailbox != m || row.Key == "" || row.ID < o.Mark || u.used[row.ID] || row.Content.Compare(o.Content) != mail.Same {
			continue
		}
		found, err := u.fileOf(ctx, &row)
		if err != nil || found {
			u.used[row.ID] = found
			return &row, err
		}
	}
	return nil, nil
}

// fileOf tells that a row's file is where base has it, and gives the row the flags
// that the file has now.
func (u *Undo) fileOf(ctx context.Context, row *mail.Row) (bool, error) {
	l, err := u.listing(ctx, row.Mailbox)
	if err != nil || l == nil {
		return false, err
	}
	file, found := l.Find(row.Key)
	if found {
		now := file.Flags(l.Table)
		for _, name := range row.Flags.Keywords.List() { // those without a letter live in base alone
			if _, has := l.Table.Letter(name); !has {
				now.Keywords = now.Keywords.Union(mail.NewKeywords(name))
			}
		}
		row.Flags = now
	}
	return found, nil
}

// listing scans a mailbox once; nil: it is not there.
func (u *Undo) listing(ctx context.Context, m mail.Mailbox) (*mail.Listing, error) {
	if l, done := u.listings[m]; done {
		return l, nil
	}
	l, err := u.Local.Scan(ctx, m)
	if errors.Is(err, mail.ErrNoMailbox) {
		l, err = nil, nil
	}
	if err == nil {
		u.listings[m] = l
	}
	return l, err
}

// freeKey is the wanted key, or a fresh one where it is taken.
func (u *Undo) freeKey(ctx context.Context, m mail.Mailbox, wanted mail.Key) (mail.Key, error) {
	l, err := u.listing(ctx, m)
	if err != nil {
		return "", err
	}
	free := wanted != "" && !u.taken[place{m, wanted}]
	if free && l != nil {
		_, found := l.Find(wanted)
		free = !found
	}
	if !free {
		wanted = u.Local.NewKey()
	}
	u.taken[place{m, wanted}] = true
	return wanted, nil
}

// copyOf finds a file with the content that a message had.
func (u *Undo) copyOf(ctx context.Context, o *mail.Operation) (*mail.Row, error) {
	if o.Content.Hash.IsZero() {
		return nil, nil
	}
	rows, err := u.Base.FindContent(ctx, []mail.Hash{o.Content.Hash})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Key == "" || row.Content.Partial > 0 {
			continue
		}
		if found, err := u.fileOf(ctx, &row); err != nil || found {
			return &row, err
		}
	}
	return nil, nil
}

// trashed finds an entry's file in the trash, by its key and content; nil when it
// is not there.
func (u *Undo) trashed(ctx context.Context, o *mail.Operation) (*maildir.Trashed, mail.LocalContent, error) {
	if u.trash == nil {
		u.trash = map[int64][]maildir.Trashed{}
	}
	files, known := u.trash[o.Run]
	if !known {
		var err error
		if files, err = u.Local.Trashed(ctx, o.Run); err != nil {
			return nil, mail.LocalContent{}, err
		}
		u.trash[o.Run] = files
	}
	// A file whose key was taken in the trash has another one there.
	for _, sameKey := range []bool{true, false} {
		for i := range files {
			f := &files[i]
			if f.Mailbox != o.Mailbox || (f.Key == o.Key) != sameKey || u.files[f.Path()] || !sameKey && o.Content.Hash.IsZero() {
				continue
			}
			c, err := u.Local.ReadTrashed(ctx, *f)
			if errors.Is(err, mail.ErrGone) {
				continue
			}
			if err != nil {
				return nil, c, err
			}
			// A file that was edited before it was removed is the file all the same,
			// under its own key.
			if sameKey || c.Hash == o.Content.Hash {
				return f, c, nil
			}
		}
	}
	return nil, mail.LocalContent{}, nil
}
