// Package partial writes messages of which not everything was fetched.
//
// A message that is too large to be wanted whole is asked for in pieces: its
// header, its structure (BODYSTRUCTURE of RFC 9051, 7.5.2), and those of its
// parts that people read. From these a file is made that any mail reader shows:
//
//   - the header of the message is there octet for octet;
//   - the tree of its parts is the same;
//   - parts that were fetched are as they were, with their own headers;
//   - a part that was not is a short text in its place, which says what is
//     missing (its name, type and size) and how to get it, and goes by the same
//     name as the part;
//   - a text that is too long is cut, and says so at its end.
//
// What cannot be in part without looking broken is left out with its reason: the
// signature of something that is incomplete, the second half of something
// encrypted. Where the header itself says what the body is, and no part of it can
// be exchanged, the text stands in the encoding that the header names.
//
// The last line of such a message is its mark, see [mail.PartialMark]: behind
// the last boundary, where nobody looks. It names the message's size on the server
// and its header, so that a mark in one message says nothing about another that
// quotes, forwards or contains it.
//
// The package has no I/O. [New] says which sections to fetch; [Message.Compose]
// makes the message of them; [HeaderOnly] does with nothing but the header.
package partial
