// Package undo takes back what runs did: it plans from the journal, and carries
// the plan out on the Maildir, as a user would, so that the run that follows
// brings the server along with all the care that it has for users' changes.
//
// A removed message comes back from the account's trash, or from the trash
// mailbox that the server moved it to: there its file is moved back, and the
// server's message follows by UID MOVE; where the Maildir does without the trash
// mailbox, the message is moved on the server and fetched. Moves are moved back.
// Flags are changed back where nobody has changed them since.
//
// # Dying at any moment
//
// Nothing is decided by what an undo that died had planned. A plan looks at what
// is there: a message that is back is not brought back again. Each step is one
// rename, or one command of the server's, and the entry that it takes back is
// marked only after it. So an undo may be killed and repeated.
package undo
