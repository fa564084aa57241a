package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

var errLater = errors.New("not implemented yet")

// Options configure a [Conn].
type Options struct {
	// Capabilities are what the server announced after login. Nothing is used
	// that is not among them.
	Capabilities imap.CapSet
	// Timeout ends the connection when a command is under way and for so long
	// no octet moved in either direction. Zero: one minute. It does not run
	// during IDLE.
	Timeout time.Duration
	// MaxLine is how many octets a response may have, literals apart; those that
	// list UIDs (SEARCH, ESEARCH, VANISHED, COPYUID) may have 32 times as many.
	// Zero: 1 MiB.
	MaxLine int
	// MaxLiteral is the largest literal accepted, in octets. Zero: 1 TiB.
	MaxLiteral int64
	// TempDir is where bodies are spooled that came before their UID and are
	// larger than 1 MiB. Empty: os.TempDir.
	TempDir string
	// Handler is given the events. Nil: they are dropped.
	Handler Handler
}

// Conn is an authenticated IMAP connection. Its methods may be called by several
// goroutines; commands are sent in the order in which they were started. The
// context given to a command covers its writing and its waiting: when it ends
// before the answer came, the connection ends with it, within moments.
type Conn struct{}

// NewConn takes over an authenticated connection, at a response boundary with
// no command under way. The connection belongs to the Conn from now on.
func NewConn(conn net.Conn, o Options) *Conn { return &Conn{} }

// Err tells why the connection ended; nil while it can be used.
func (c *Conn) Err() error { return errLater }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return nil }

// Alerts returns the texts of the ALERTs since the last call, oldest first (at
// most the 16 newest).
func (c *Conn) Alerts() []string { return nil }

// Has tells whether the server announced the capability.
func (c *Conn) Has(name imap.Cap) bool { return false }

// Flush sends what was written. [Command.Wait] does it, too.
func (c *Conn) Flush() error { return errLater }

// Close ends the connection at once; commands under way fail with a [LostError].
// It never waits for the server. Calling it again does nothing.
func (c *Conn) Close() error { return errLater }

// Logout says LOGOUT, waits for the answer or the end of the connection, and
// closes it.
func (c *Conn) Logout(ctx context.Context) error { return errLater }

// Command is a command that was started.
type Command[T any] struct{}

// Wait sends whatever was written, waits for the command's tagged answer, and
// returns its data. The data is valid, as far as it came, also with an error;
// several calls return the same. A command split into several (see
// [MaxSetOctets]) is done when all are; the error is that of the first that
// failed.
func (x *Command[T]) Wait() (T, error) { var t T; return t, errLater }

// MaxSetOctets is the longest UID set written into one command. Servers refuse
// or close from 16,000 octets on. Longer sets are split over several commands,
// pipelined.
const MaxSetOctets = 8000

// SelectOptions bend SELECT.
type SelectOptions struct {
	ReadOnly  bool // EXAMINE
	CondStore bool // (CONDSTORE), RFC 7162, 3.1.8
	// ModSeq, when not zero, makes it (QRESYNC (UIDValidity ModSeq)), RFC 7162,
	// 3.2.5; QRESYNC must have been enabled.
	UIDValidity mail.UIDValidity
	ModSeq      mail.ModSeq
	// Known limits what QRESYNC tells to these UIDs; empty: to all. It is left out
	// where it would be longer than [MaxSetOctets].
	Known mail.UIDSet
}

// SelectData is what SELECT told of the mailbox.
type SelectData struct {
	Exists        uint32
	UIDValidity   mail.UIDValidity // zero: not given (RFC 9051: persistent UIDs are not supported)
	UIDNext       mail.UID         // zero: not given
	HighestModSeq mail.ModSeq      // zero: not given, or NOMODSEQ
	NoModSeq      bool             // the server said NOMODSEQ
	ReadOnly      bool
	MailboxID     string // RFC 8474, 4.2; empty: not given
	Flags         mail.Flags
	// Permanent are the flags that can be changed for good, and NewKeywords tells
	// that new keywords can be made (\*). Where PermanentGiven is false the server
	// said nothing of it, and all of Flags can (RFC 9051, 7.1).
	Permanent      mail.Flags
	NewKeywords    bool
	PermanentGiven bool
	// Vanished and Changed are QRESYNC's answer: UIDs that were expunged, and
	// messages (UID, Flags, ModSeq) that are new or have changed.
	Vanished mail.UIDSet
	Changed  []Message
}

