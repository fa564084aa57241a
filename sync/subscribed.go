package sync

import "godwit/mail"

// leaveUnsubscribed takes the mailboxes that the user is not subscribed to out of
// the account, where the options want that. One that is on the server no more, or
// new in the Maildir, is judged like any other.
func (r *run) leaveUnsubscribed(server []mail.ServerMailbox) {
	if !r.SubscribedOnly {
		return
	}
	not := map[mail.Mailbox]bool{}
	for _, s := range server {
		not[s.Name] = !s.Subscribed && s.Name != mail.Inbox
	}
	wanted := r.Wanted
	r.Wanted = func(m mail.Mailbox, role mail.Role) bool { return !not[m] && wanted(m, role) }
}
