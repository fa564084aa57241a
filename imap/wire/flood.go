package wire

import "errors"

// A server may say a lot between two tagged answers that nobody asked for: what
// other sessions do, or that it is still at work. But it could go on for ever, and
// a run with it. These limits are far beyond what any mailbox gives cause for.
const (
	// mostChatter is how many responses may come that are no result of a command.
	// Messages that go may each have one of their own, so that they come on top.
	mostChatter = 1 << 17
	// mostChatterOctets is how many octets they may have.
	mostChatterOctets = 256 << 20
	// mostAnswers is how many responses there may be at all.
	mostAnswers = 1 << 25
	// mostSets is how many responses may name sets of UIDs: they cost more than
	// others, and servers put many messages into one.
	mostSets = 1 << 17
	// mostSkipped is the largest literal that is read only to be thrown away.
	mostSkipped = 256 << 20
	// mostSpooled is the largest literal that is put by until its message is known.
	mostSpooled = 1 << 30
)

// ErrFlood: the connection was ended because the server said far more than it
// could have had to say.
var ErrFlood = errors.New("the server does not stop talking")

// flood counts what came since the last tagged answer.
type flood struct {
	answers, chatter, sets int
	exists                 uint32 // messages in the mailbox, when the count began
	octets                 int64
	useful                 bool // the response at hand is a result of a command
}

// count takes note of a response of so many octets.
func (f *flood) count(octets int64) error {
	f.answers++
	if !f.useful {
		f.chatter++
		f.octets += octets
	}
	f.useful = false
	if f.answers > mostAnswers || f.chatter > mostChatter+int(min(f.exists, mostAnswers)) || f.octets > mostChatterOctets || f.sets > mostSets {
		return ErrFlood
	}
	return nil
}

// implausible is how many messages a server may tell of, given how many it says
// there are: a few times as many, since it may repeat itself, and some that come
// meanwhile.
func implausible(told int, exists uint32) bool {
	return told > 4*int(exists)+1<<16 || told > mostAnswers
}
