// Package plan makes one run's plan: the three trees of an account and the
// policies in, ordered typed operations out. It is pure; nothing is read,
// written or timed here, and the same input gives the same plan, in whatever
// order its parts come.
//
// [Make] goes through these steps, each in a file of its own:
//
//   - What each mailbox's existence on the two sides means: whether it is
//     created, left alone, or forgotten (mailboxes.go).
//   - Which new file and which new server message are a message that base
//     knows already, under another name, another UID or in another mailbox; and
//     which new file and new message are the same one (match.go). Only content
//     decides. Where it is not known well enough, [Needs] has asked for it
//     before; what it still is not known of is left alone (doubt.go).
//   - What becomes of each message that base knows: package conflict's rules,
//     over what was found so far (settle.go, flags.go).
//   - What is new remains: it is fetched, uploaded, copied on the server
//     (arrive.go), or made of a file that is here already (twin.go).
//   - Removals pass the guards, or are held back (guards.go).
//   - The operations are put into the order in which they may run (order.go).
//
// A message that was matched is one message: it is transferred by a move or by
// nothing, its flags are merged three ways, and it counts as no removal. The
// matches are one to one, so that messages that are there several times stay as
// many as they are.
package plan
