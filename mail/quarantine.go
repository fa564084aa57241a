package mail

// Quarantined is a message that was set aside: it could not be brought to the
// other side, for a reason of its own. It is left alone until Next, or until it
// is another message than the one that failed, and nothing is removed because of
// it.
type Quarantined struct {
	Mailbox Mailbox
	// UIDValidity and UID name a message of the server, Key a file. One of UID and
	// Key is given.
	UIDValidity UIDValidity
	UID         UID
	Key         Key
	Size        int64  // octets of the wire form; -1 when not known
	EmailID     string // of a server message, where it has one
	Inode       uint64 // of the file when it was tried; another one is another file
	Tried       Attempt
	Reason      string // why it failed when it was tried last, fit to be shown
	First, Last UnixTime
	Tries       int // how often it failed
	Next        UnixTime
	// Known says of a file that could not be read that it was there already in a
	// run in which no message was missing: no message that is missed later can be
	// this file.
	Known bool
}

// Attempt is what was tried with a message that was set aside.
type Attempt uint8

const (
	AttemptFetch  Attempt = iota + 1 // bring it from the server
	AttemptAppend                    // bring it to the server
	AttemptRead                      // read the file
)

// String says what was tried, as in "it could not be …".
func (a Attempt) String() string {
	switch a {
	case AttemptFetch:
		return "fetched"
	case AttemptAppend:
		return "uploaded"
	case AttemptRead:
		return "read"
	}
	return "brought to the other side"
}

// A message that was set aside is tried again after firstPause, and after twice
// as long each time, up to lastPause. In s.
const (
	firstPause = 10 * 60
	lastPause  = 24 * 60 * 60
)

// Failed is q after it was tried at now and failed again.
func (q Quarantined) Failed(now UnixTime, tried Attempt, reason string) Quarantined {
	if q.Tries == 0 {
		q.First = now
	}
	pause := UnixTime(firstPause)
	for range q.Tries {
		if pause = 2 * pause; pause >= lastPause {
			pause = lastPause
			break
		}
	}
	q.Tries++
	q.Tried, q.Reason, q.Last, q.Next = tried, reason, now, now+pause
	return q
}

// Due tells that it is time to try the message again. A clock that shows less
// than when it was tried last was put back, and says nothing: then it is.
func (q Quarantined) Due(now UnixTime) bool { return now >= q.Next || now < q.Last }
