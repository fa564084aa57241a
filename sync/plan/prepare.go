package plan

import "godwit/mail"

// Preparation is a plan half made: what is known of both sides was matched with base
// and with each other, and nothing is decided yet. It tells what else is to be known
// before something is; matching everything is what a plan costs most of, and is done
// again only after a message's content became known. Make one with [Prepare].
type Preparation struct {
	p       *planner
	doubted map[*msg]bool // what may be a message that is known; true: all of it is to be read
}

// Prepare matches the input's messages. Of the input, Copies and Alike are looked at
// later, and may be added until the plan is made; when anything else of it changes,
// it is to be prepared again.
func Prepare(in *Input) *Preparation {
	q := &Preparation{p: newPlanner(in)}
	p := q.p
	if p.openMailboxes(); p.held {
		return q
	}
	p.match()
	p.reopen()
	p.findDoubts(func(m *msg, whole bool) {
		if q.doubted == nil {
			q.doubted = map[*msg]bool{}
		}
		q.doubted[m] = q.doubted[m] || whole
	})
	return q
}

// Contents are the hashes of the new files that were not found to be a new message
// of their mailbox: of rows with these contents the plan has to know, as
// Input.Copies.
func (q *Preparation) Contents() []mail.Hash {
	var hashes []mail.Hash
	for _, b := range q.p.boxes {
		for i := range b.files {
			if f := &b.files[i]; f.msg == nil && f.known() {
				hashes = append(hashes, f.LocalContent.Hash)
			}
		}
	}
	return hashes
}

// Likes are the likenesses of the new messages that were not found to be a message or
// file of their mailbox: of rows like these the plan has to know, as Input.Alike, or
// what is here already is fetched.
func (q *Preparation) Likes() []mail.Likeness {
	var likes []mail.Likeness
	for _, b := range q.p.boxes {
		for i := range b.msgs {
			m := &b.msgs[i]
			if m.file != nil || m.row != nil && m.row.box == b {
				continue
			}
			if l, ok := likeness(m); ok {
				likes = append(likes, l)
			}
		}
	}
	return likes
}