// Select opens a mailbox; name is raw, as LIST gave it. When it fails no
// mailbox is selected.
func (c *Conn) Select(ctx context.Context, name string, o SelectOptions) *Command[*SelectData] {
	return nil
}

// Unselect closes the mailbox without expunging (RFC 3691); it needs UNSELECT.
func (c *Conn) Unselect(ctx context.Context) *Command[struct{}] { return nil }

// CloseMailbox is CLOSE: it expunges every message marked \Deleted, in silence.
func (c *Conn) CloseMailbox(ctx context.Context) *Command[struct{}] { return nil }

// FetchOptions say what to fetch.
type FetchOptions struct {
	// UIDs to ask for. A range up to the highest UID is written "n:*"; the
	// server's answer for a message below n is no result.
	UIDs     mail.UIDSet
	Items    Item
	Sections []Section
	// ChangedSince, when not zero, asks only for messages whose MODSEQ is greater
	// (RFC 7162, 3.1.4.1); Vanished, for the expunged ones besides (3.2.6).
	ChangedSince mail.ModSeq
	Vanished     bool
}

// Sink takes a result of FETCH. Without Sections it is called for each message
// with body nil, and again when the server tells of the same message again: the
// last call counts. With Sections it is called once for each section of each
// message. m is valid only during the call. An error stops the command: nothing
// more is given to the sink, the rest of the answer is skipped (end the context to
// skip it sooner), and Wait returns the error.
type Sink func(m *Message, body *Body) error

// FetchData is what FETCH told apart from what the sink was given.
type FetchData struct {
	// Vanished are the UIDs of VANISHED (EARLIER).
	Vanished mail.UIDSet
	// Delivered are the messages all of whose Sections came to their last octet,
	// none of them NIL, and which the sink took without an error. Empty when no
	// section was asked for. Only with the tagged OK (a nil error) do they count.
	Delivered mail.UIDSet
}

// Fetch is UID FETCH.
func (c *Conn) Fetch(ctx context.Context, o FetchOptions, sink Sink) *Command[FetchData] { return nil }

// SearchCriteria are joined by AND; the zero value is ALL.
type SearchCriteria struct {
	UIDs    mail.UIDSet // empty: no such criterion
	Deleted bool        // marked \Deleted
	// Field, when not empty, is a header field that must contain Value.
	Field, Value string
}

// Search is UID SEARCH, with RETURN (ALL) where the server has ESEARCH. Without
// any answer, though OK, it fails with [ErrNoAnswer].
func (c *Conn) Search(ctx context.Context, s SearchCriteria) *Command[mail.UIDSet] { return nil }

// StoreMode is what STORE does with the flags.
type StoreMode uint8

// The modes of STORE.
const (
	StoreAdd     StoreMode = iota // +FLAGS.SILENT
	StoreRemove                   // -FLAGS.SILENT
	StoreReplace                  // FLAGS.SILENT
)

// StoreData is what became of STORE.
type StoreData struct {
	// Modified are the messages that were left alone because their MODSEQ had
	// passed unchangedSince (MODIFIED, RFC 7162, 3.1.3), also where the server
	// said OK.
	Modified mail.UIDSet
}

// Store is UID STORE. unchangedSince zero: do not care.
func (c *Conn) Store(ctx context.Context, uids mail.UIDSet, mode StoreMode, f mail.Flags, unchangedSince mail.ModSeq) *Command[StoreData] {
	return nil
}

