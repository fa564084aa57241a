package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"godwit/mail"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many files are read before their findings are told, in order.
const atOnce = 512

// pair is a row and its file, to be read.
type pair struct {
	row  mail.Row
	file mail.LocalMessage
	size int64             // what was read, without Deep
	is   mail.LocalContent // what was read, with Deep
	err  error
}

// local holds a mailbox's rows against its files.
func (v *verifier) local(ctx context.Context, b *box) error {
	switch {
	case b.local == nil && b.before.OnLocal:
		v.found(b, Finding{Kind: DirectoryGone})
		return nil
	case b.local == nil || b.known && !b.before.OnLocal:
		return nil // the Maildir does without it, or gets it back by the next run
	}
	listing, err := v.Local.Scan(ctx, b.summary.Name)
	if err != nil {
		return err
	}
	b.summary.Files = listing.Len()
	moved := !b.before.Stamp.Unmoved(listing.Stamp)
	if !listing.Settled {
		v.found(b, Finding{Kind: DirectoryBusy, Waiting: true})
	}
	w := &files{v: v, b: b, moved: moved, listing: listing}
	next, stop := iter.Pull2(v.Base.RowsByKey(ctx, b.summary.Name))
	defer stop()
	row, err, more := next()
	for i := 0; i < listing.Len() || more; {
		if err != nil {
			return baseError(err)
		}
		switch {
		case !more || i < listing.Len() && listing.Key(i) < row.Key:
			w.unknown(listing.At(i))
			i++
			continue
		case i == listing.Len() || row.Key < listing.Key(i):
			if listing.Settled {
				v.found(b, Finding{Kind: FileMissing, UID: row.UID, Key: row.Key, Row: row.ID, Waiting: moved})
			}
		default:
			if err := w.both(ctx, row, listing.At(i)); err != nil {
				return err
			}
			i++
		}
		row, err, more = next()
	}
	if err != nil {
		return baseError(err)
	}
	return w.read(ctx)
}

// files is a mailbox's files being compared.
type files struct {
	v       *verifier
	b       *box
	moved   bool // a run will look at them by itself
	listing *mail.Listing
	pairs   []pair
}

// unknown tells of a file without a row. In a mode that does not push it is the
// Maildir's own.
func (w *files) unknown(m mail.LocalMessage) {
	if !w.b.mode.Pushes {
		return
	}
	aside := w.v.files[w.b.summary.Name][m.Key]
	w.v.found(w.b, Finding{Kind: FileUnknown, Key: m.Key, Waiting: w.moved || aside != "", Detail: aside})
}

// both compares what the name shows, and leaves the content to be read.
func (w *files) both(ctx context.Context, row mail.Row, m mail.LocalMessage) error {
	here, both := m.Flags(w.listing.Table), shown(row.Flags, w.listing.Table)
	if !here.Equal(both) && w.b.mode.Pushes {
		w.v.found(w.b, Finding{Kind: FileFlags, UID: row.UID, Key: row.Key, Row: row.ID, Waiting: w.moved,
			Detail: mail.FlagsBetween(both, here).String()})
	}
	w.pairs = append(w.pairs, pair{row: row, file: m})
	if len(w.pairs) < atOnce {
		return nil
	}
	return w.read(ctx)
}

// shown is flags without the keywords that the mailbox has no letter for: these
// live in base alone.
func shown(f mail.Flags, table mail.KeywordTable) mail.Flags {
	if f.Keywords == "" {
		return f
	}
	var names []string
	for _, k := range f.Keywords.List() {
		if _, has := table.Letter(k); has {
			names = append(names, k)
		}
	}
	return mail.Flags{System: f.System, Keywords: mail.NewKeywords(names...)}
}

// read reads the files that were gathered, side by side, and tells in order what
// is in them.
func (w *files) read(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(w.v.Workers)
	for i := range w.pairs {
		p := &w.pairs[i]
		g.Go(func() error {
			p.err = w.v.readFile(gctx, w.b.summary.Name, p)
			return gctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range w.pairs {
		w.tell(&w.pairs[i])
	}
	w.pairs = w.pairs[:0]
	return nil
}

func (v *verifier) readFile(ctx context.Context, m mail.Mailbox, p *pair) (err error) {
	if v.Deep {
		p.is, err = v.Local.Read(ctx, m, p.file.Key)
		p.size = p.is.Size
		return err
	}
	// Opening a message tells its length in wire form, which takes reading it: a
	// file has LF where the message has CRLF.
	body, size, err := v.Local.Open(ctx, m, p.file.Key)
	if err != nil {
		return err
	}
	p.size = size
	return body.Close()
}

func (w *files) tell(p *pair) {
	f := Finding{UID: p.row.UID, Key: p.row.Key, Row: p.row.ID, Waiting: w.moved && p.file.Inode != p.row.Inode && p.row.Inode != 0}
	want := p.row.Content
	switch {
	case errors.Is(p.err, mail.ErrGone):
		f.Kind, f.Waiting = FileMissing, true // renamed or removed just now
	case p.err != nil:
		f.Kind, f.Detail = FileUnreadable, p.err.Error()
	case want.Size >= 0 && p.size != want.Size:
		f.Kind, f.Detail = FileSize, fmt.Sprintf("%d octets instead of %d", p.size, want.Size)
	case w.v.Deep && !want.Hash.IsZero() && p.is.Hash != want.Hash:
		f.Kind, f.Detail = FileContent, fmt.Sprintf("SHA-256 %x… instead of %x…", p.is.Hash[:6], want.Hash[:6])
	default:
		return
	}
	if f.Content() && !f.Waiting && p.file.Inode == p.row.Inode {
		f.Detail += ", changed in place"
	}
	w.v.found(w.b, f)
}
