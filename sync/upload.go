package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"godwit/mail"
	"godwit/sync/plan"
)

// uploadMessages is how many uploads are intended, sent and recorded together. The
// server's side sends on while answers are on their way, but is idle between two
// such batches; and what a crash leaves of one has to be looked up.
const uploadMessages = 4096

// upload appends a mailbox's new files to the server.
func (r *run) upload(ctx context.Context, w *work) error {
	mostMessages, mostOctets := uploadMessages, int64(batchOctets)
	if r.limited() {
		mostMessages, mostOctets = r.batchSize()
	}
	for len(w.uploads) > 0 {
		var batch []plan.Upload
		octets, reserved := int64(0), int64(0)
		for len(w.uploads) > 0 && len(batch) < mostMessages {
			op, _ := w.uploads[0].(plan.Upload) // all are
			size := op.Content.Size
			if len(batch) > 0 && octets+size > mostOctets {
				break
			}
			w.uploads = w.uploads[1:]
			if !r.Limit.take(size, r.Now()) {
				r.lostUpload(op)
				r.postpone(w.b, size)
				continue
			}
			batch, octets, reserved = append(batch, op), octets+size, reserved+size+overhead
		}
		if len(batch) == 0 {
			continue
		}
		err := r.uploadBatch(ctx, w, batch)
		r.Limit.done(reserved, 0)
		if err != nil {
			for _, op := range append(batch, uploadsOf(w.uploads)...) {
				r.lostUpload(op)
			}
			return err
		}
	}
	return nil
}

func uploadsOf(operations []plan.Operation) []plan.Upload {
	uploads := make([]plan.Upload, 0, len(operations))
	for _, op := range operations {
		if op, ok := op.(plan.Upload); ok {
			uploads = append(uploads, op)
		}
	}
	return uploads
}

// sending is one message on its way to the server: by APPEND, COPY or MOVE.
type sending struct {
	intent mail.Intent
	step   plan.Step
	local  mail.LocalMessage
	flags  mail.Flags     // of the row, once both deltas are carried out
	send   mail.Flags     // that an upload gives the server
	store  mail.FlagDelta // still to be changed on the server
	mark   mail.FlagDelta // still to be changed in the Maildir
	octets int64
	date   mail.UnixTime // INTERNALDATE
	source mail.Key      // a transfer's: the file that base had in the mailbox that it leaves
	taken  bool          // the server said that it took the message
	halved bool          // a move of which nothing shows that the message is gone from where it was
	uid    mail.UID      // under which it arrived; zero: not yet known
	err    error         // the server refused it, or the file is gone
	alone  bool          // err is of this message, not of the whole command
}

func (r *run) uploadBatch(ctx context.Context, w *work, batch []plan.Upload) error {
	b := w.b
	sends := make([]*sending, len(batch))
	var intents []mail.Change
	for i, op := range batch {
		in := mail.Intent{
			ID: r.nextID.Add(1), Kind: mail.IntentUpload, Mailbox: b.name, UIDValidity: b.validity(),
			UID: op.Replace, Key: op.Local.Key, Flags: op.Flags, Content: op.Content.Content, Floor: b.floor(),
		}
		if op.Row != nil {
			in.OldRow = op.Row.ID
		}
		sends[i] = &sending{
			intent: in, step: op.Step, local: op.Local, flags: op.Flags, send: op.Send, store: op.Store, mark: op.Mark,
			octets: op.Content.Size, uid: op.Found, date: op.Content.Date,
		}
		sends[i].intent.Flags = sends[i].recorded(b)
		intents = append(intents, mail.PutIntent{Intent: sends[i].intent})
	}
	if err := r.commit(ctx, intents...); err != nil {
		return err
	}
	if err := r.step("upload.intended"); err != nil {
		return err
	}
	if err := r.send(ctx, w, sends, func(open []*sending) error { return r.append(ctx, b, batch, sends, open) }); err != nil {
		return r.sentSoFar(ctx, w, sends, err)
	}
	return r.sent(ctx, w, sends, "upload")
}

