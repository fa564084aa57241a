package conflict

import "strings"

// situationWords say the situations, in the order of their bits.
var situationWords = [situations]string{
	"same", "flags touched", "flags that keep", "edited", "moved", "moved to the same mailbox",
	"removed", "lost", "given up", "outside", "inside again", "leaving", "unknown",
}

// String says the situations, with "or" between them.
func (s Situation) String() string {
	switch s {
	case anything:
		return "anything"
	case There:
		return "there"
	case missing:
		return "not there"
	}
	var words []string
	if s&There == There {
		words, s = append(words, "there"), s&^There
	}
	for i, w := range situationWords {
		if s&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, " or ")
}

// String says what is permitted.
func (p Permit) String() string {
	var words []string
	for i, w := range [...]string{
		"changes in the Maildir", "changes on the server", "removals in the Maildir", "removals on the server", "departures",
	} {
		if p&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ", ")
}

// String says what is done.
func (a Action) String() string {
	switch a {
	case Leave:
		return "nothing"
	case Wait:
		return "leave alone in this run"
	case Merge:
		return "merge the flags"
	case Note:
		return "remember the flags"
	case Restore:
		return "fetch to where the server has it"
	case Append:
		return "append where the Maildir has it"
	case Replace:
		return "append the new content, then remove the old"
	case FollowServer:
		return "move the file to where the server has it"
	case FollowLocal:
		return "move the message to where the Maildir has it"
	case DropLocal:
		return "move the file to the local trash"
	case DropServer:
		return "remove from the server"
	case GiveUpLocal:
		return "remember: only on the server"
	case GiveUpServer:
		return "remember: only in the Maildir"
	case Forget:
		return "forget"
	case PutAway:
		return "remember: only on the server, then move the file to the local trash"
	}
	return "nothing"
}
