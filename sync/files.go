package sync

import (
	"context"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// manyReader is what a Local may offer besides: to read many messages of a mailbox
// for less than one after another costs. One result a message, as Read gives it.
type manyReader interface {
	ReadMany(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.LocalContent, []error, error)
}

// readAhead is how many files are read at a time where there are many.
const readAhead = 256

// isUnread tells of a file that base does not know, or knows another one under its
// key: what it holds has to be read.
func isUnread(item *plan.Item) bool {
	return item.Local != nil && (item.Base == nil || item.Local.Inode != item.Base.Inode)
}

// fileReader reads the files of a mailbox's items, in their order, some ahead.
type fileReader struct {
	r     *run
	b     *box
	ahead map[mail.Key]readFile
}

type readFile struct {
	content mail.LocalContent
	err     error
}

// read reads the file of the first of some items.
func (f *fileReader) read(ctx context.Context, items []plan.Item) (mail.LocalContent, error) {
	key := items[0].Local.Key
	if got, read := f.ahead[key]; read {
		delete(f.ahead, key)
		return got.content, got.err
	}
	many, can := f.r.Local.(manyReader)
	if !can || len(items) < 2 {
		return f.r.Local.Read(ctx, f.b.name, key)
	}
	var keys []mail.Key
	for i := 0; i < len(items) && len(keys) < readAhead; i++ {
		item := &items[i]
		if aside := f.b.asideFile; isUnread(item) && item.LocalState == conflict.Here && (i == 0 || aside(item.Local) == nil) {
			keys = append(keys, item.Local.Key)
		}
	}
	if len(keys) < 2 || keys[0] != key {
		return f.r.Local.Read(ctx, f.b.name, key)
	}
	contents, errs, err := many.ReadMany(ctx, f.b.name, keys)
	if err != nil {
		return mail.LocalContent{}, err
	}
	f.ahead = make(map[mail.Key]readFile, len(keys))
	for i, k := range keys[1:] {
		f.ahead[k] = readFile{contents[i+1], errs[i+1]}
	}
	return contents[0], errs[0]
}