// sentSoFar records, when err ends the sending, what the server had confirmed by then:
// the next run need not look for it.
func (r *run) sentSoFar(ctx context.Context, w *work, sends []*sending, err error) error {
	if isStep(err) {
		return err
	}
	confirmed := slices.DeleteFunc(slices.Clone(sends), func(s *sending) bool { return s.uid == 0 })
	if len(confirmed) == 0 {
		return err
	}
	return errors.Join(err, r.sent(context.WithoutCancel(ctx), w, confirmed, stepOf(confirmed[0].intent.Kind)))
}

// append uploads those of the batch that are still open.
func (r *run) append(ctx context.Context, b *box, batch []plan.Upload, sends, open []*sending) error {
	var uploads []mail.Upload
	for i, s := range sends {
		if s.uid != 0 || s.err != nil {
			continue
		}
		key := batch[i].Local.Key
		flags := s.send
		if b.observed != nil {
			flags = flags.Minus(b.observed.Keywords.Missing(flags))
		}
		uploads = append(uploads, mail.Upload{
			Flags: flags, Date: batch[i].Content.Date, Size: batch[i].Content.Size,
			Open: func() (mail.Body, error) {
				body, size, err := r.Local.Open(ctx, b.name, key)
				if err == nil && size != batch[i].Content.Size {
					err = errors.Join(errEdited, body.Close())
				}
				return body, err
			},
		})
	}
	b.wroteServer.Store(true)
	results, err := r.Server.Append(ctx, b.name, uploads)
	for i, res := range results {
		open[i].err, open[i].alone = res.Err, res.Err != nil
		open[i].taken = res.Err == nil && err == nil
		if res.Err == nil && res.UID >= b.floor() && (res.UIDValidity == 0 || res.UIDValidity == b.validity()) {
			open[i].uid = res.UID
		}
	}
	return err
}

// errEdited is told of a file that changed between the scan and its upload.
var errEdited = errors.New("the file is being changed by another program; it is uploaded in the next run")

// send calls do for what is open until the server's answer for each message is
// known: told, or looked up. What the server took is never sent again, and what
// it may have taken not by this run: it may still be at work on a command whose
// connection is gone.
func (r *run) send(ctx context.Context, w *work, sends []*sending, do func(open []*sending) error) error {
	for {
		open := unanswered(sends)
		if len(open) == 0 {
			return nil
		}
		before := len(open)
		err := do(open)
		uncertain := errors.Is(err, mail.ErrUncertain)
		if err != nil && !uncertain {
			return r.giveUp(sends, err)
		}
		if err := r.step(stepOf(sends[0].intent.Kind) + ".sent"); err != nil {
			return err
		}
		if open = unanswered(sends); len(open) == 0 {
			return nil
		}
		if lerr := r.lookUp(ctx, w.b, sends, uncertain); lerr != nil {
			return lerr // the intents stay: the next run looks
		}
		open = unanswered(sends)
		for _, s := range open {
			if s.taken {
				s.err = errNotFound
			}
		}
		if uncertain {
			return r.giveUp(sends, err)
		}
		if len(open) == before {
			return r.giveUp(sends, errNotFound)
		}
	}
}

// errNotFound is told of messages that the server took without saying where,
// and that cannot be found there.
var errNotFound = errors.New("the server accepted the message, but it is not in the mailbox")

func stepOf(k mail.IntentKind) string {
	if k == mail.IntentUpload {
		return "upload"
	}
	return "transfer"
}

func unanswered(sends []*sending) []*sending {
	var open []*sending
	for _, s := range sends {
		if s.uid == 0 && s.err == nil {
			open = append(open, s)
		}
	}
	return open
}

