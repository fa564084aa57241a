// Package fake has the three sides of a synchronisation in memory: a [Server], a
// [Local] and a [Base], which satisfy the engine's interfaces of the same names
// and pass the suites that the real ones pass (package contract). They are
// deterministic: no clock, no randomness, no order of a map shows.
//
// Each has three kinds of methods: those of its interface, those by which a test
// acts as somebody else (another client of the server, a mail reader on the
// Maildir), and those that look at what is there. All are safe for use by many
// goroutines.
//
// # Failures
//
// Each embeds a [Script], which logs the calls, fails chosen ones before or
// after they took effect, and calls a hook around every effect. The hook is
// called without a lock held: it may act as somebody else, so that something
// happens in the middle of a call, or return an error, which ends the call there
// like a process that is killed.
//
// # Power cuts
//
// The Maildir tells what is durable from what is not. [Local.Crash] is a power
// cut: a file's content is gone unless it was flushed, and a name is as it was
// when its directory was last flushed. The server is another machine and loses
// nothing, and the base is durable when a commit returns.
package fake
