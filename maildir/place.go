package maildir

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/mail"
)

// boxesAtOnce is how many mailboxes of a batch are open at the same time.
const boxesAtOnce = 64

// byMailbox calls act with each mailbox of a batch and its messages, in order.
// What fails in one does not keep the others from being done.
func (a *Account) byMailbox(ctx context.Context, staged []mail.Staged, act func(b *box, batch []mail.Staged) error) error {
	var failed error
	for _, batch := range groups(staged) {
		if err := ctx.Err(); err != nil {
			return errors.Join(failed, err)
		}
		a.letGo(batch[0].Mailbox)
		b, err := a.openAll(batch[0].Mailbox)
		if err != nil {
			failed = errors.Join(failed, explain("open", batch[0].Mailbox, "", err))
			continue
		}
		failed = errors.Join(failed, act(b, batch))
		b.close()
	}
	return failed
}

// groups splits a batch by mailbox, in the order of their first messages.
func groups(staged []mail.Staged) [][]mail.Staged {
	var out [][]mail.Staged
	at := map[mail.Mailbox]int{}
	for _, s := range staged {
		i, known := at[s.Mailbox]
		if !known {
			i = len(out)
			at[s.Mailbox] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

// Settle makes staged messages durable, together: by one syncfs or by fsyncs
// side by side. A staged message that is not in tmp/ any more is an error.
func (a *Account) Settle(ctx context.Context, staged []mail.Staged) error {
	for some := range slices.Chunk(groups(staged), boxesAtOnce) {
		if err := a.settleSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) settleSome(ctx context.Context, some [][]mail.Staged) error {
	var items []item
	for _, batch := range some {
		if err := ctx.Err(); err != nil {
			return err
		}
		a.letGo(batch[0].Mailbox)
		tmp, err := a.openTmp(batch[0].Mailbox)
		if err != nil {
			return explain("settle", batch[0].Mailbox, "", err)
		}
		defer tmp.close()
		for _, s := range batch {
			err := inTmp(s.Key, func(name string, _ bool) error {
				_, err := tmp.stat(name)
				if err == nil {
					items = append(items, item{tmp, name})
				}
				return err
			})
			if err != nil {
				return explain("settle", s.Mailbox, s.Key, err)
			}
		}
	}
	return explain("settle", "", "", a.durable.flush(items))
}

// Place moves staged messages into new/ or cur/, never over another file, and
// makes that durable. A message without any flag goes to new/, any other to
// cur/. Keywords that the mailbox has no letter for yet get one; those for which
// none is left are passed over. A message that is in place already, because
// this was done before, stays. What fails for one message keeps none of the
// others from being placed: the error names them all.
func (a *Account) Place(ctx context.Context, staged []mail.Staged) error {
	var failed error
	for some := range slices.Chunk(groups(staged), boxesAtOnce) {
		failed = errors.Join(failed, a.placeSome(ctx, some))
	}
	return failed
}

func (a *Account) placeSome(ctx context.Context, some [][]mail.Staged) error {
	var failed error
	var items []item
	for _, batch := range some {
		if err := ctx.Err(); err != nil {
			failed = errors.Join(failed, err)
			break // what was moved so far is made durable all the same
		}
		a.letGo(batch[0].Mailbox)
		b, err := a.openAll(batch[0].Mailbox)
		if err != nil {
			failed = errors.Join(failed, explain("deliver to", batch[0].Mailbox, "", err))
			continue
		}
		defer b.close()
		touched, err := a.placeIn(ctx, b, batch)
		failed = errors.Join(failed, err)
		for _, d := range touched {
			items = append(items, item{dir: d})
		}
	}
	if len(items) == 0 {
		return failed
	}
	return errors.Join(failed, explain("deliver", "", "", a.durable.flush(items)))
}

// placeIn moves one mailbox's staged messages and returns the directories that
// must be made durable.
func (a *Account) placeIn(ctx context.Context, b *box, batch []mail.Staged) (touched []dir, failed error) {
	var keywords mail.Keywords
	foreign := map[mail.Key]bool{}
	for _, s := range batch {
		if s.Flags.Keywords != keywords {
			keywords = keywords.Union(s.Flags.Keywords)
		}
		if !a.isFresh(s.Key) {
			foreign[s.Key] = true
		}
	}
	table, err := a.lettersFor(ctx, b, keywords)
	if err != nil {
		return nil, explain("keywords of", b.name, "", err)
	}
	there, err := a.present(b, foreign)
	if err != nil {
		return nil, explain("deliver to", b.name, "", err)
	}
	var toNew, toCur bool
	for _, s := range batch {
		if e, taken := there[s.Key]; taken && e.inode != s.Inode {
			failed = errors.Join(failed, explain("deliver", b.name, s.Key,
				fmt.Errorf("the mailbox has a message with this key: %w", errExists)))
			continue
		}
		err := inTmp(s.Key, func(name string, raw bool) error {
			f := fileName{key: string(s.Key), raw: raw, system: s.Flags.System, letters: encode(table, s.Flags.Keywords)}
			isNew, target := f.place()
			if isNew && !s.Flags.IsZero() {
				isNew, target = false, f.String() // a keyword without a letter
			}
			err := b.tmp.move(name, b.in(entry{isNew: isNew}), target)
			if err == nil {
				toNew, toCur = toNew || isNew, toCur || !isNew
			}
			return err
		})
		if isMissing(err) {
			// Placed before, or lost from tmp/.
			err = a.withFile(ctx, b, s.Key, func(entry) error { return nil })
			toNew, toCur = true, true
		}
		if err != nil {
			failed = errors.Join(failed, explain("deliver", b.name, s.Key, err))
			continue
		}
		a.forget(s.Mailbox, tmpName(s.Key))
	}
	if toNew {
		touched = append(touched, b.new)
	}
	if toCur {
		touched = append(touched, b.cur)
	}
	return touched, failed
}

// present finds which of some keys the mailbox has.
func (a *Account) present(b *box, keys map[mail.Key]bool) (map[mail.Key]entry, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	found, _, err := a.listWanted(context.Background(), b, keys, true)
	return found, err
}
