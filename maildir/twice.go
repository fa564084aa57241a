package maildir

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"godwit/mail"
)

// separate looks at the files of keys that a listing had twice. Most often that
// is one file, renamed while the directory was read. Two names of one file are
// left alone. Of two files, all but the first get a fresh key: nothing tells
// them apart otherwise. once gives, for each key that still has a file, the one
// that is to be listed; again asks for another listing, because files were
// renamed or could not be.
func (a *Account) separate(b *box, keys map[mail.Key]bool) (once map[mail.Key]mail.LocalMessage, again bool, err error) {
	files := map[mail.Key][]entry{}
	err = b.read(func(name string, isNew bool, inode uint64) {
		if f := parseName(name); keys[mail.Key(f.key)] {
			k := mail.Key(strings.Clone(f.key))
			files[k] = append(files[k], entry{strings.Clone(name), isNew, inode})
		}
	})
	if err != nil {
		return nil, false, err
	}
	once = map[mail.Key]mail.LocalMessage{}
	for k := range keys {
		once[k] = mail.LocalMessage{} // gone, unless found below
	}
	renamed := false
	for _, k := range slices.Sorted(maps.Keys(files)) { // the same each time
		found := slices.DeleteFunc(files[k], func(e entry) bool {
			_, err := b.in(e).stat(e.name)
			return isMissing(err)
		})
		slices.SortFunc(found, func(x, y entry) int { // cur/ first
			if x.isNew != y.isNew {
				if x.isNew {
					return 1
				}
				return -1
			}
			return strings.Compare(x.name, y.name)
		})
		if len(found) == 0 {
			again = true
			continue
		}
		f := parseName(found[0].name)
		once[k] = mail.LocalMessage{
			Key: k, System: f.system, Letters: f.letters.String(), Inode: found[0].inode, New: found[0].isNew,
		}
		seen := []uint64{found[0].inode}
		for _, e := range found[1:] {
			if slices.Contains(seen, e.inode) {
				continue
			}
			seen = append(seen, e.inode)
			again = true
			d := b.in(e)
			switch err := d.move(e.name, d, a.freshName(e.name)); {
			case err == nil:
				renamed = true
			case isMissing(err), errors.Is(err, fs.ErrExist):
			case errors.Is(classify(err), mail.ErrDisk), errors.Is(err, fs.ErrPermission):
				// It stays, hidden behind the other; the listing proves nothing then.
			default:
				return nil, false, err
			}
		}
	}
	if renamed {
		err = errors.Join(b.syncDir(b.new), b.syncDir(b.cur))
	}
	return once, again, err
}

func (b *box) syncDir(d dir) error {
	if d.fd < 0 {
		return nil
	}
	return d.sync()
}

// freshName gives a file name another key and keeps all else: the fields that
// other programs put behind the key, and the flags.
func (a *Account) freshName(name string) string {
	base, flags, found := strings.Cut(name, info)
	_, fields, hasFields := strings.Cut(base, ",")
	fresh := string(a.NewKey())
	if hasFields {
		fresh += "," + fields
	}
	if found {
		fresh += info + flags
	}
	return fresh
}

// replaced is the listing with other messages for some keys; a message without
// a key is left out.
func replaced(l *mail.Listing, with map[mail.Key]mail.LocalMessage) *mail.Listing {
	out := &mail.Listing{Stamp: l.Stamp}
	for i := range l.Len() {
		if _, is := with[l.Key(i)]; !is {
			out.Add(l.At(i))
		}
	}
	for _, m := range with {
		if m.Key != "" {
			out.Add(m)
		}
	}
	out.Sort()
	return out
}
