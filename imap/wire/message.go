package wire

import (
	"godwit/mail"
	"godwit/mail/partial"
)

// Item is a set of message data items (RFC 9051, 6.4.5). UID is always asked
// for and needs no bit.
type Item uint8

// The items.
const (
	ItemFlags     Item = 1 << iota // FLAGS
	ItemDate                       // INTERNALDATE
	ItemSize                       // RFC822.SIZE
	ItemModSeq                     // MODSEQ (RFC 7162, 3.1.4); needs CONDSTORE
	ItemEmailID                    // EMAILID (RFC 8474, 5.1); needs OBJECTID
	ItemGmailID                    // X-GM-MSGID; needs X-GM-EXT-1
	ItemStructure                  // BODYSTRUCTURE
	// ItemMetadata is what a new message is described by.
	ItemMetadata = ItemFlags | ItemDate | ItemSize
)

// required are the items without which a FETCH response is no answer.
const required = ItemFlags | ItemDate | ItemSize | ItemStructure

// Message is what one FETCH response said about a message. Has tells which
// fields it gave; the others are zero.
type Message struct {
	Seq     uint32   // message sequence number
	UID     mail.UID // zero: not given
	Has     Item
	Flags   mail.Flags
	ModSeq  mail.ModSeq
	Date    mail.UnixTime // zero also when the server's INTERNALDATE is no date
	Size    int64         // RFC822.SIZE, octets
	EmailID string        // EMAILID, or X-GM-MSGID in decimal
	// Structure is the message's BODYSTRUCTURE.
	Structure *partial.Part
}

// ServerMessage returns the message in the words of the server tree; a size
// that was not given is -1.
func (m *Message) ServerMessage() mail.ServerMessage {
	out := mail.ServerMessage{UID: m.UID, Flags: m.Flags, ModSeq: m.ModSeq, Date: m.Date}
	out.Content.Size = -1
	if m.Has&ItemSize != 0 {
		out.Content.Size = m.Size
	}
	out.Content.EmailID = m.EmailID
	return out
}

// Section names a part of a message, asked for by BODY.PEEK[Spec] (RFC 9051,
// 6.4.5.1). The zero Section is the whole message.
type Section struct {
	Spec string // "" whole message, "HEADER", "TEXT", "1.2", "1.2.MIME"
	// Length, when not zero, asks for only that many octets from Offset on; the
	// answer is shorter where the part ends before.
	Offset, Length int64
}

// The sections that a synchroniser asks for most.
var (
	Whole  = Section{}
	Header = Section{Spec: "HEADER"}
)
