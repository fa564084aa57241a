// Package hostile is an IMAP server for tests that can be made to misbehave.
//
// By itself a [Server] is decent: it keeps a small account in memory and answers
// login, listing, SELECT with CONDSTORE and QRESYNC, FETCH, SEARCH, STORE, APPEND,
// COPY, MOVE and EXPUNGE as the RFCs have it, so that a run against it ends with
// both sides the same. A test bends single answers: [Server.Before] may answer a
// command in its own way, or not at all, and [Server.After] gets the octets of an
// ordinary answer before they are sent. Capabilities and greeting are the test's
// to choose. [Server.Honest] takes all of that back.
//
// The package's own tests run the godwit command as a user would, as another
// process, against such a server: a table of cases, each a few lines, and one
// place that checks what must hold for all of them.
package hostile
