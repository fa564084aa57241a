// Package sync carries out one run: it makes a Maildir and an IMAP account hold
// the same messages with the same flags.
//
// A run goes one way. It observes both sides, as cheaply as their own records
// allow; compares each with base, what both last agreed on; asks package plan
// for the operations that make them agree; applies these; and records in base
// what was carried out and made durable, never more. A mailbox whose status on
// the server and whose directories' stamps did not move since its checkpoint is
// finished by that alone.
//
// # Dying at any moment
//
// Nothing here depends on a run ending well. An operation that cannot be
// repeated blindly is written to base as an intent before it is carried out,
// and the next run settles it by looking at both sides ([Run] does so first). A
// checkpoint is written after all that it stands for. What failed, or was held
// back, leaves the mailbox's checkpoint where it was, so that the next run sees
// the same difference again.
//
// # What the engine needs
//
// The two sides and the record are the interfaces [Server], [Local] and [Base].
// The engine knows no protocol, no file system and no database. Its clock is an
// option, used for records alone and never to decide.
package sync