// CopyData is what became of COPY or MOVE.
type CopyData struct {
	UIDValidity mail.UIDValidity // of the target; zero: not given
	// Copied pairs source and target as COPYUID did, in its order (RFC 4315, 3).
	// Only UIDs that were asked for are in it; empty where the server gave none,
	// or one that does not add up.
	Copied []mail.Copied
}

// Copy is UID COPY to a mailbox, whose name is raw.
func (c *Conn) Copy(ctx context.Context, uids mail.UIDSet, name string) *Command[CopyData] { return nil }

// Move is UID MOVE (RFC 6851); without MOVE it fails with [ErrNotAnnounced].
func (c *Conn) Move(ctx context.Context, uids mail.UIDSet, name string) *Command[CopyData] { return nil }

// UIDExpunge is UID EXPUNGE (RFC 4315, 2.1): it removes those of the messages that are
// marked \Deleted. Without UIDPLUS it fails with [ErrNotAnnounced].
func (c *Conn) UIDExpunge(ctx context.Context, uids mail.UIDSet) *Command[struct{}] { return nil }

// Expunge removes all messages marked \Deleted.
func (c *Conn) Expunge(ctx context.Context) *Command[struct{}] { return nil }

// AppendData is what became of APPEND.
type AppendData struct {
	UIDValidity mail.UIDValidity // zero: not given
	// UIDs of the messages in the order of the uploads (APPENDUID, RFC 4315, 3);
	// empty where the server gave none, or not as many.
	UIDs []mail.UID
}

// Append is APPEND of one message, or of several in one command, all or none
// (MULTIAPPEND, RFC 3502; without it more than one fails with [ErrNotAnnounced]).
// It returns when the messages are written, so that several can be pipelined.
// Literals are LITERAL+, LITERAL- up to 4,096 octets, or synchronising: then
// Append waits for the server before each, and a refusal leaves the connection
// usable. All uploads are opened before anything is sent; one that fails is an
// [UploadError]. One that breaks off, or is not as long as its Size says, ends
// the connection, for that is the only way to take an APPEND back.
func (c *Conn) Append(ctx context.Context, name string, uploads ...mail.Upload) *Command[AppendData] {
	return nil
}

// Status is STATUS of a mailbox: MESSAGES, UIDNEXT, UIDVALIDITY, with
// HIGHESTMODSEQ and MAILBOXID where the server has CONDSTORE or OBJECTID.
func (c *Conn) Status(ctx context.Context, name string) *Command[mail.Status] { return nil }

// Create is CREATE; name is raw.
func (c *Conn) Create(ctx context.Context, name string) *Command[struct{}] { return nil }

// Subscribe is SUBSCRIBE; name is raw.
func (c *Conn) Subscribe(ctx context.Context, name string) *Command[struct{}] { return nil }

// Noop is NOOP.
func (c *Conn) Noop(ctx context.Context) *Command[struct{}] { return nil }

// Notify is NOTIFY (RFC 5465) with the arguments as given, which must be IMAP.
func (c *Conn) Notify(ctx context.Context, arguments string) *Command[struct{}] { return nil }

// Enable is ENABLE (RFC 5161); it returns what the server says is enabled.
func (c *Conn) Enable(ctx context.Context, names ...imap.Cap) *Command[[]imap.Cap] { return nil }

// Compress turns on COMPRESS=DEFLATE (RFC 4978) in both directions and waits for
// it. A refusal leaves the connection as it was.
func (c *Conn) Compress(ctx context.Context) error { return errLater }

// Idle starts IDLE (RFC 2177) and waits until the server accepts it. Events go
// to the handler. Nothing else can be sent before [Idle.Done].
func (c *Conn) Idle(ctx context.Context) (*Idle, error) { return nil, errLater }

// Idle is an IDLE under way.
type Idle struct{}

// Ended is closed when the IDLE ended: by Done, by the server, or with the
// connection.
func (i *Idle) Ended() <-chan struct{} { return nil }

// Done ends the IDLE and waits for the answer.
func (i *Idle) Done() error { return errLater }

var _ io.Reader = (*Body)(nil)
