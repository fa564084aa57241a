// Package sim tells stories of an account and checks how they end. It drives
// the real engine and the real Maildir code over the file system of package simfs,
// with the server and the record of package fake, lets other clients and a mail reader act between and during runs, kills runs,
// cuts the power, breaks calls, and then lets things be quiet. What it looks for
// are broken promises: a message lost or doubled, sides that do not agree, flags
// that nobody set, what was removed coming back, a run that finds something to do
// where nothing happened.
//
// # A case
//
// A [Case] is everything that happens, as data: what others do ([Op]), runs and
// what disturbs them ([Run]), and the points at which all is quiet and the
// account is judged. [Generate] makes one from a seed; its text form can be kept,
// read and changed. An Op names what it acts on by numbers that are taken modulo
// what there is, so that a case still means something when parts of it are left
// out: [Shrink] leaves out what a failure does not need.
//
// # One thing at a time
//
// A run is many goroutines. Each of them stops at every call to a fake, at every
// step within it, at every call to the file system, and at every named step of
// the engine, and goes on when it is let. Of those that wait, one is chosen by the case's seed; the others act when
// all wait. So a case is the same each time, with any number of workers, and
// different seeds are different orders of events. The clock is that of a
// [testing/synctest] bubble, in which nobody waits for time to pass; the seed lets
// a little of it pass now and then, for time stamps to agree or not.
//
// # The Maildir
//
// The layout, the grain of time stamps, how many entries a reading of a directory
// gives at a time, whether a rename is one change or two, and whether there is a
// syncfs follow from the seed. The mail reader beside us is written here: it knows
// of the code under test nothing but what Maildir programs agree on. What it does
// is durable when it is done.
//
// # The database
//
// In every eighth case it is the real one, in real files. See sqlite for what a
// power cut leaves of them. Its own calls of the operating system do not fail.
//
// # Judgement
//
// The oracle knows contents, not messages: every content that was ever made has
// a number, and the oracle keeps, from one quiet point to the next, how many
// messages of it there were in which mailbox, and what each side's own users
// made of that. Where only one side's users did anything about a content, both
// sides must end as those users left it. Where both did, before any run began,
// the table of conflicts decides. Else it must not be lost, unless somebody
// removed it, and there must not be more of it than were made.
//
// Mailboxes are judged by their names: one that nobody touched is where it was, one
// that was renamed on one side has its new name on both, and one that was removed
// empty, where the case has removals repeated, is on neither. Where a rename or a
// removal cannot be told from something else, and is held for its user's word, the
// word is given: the mailbox is made again.
package sim
