package imap

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"godwit/mail"
)

// nameTable knows the raw name of every mailbox that was listed, and makes one
// for a mailbox that is to be created. Methods may be called side by side.
type nameTable struct {
	mu    sync.Mutex
	codec nameCodec
	raws  map[mail.Mailbox]string
	// listed is the other way round; nil until a mailbox is to be created, which in
	// most runs none is.
	listed map[string]mail.Mailbox
	// subscribed are those that the user is subscribed to, as far as LIST told.
	subscribed map[mail.Mailbox]bool
}

// rawName is a mailbox name as LIST gives it.
type rawName struct {
	name  string
	delim string // empty: NIL, the name is flat
}

// learn takes the names of a whole LIST and returns what users call them, in
// the same order; empty for a second spelling of INBOX, which is no other
// mailbox. Of two raw names that decode to one, which takes two namespaces or a
// server that writes UTF-8 both ways, the one in the personal namespace, then
// the lesser, is called so; the other keeps its octets, escaped.
func (t *nameTable) learn(codec nameCodec, raws []rawName) []mail.Mailbox {
	codec.eightBit = codec.eightBit || writesEightBit(raws)
	if codec.delim == "" {
		codec.delim = usualDelimiter(raws)
	}
	order := make([]int, len(raws))
	for i := range order {
		order[i] = i
	}
	outside := func(i int) int {
		if codec.prefix != "" && !hasPrefixFold(raws[i].name, codec.prefix) {
			return 1
		}
		return 0
	}
	slices.SortFunc(order, func(i, j int) int {
		if d := outside(i) - outside(j); d != 0 {
			return d
		}
		return strings.Compare(raws[i].name, raws[j].name)
	})

	names := make([]mail.Mailbox, len(raws))
	byName := make(map[mail.Mailbox]string, len(raws))
	for at, i := range order {
		r := raws[i]
		if at > 0 && raws[order[at-1]].name == r.name { // again
			continue
		}
		m := codec.decode(r.name, r.delim)
		if _, taken := byName[m]; taken {
			if m == mail.Inbox {
				continue
			}
			m = distinct(r, byName)
		}
		names[i], byName[m] = m, r.name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.codec, t.raws, t.listed = codec, byName, nil
	return names
}

// distinct names a mailbox by the octets of one of its parts, from the last on,
// until no other has the name.
func distinct(r rawName, taken map[mail.Mailbox]string) mail.Mailbox {
	parts := []string{r.name}
	if r.delim != "" {
		parts = strings.Split(r.name, r.delim)
	}
	shown := make([]string, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		for j, p := range parts {
			shown[j] = nameCodec{}.decodePart(p)
			if j == i && p != "" {
				shown[j] = escapeOctets(p)
			}
		}
		if m := mail.Mailbox(strings.Join(shown, "/")); taken[m] == "" {
			return m
		}
	}
	// Nothing but delimiters, of several kinds.
	m := mail.Mailbox(strings.Join(shown, "/"))
	for taken[m] != "" {
		m += "/%00"
	}
	return m
}

// raw returns the server's name for a mailbox: the listed one, or the one that
// it is to be created under.
func (t *nameTable) raw(m mail.Mailbox) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if raw, ok := t.raws[m]; ok {
		return raw, nil
	}
	raw, err := t.codec.encode(m)
	if err != nil {
		return "", fmt.Errorf("mailbox %q cannot be on this server: %w", string(m), err)
	}
	if t.listed == nil {
		t.listed = make(map[string]mail.Mailbox, len(t.raws))
		for m, raw := range t.raws {
			t.listed[raw] = m
		}
	}
	if other, ok := t.listed[raw]; ok && other != m {
		return "", fmt.Errorf("mailbox %q cannot be on this server: its name there, %q, is that of %q", string(m), raw, string(other))
	}
	return raw, nil
}

// add records a mailbox that was created.
func (t *nameTable) add(m mail.Mailbox, raw string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raws == nil {
		t.raws = map[mail.Mailbox]string{}
	}
	t.raws[m] = raw
	if t.listed != nil {
		t.listed[raw] = m
	}
}

// subscribe records that a mailbox is subscribed to, or no more.
func (t *nameTable) subscribe(m mail.Mailbox, is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subscribed == nil {
		t.subscribed = map[mail.Mailbox]bool{}
	}
	if is {
		t.subscribed[m] = true
	} else {
		delete(t.subscribed, m)
	}
}

// underName is what is known of a mailbox that is another or below it.
type underName struct {
	name       mail.Mailbox
	raw        string
	subscribed bool
}

// under returns the mailbox, and those below it that are known.
func (t *nameTable) under(m mail.Mailbox) []underName {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []underName
	for name, raw := range t.raws {
		if name.Under(m) {
			found = append(found, underName{name, raw, t.subscribed[name]})
		}
	}
	slices.SortFunc(found, func(a, b underName) int { return strings.Compare(a.raw, b.raw) })
	return found
}

// remove forgets a mailbox.
func (t *nameTable) remove(m mail.Mailbox) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if raw, ok := t.raws[m]; ok {
		delete(t.listed, raw)
		delete(t.raws, m)
		delete(t.subscribed, m)
	}
}

// isListed tells whether the mailbox was in the last LIST, or created since.
func (t *nameTable) isListed(m mail.Mailbox) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.raws[m]
	return ok
}

// writesEightBit tells whether the server sends UTF-8 and no modified UTF-7.
func writesEightBit(raws []rawName) bool {
	eight := false
	for _, r := range raws {
		if !isASCII(r.name) && utf8.ValidString(r.name) {
			eight = true
		} else if text, ok := decodeUTF7(r.name); ok && !isASCII(text) {
			return false
		}
	}
	return eight
}

// usualDelimiter returns the delimiter that most names have. One server in the
// wild gives NIL for INBOX alone.
func usualDelimiter(raws []rawName) string {
	count := map[string]int{}
	best := ""
	for _, r := range raws {
		if r.delim == "" {
			continue
		}
		count[r.delim]++
		if count[r.delim] > count[best] || best == "" {
			best = r.delim
		}
	}
	return best
}
