package maildir

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"godwit/mail"
)

// keyMark stands in every key that we make, followed by a number of the process
// and the host. It is how strays in tmp/ are known to be ours.
const keyMark = "Rgodwit"

// strayPrefix stands before the name in tmp/ of a message whose key we did not
// make.
const strayPrefix = "godwit,"

// keyMaker makes the unique names that Maildir asks for: time, process and
// random number, host.
type keyMaker struct {
	process string // P…Rgodwit…, one of its kind
	host    string
	count   atomic.Uint64
}

func newKeyMaker(sys System) (*keyMaker, error) {
	process, host, err := sys.Process()
	if err != nil {
		return nil, fmt.Errorf("maildir: host name and random number for message names: %w", err)
	}
	return &keyMaker{process: process, host: cleanHost(host)}, nil
}

// randomHex tells apart processes that had the same number.
func randomHex() (string, error) {
	var random [4]byte
	_, err := rand.Read(random[:])
	return hex.EncodeToString(random[:]), err
}

// cleanHost leaves only what no Maildir program gives a meaning.
func cleanHost(host string) string {
	host = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.':
			return r
		}
		return '_'
	}, host)
	host = strings.Trim(host, ".")
	if host == "" {
		return "localhost"
	}
	return host[:min(len(host), 64)]
}

func (m *keyMaker) key() mail.Key {
	now := time.Now()
	return mail.Key(fmt.Sprintf("%d.M%dQ%dP%s.%s", now.Unix(), now.Nanosecond()/1000, m.count.Add(1), m.process, m.host))
}

// tmpName is the name in tmp/ of a message that will have this key. It carries
// our mark.
func tmpName(k mail.Key) string {
	if strings.Contains(string(k), keyMark) {
		return string(k)
	}
	if len(strayPrefix)+len(k)+len(rawField) <= maxName {
		return strayPrefix + string(k)
	}
	sum := sha256.Sum256([]byte(k))
	return strayPrefix + hex.EncodeToString(sum[:])
}

// isOurs tells whether a name in tmp/ carries our mark, and whether it is this
// host's.
func (m *keyMaker) isOurs(name string) (ours, here bool) {
	if strings.HasPrefix(name, strayPrefix) {
		return true, true
	}
	i := strings.Index(name, keyMark)
	if i < 0 {
		return false, false
	}
	_, host, _ := strings.Cut(name[i:], ".")
	host = strings.TrimSuffix(host, rawField)
	return true, host == m.host
}

// isFresh tells whether this process made the key: then no other file has it.
func (a *Account) isFresh(k mail.Key) bool { return strings.Contains(string(k), a.keys.process) }