// lookUp finds messages whose UID the server did not tell. With patience it
// looks again for a while.
func (r *run) lookUp(ctx context.Context, b *box, sends []*sending, patience bool) error {
	open := unanswered(sends)
	var answered mail.UIDSet
	for _, s := range sends {
		answered.Add(s.uid)
	}
	intents := make([]mail.Intent, len(open))
	for i, s := range open {
		intents[i] = s.intent
	}
	found, unclaimed, err := r.findSent(ctx, b, intents, answered, patience)
	if err != nil {
		return fmt.Errorf("looking for what was sent: %w", err)
	}
	var nameless []*sending
	for _, s := range open {
		s.uid = found[s.intent.ID]
		s.halved = s.halved || s.uid != 0 && !s.taken
		if s.uid == 0 && s.taken {
			nameless = append(nameless, s)
		}
	}
	// What the server took and altered beyond recognition is what is left over,
	// in the order in which it was sent, provided that nobody else added anything.
	if len(nameless) == unclaimed.Len() {
		next, stop := iter.Pull(unclaimed.All())
		defer stop()
		for _, s := range nameless {
			s.uid, _ = next()
		}
	}
	return nil
}

// giveUp notes an error for each message that has no answer. When the error ends
// the run, the intents stay, and the next run looks.
func (r *run) giveUp(sends []*sending, err error) error {
	if ends(err) {
		return err
	}
	for _, s := range unanswered(sends) {
		s.err = err
	}
	return nil
}

// sent records what arrived, and what was refused.
func (r *run) sent(ctx context.Context, w *work, sends []*sending, what string) error {
	var changes []mail.Change
	for _, s := range sends {
		if !errors.Is(s.err, mail.ErrUncertain) {
			changes = append(changes, mail.DropIntent{ID: s.intent.ID})
		}
		if s.err != nil {
			r.lost(s.intent.Content.Hash)
			if s.alone && ofItsOwn(s.err) {
				r.asideUpload(w, s)
				continue
			}
			r.unfinish(s.intent.From)
			r.unfinish(r.homes[s.intent.OldRow])
			if errors.Is(s.err, mail.ErrGone) {
				w.b.unfinished.Store(true) // the user took the file away: seen next time
				continue
			}
			r.fail(Failure{Mailbox: w.b.name, Key: s.local.Key, Err: fmt.Errorf("%s: %w", sendingVerb[s.intent.Kind], s.err)})
			continue
		}
		changes = append(changes, r.rowOf(w, s)...)
	}
	changes = append(changes, r.sentEntries(w.b, sends)...)
	if err := r.reletter(ctx, w, sends); err != nil {
		return err
	}
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	if err := r.step(what + ".recorded"); err != nil {
		return err
	}
	for _, s := range sends {
		if s.err == nil {
			if s.intent.Kind == mail.IntentUpload {
				w.b.own().uploaded.Add(s.uid)
			}
			r.noLongerAside(w.b, 0, s.intent.Key)
			r.tellSent(s)
		}
	}
	return nil
}

var sendingVerb = map[mail.IntentKind]string{
	mail.IntentUpload:   "uploading",
	mail.IntentTransfer: "copying on the server",
}

