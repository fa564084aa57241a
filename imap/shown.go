package imap

import (
	"strconv"
	"strings"

	"godwit/mail"
)

// Some servers show only the newest messages of a large mailbox, ten thousand say,
// as if the others were not there (Yahoo; the capability MESSAGELIMIT of RFC 9738
// tells how many). With each new message an old one goes out of sight: it is gone
// from EXISTS, from every listing, and may be told of as VANISHED. Nobody removed
// it. So in a mailbox that is about as full as that, the absence of a message
// proves something only when an older one is shown.

const capMessageLimit = "MESSAGELIMIT="

// shown is how many messages of a mailbox the server shows at most; zero: all.
func (s *session) shown() uint32 {
	limit := s.account.options.Shown
	for c := range s.caps {
		name := string(c)
		if len(name) <= len(capMessageLimit) || !strings.EqualFold(name[:len(capMessageLimit)], capMessageLimit) {
			continue
		}
		if n, err := strconv.ParseUint(name[len(capMessageLimit):], 10, 32); err == nil {
			limit = uint32(n)
		}
	}
	return limit
}

// mayHide tells that a mailbox with so many messages may have more than it shows.
// Some of the newest may have been removed, and the old ones not yet come up. One
// that shows more than the limit shows all: then it is one of commands alone, as the
// RFC has it.
func (s *session) mayHide(exists uint32) bool {
	limit := s.shown()
	return limit > 0 && exists >= limit-limit/10 && exists <= limit
}

// unprove takes back what an observation says of messages that are older than all
// that are shown.
func (s *session) unprove(o *mail.Observation) {
	if !s.mayHide(o.Exists) {
		return
	}
	if o.Complete {
		present := uidsOf(o.Messages)
		o.Complete, o.Present = false, &present
	}
	if o.Present == nil {
		return
	}
	if ranges := o.Present.Ranges(); len(ranges) > 0 && ranges[0].Low > 1 {
		o.Hidden = ranges[0].Low
		o.Present.AddRange(1, o.Hidden-1)
	}
}
