// Package wire speaks IMAP once a connection is authenticated: what a
// synchroniser does all day, at the speed of the wire. It logs nobody in and
// lists nothing; a connection comes here for good when that is done.
//
// # Model
//
// [NewConn] takes a connection over at a response boundary. One goroutine reads
// it to its end. A command is started by a method of [Conn], which writes it
// and returns a [Command] at once; [Command.Wait] sends what was written and
// waits for the answer. So commands are pipelined by starting several before
// waiting for the first:
//
//	selected := c.Select(ctx, "INBOX", wire.SelectOptions{CondStore: true})
//	changed := c.Fetch(ctx, wire.FetchOptions{UIDs: old, Items: wire.ItemFlags, ChangedSince: modseq}, sink)
//	data, err := selected.Wait()
//	...
//
// Callbacks (the [Handler] and the [Sink] of a FETCH) run in the reading
// goroutine, one at a time, in the order of the server's responses. While one
// runs nothing is read, which is how a slow disk slows the server down. They must
// not wait for an answer on the same connection. No callback of a command runs
// after its Wait returned.
//
// # What counts as an answer
//
// Untagged responses are attributed by what they name: a FETCH response is a
// result only when its UID was asked for and it carries every item and one of
// the sections that were asked for (MODSEQ, EMAILID and X-GM-MSGID may be
// missing). Anything else is an [Event], never a result: a server may tell of
// other messages at any time, and some answer for the last message when a UID
// beyond it was asked for.
//
// Literals are streamed, never held. A body is handed over with its UID, flags,
// date and size; one that arrives before those (items may come in any order) is
// spooled until the response ends, up to 1 MiB in memory and from there on in a
// temporary file.
//
// # Failure
//
// A refusal (NO, BAD) is an [imap.Error], and the connection goes on. A response
// that cannot be understood is a [MalformedError] of the command it belongs to;
// as long as [Conn.Err] is nil, the connection is still in step. Everything else
// (the peer went away, nothing came for Options.Timeout, the context ended) ends
// the connection: the commands under way fail with a [LostError], which tells
// whether the server may have seen them, and Conn.Err returns the reason, with
// the text of the server's BYE if there was one.
package wire