// rowOf is the row of a message that arrived. Flags that a side lacks follow in
// the phase for flags.
func (r *run) rowOf(w *work, s *sending) []mail.Change {
	in := s.intent
	row := mail.Row{
		ID: in.OldRow, Mailbox: in.Mailbox, UID: s.uid, Key: in.Key, Flags: s.flags, Content: in.Content, Inode: s.local.Inode,
		Date: s.date,
	}
	if s.isForeign(w.b) {
		w.rewrite(in.Key)
		s.mark.Add.Keywords = s.flags.Keywords.Minus(w.b.room.Missing(s.flags).Keywords)
		w.laterHere(plan.FlagLocal{Step: s.step, Row: row, Delta: s.mark})
	} else if !s.mark.IsZero() {
		w.laterHere(plan.FlagLocal{Step: s.step, Row: row, Delta: s.mark})
	}
	if !s.store.IsZero() {
		w.later(plan.StoreServer{Step: s.step, Row: row, Delta: s.store})
	}
	row.Flags = s.recorded(w.b)
	changes := []mail.Change{mail.PutRow{Row: row}}
	old := mail.Intent{ID: r.nextID.Add(1), Kind: mail.IntentRemove, Mailbox: in.Mailbox, UIDValidity: in.UIDValidity, UID: in.UID}
	left := in.Kind == mail.IntentUpload && in.UID != 0
	if source := r.boxes[in.From]; s.halved && in.Kind == mail.IntentTransfer && in.OldRow != 0 && source != nil {
		// The move ended in the middle: the copy arrived, and the message may still be
		// where it was copied from.
		old.Mailbox, old.UIDValidity, left = in.From, source.validity(), true
	}
	if left {
		changes = append(changes, mail.PutIntent{Intent: old})
		w.left = append(w.left, old)
	}
	return changes
}

// isForeign tells that the file's name has letters of another mailbox.
func (s *sending) isForeign(b *box) bool {
	in := &s.intent
	return in.From != "" && in.From != in.Mailbox && s.local.Letters != "" && b.policy.Mode.Pulls()
}

// reletter writes the letters of files that came from other mailboxes anew before
// base learns that they are here: from then on a letter that means nothing here
// is taken for the user's, and stays.
func (r *run) reletter(ctx context.Context, w *work, sends []*sending) error {
	var changes []mail.KeyFlags
	for _, s := range sends {
		if s.err == nil && s.isForeign(w.b) {
			changes = append(changes, mail.KeyFlags{Key: s.intent.Key, Delta: s.mark, Anew: true})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	w.b.wroteLocal.Store(true)
	// What fails for one file is met again, and told, when its flags are changed.
	if _, err := r.Local.SetFlags(ctx, w.b.name, changes); err != nil {
		return fmt.Errorf("changing flags in the Maildir: %w", err)
	}
	return nil
}

// recorded are the flags of the row until both deltas are carried out. A keyword
// that the file lacks is not among them where the mailbox has no letter for it:
// its absence would say nothing.
func (s *sending) recorded(b *box) mail.Flags {
	here := undone(s.mark, s.flags)
	flags := between(undone(s.store, s.flags), here, s.flags)
	for _, name := range flags.Minus(here).Keywords.List() {
		letter := false
		if b.listing != nil {
			_, letter = b.listing.Table.Letter(name)
		}
		if !letter {
			flags = flags.Minus(mail.Flags{Keywords: mail.NewKeywords(name)})
		}
	}
	return flags
}

// between returns flags for base from which merging server and here gives merged
// again: for each flag on which the sides differ, the one that merged has not. If
// the run dies before both sides have the merged flags, the next one comes to the
// same end.
func between(server, here, merged mail.Flags) mail.Flags {
	differ := server.Minus(here).Union(here.Minus(server))
	return server.Intersect(here).Union(differ.Minus(merged))
}

// undone is what flags were before the delta that led to them.
func undone(d mail.FlagDelta, flags mail.Flags) mail.Flags {
	return flags.Minus(d.Add).Union(d.Remove)
}

func (r *run) tellSent(s *sending) {
	if s.intent.Kind == mail.IntentUpload {
		r.tell(Transferred{Mailbox: s.intent.Mailbox, Side: OnServer, UID: s.uid, Key: s.intent.Key, Bytes: s.octets}, func(res *Result) {
			res.Pushed++
			res.Bytes += s.octets
		})
		return
	}
	what := "copy"
	if s.intent.OldRow != 0 {
		what = "move"
	}
	r.tell(Changed{Mailbox: s.intent.Mailbox, Side: OnServer, What: what, UID: s.uid, Key: s.intent.Key,
		Detail: "from " + string(s.intent.From), Reason: s.step.Reason}, func(res *Result) { res.Moved++ })
}
