// Package verify holds base, what both sides last agreed on, against the files
// and against the server, message by message, and tells every difference. It
// changes nothing.
//
// # What it looks at
//
// Each row of base names a file, or a UID, or both, with the flags and the content
// that both sides had. The files are joined with the rows by key, the server's
// messages by UID, both in order, so that a mailbox of a million messages takes the
// memory of its names. Without Deep a file is read for its length only, and the
// server is asked for sizes; with it every file is hashed, and every message of
// the server is fetched and hashed, and thrown away.
//
// # What it means
//
// A difference is either waiting, which says that a run will see it by itself
// (mail that came since, flags that somebody changed), or it is one that no run
// would see, since nothing moved that runs look at: a file that was changed in
// place, or that went while its directory's stamp was kept. What a mode leaves on
// its side on purpose is no difference: in pull mode a file that the server has
// not, and flags that were changed here.
package verify
