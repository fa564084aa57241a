package plan

import "godwit/mail"

// finder finds, among things added to it, the first that is proved to have a
// given content, as [mail.Content.Compare] proves it; each is found once. It
// costs the same however many there are, also where many share a size or a
// header: every way in which Compare can prove sameness has a table of its own.
type finder[T any] struct {
	hashes  map[hashIdent]int32
	emails  map[emailIdent]int32
	heads   map[headIdent]int32
	entries []T
	links   []link
	free    func(T) bool
}

// link chains the entries that share an identity, first added first.
type link struct {
	entry, next int32
}

// anywhere is the box of an entry that may be found from every mailbox.
const anywhere = -1

type (
	hashIdent struct {
		box  int
		hash mail.Hash
	}
	emailIdent struct {
		box     int
		hashed  bool
		emailID string
	}
	headIdent struct {
		box           int
		hashed, named bool
		size          int64
		head          mail.Head
	}
)

// newFinder returns a finder that only finds what free still says is free.
func newFinder[T any](free func(T) bool) *finder[T] {
	return &finder[T]{
		hashes: map[hashIdent]int32{}, emails: map[emailIdent]int32{}, heads: map[headIdent]int32{},
		free: free,
	}
}

// add adds things in reverse: what is added last is found first. A draft's
// header proves nothing: drafts are edited with header and size unchanged.
func (f *finder[T]) add(value T, c mail.Content, box int, draft bool) {
	n := int32(len(f.entries))
	f.entries = append(f.entries, value)
	hashed, named := !c.Hash.IsZero(), c.EmailID != ""
	if hashed {
		push(f, f.hashes, hashIdent{box, c.Hash}, n)
	}
	if named {
		push(f, f.emails, emailIdent{box, hashed, c.EmailID}, n)
	}
	if !c.Head.IsZero() && c.Size >= 0 && !c.Weak && !draft {
		push(f, f.heads, headIdent{box, hashed, named, c.Size, c.Head}, n)
	}
}

// Links are numbered from one, so that zero ends a chain.
func push[T any, K comparable](f *finder[T], table map[K]int32, k K, n int32) {
	f.links = append(f.links, link{n, table[k]})
	table[k] = int32(len(f.links))
}

func pull[T any, K comparable](f *finder[T], table map[K]int32, k K) (value T, ok bool) {
	at, known := table[k]
	if !known {
		return value, false
	}
	for at != 0 {
		l := f.links[at-1]
		if v := f.entries[l.entry]; f.free(v) {
			table[k] = at
			return v, true
		}
		at = l.next
	}
	table[k] = 0
	return value, false
}

// find returns the first free thing with that content.
func (f *finder[T]) find(c mail.Content, box int, draft bool) (value T, ok bool) {
	if len(f.entries) == 0 {
		return value, false
	}
	hashed, named := !c.Hash.IsZero(), c.EmailID != ""
	if hashed {
		if value, ok = pull(f, f.hashes, hashIdent{box, c.Hash}); ok {
			return value, ok
		}
	}
	for _, other := range [...]bool{true, false} { // whether the other is hashed
		if hashed && other {
			continue // the hashes decided
		}
		if named {
			if value, ok = pull(f, f.emails, emailIdent{box, other, c.EmailID}); ok {
				return value, ok
			}
		}
		if c.Head.IsZero() || c.Size < 0 || c.Weak || draft {
			continue
		}
		for _, otherNamed := range [...]bool{false, true} {
			if named && otherNamed {
				continue // the names decided
			}
			if value, ok = pull(f, f.heads, headIdent{box, other, otherNamed, c.Size, c.Head}); ok {
				return value, ok
			}
		}
	}
	return value, false
}
