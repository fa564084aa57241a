package conflict

// The reasons. Which rule gives which is in the list of [Rules], and in
// docs/conflicts.md.
const (
	// NoReason is the zero Reason: nothing was decided.
	NoReason Reason = iota

	// New messages.
	NewOnServer
	NewInMaildir
	CopyOfKnown
	PairedByContent

	// A message that both sides have.
	Unchanged
	FlagsChanged
	Renamed
	Rewritten
	Renumbered
	PutBack
	MarkedDeleted

	// Content.
	EditedInMaildir
	EditedAndRemoved
	EditedAndMoved
	EditStays

	// Removals.
	RemovedFromMaildir
	RemovedFromServer
	RemovedFromBoth
	WantedOnServer
	WantedInMaildir
	MaildirGaveUp
	ServerGaveUp
	MaildirLost
	ServerLost

	// Windows.
	OutsideWindow
	InsideWindow
	AskedFor

	// Places.
	MovedInMaildir
	MovedOnServer
	MovedTogether
	MovedApart
	MovedInMaildirRemovedFromServer
	MovedOnServerRemovedFromMaildir
	MoveStays

	// Not decided.
	NotProved
	NotIdentified
	SetAside
	OtherWay
	PartOfMessage

	// Mailboxes.
	MailboxNewOnServer
	MailboxNewInMaildir
	MailboxRecreated
	MailboxGoneFromServer
	MailboxGoneFromMaildir
	MailboxGoneFromBoth
	MailboxNotTouched
	MailboxReadOnly
	UIDValidityChanged
	MailboxRenamedOnServer
	MailboxRenamedInMaildir
	MailboxRenamedTogether
	MailboxRenamedApart
	MailboxNameTaken
	MailboxRemovedFromServer
	MailboxRemovedFromMaildir
	MailboxHasMail

	// Guards.
	NoMailboxes
	TooManyMailboxes
	TooManyRemovals
	NewRootKeeps
	RepairKeeps

	reasons // how many there are
)

// texts say each reason to users: why something is done, or is not.
var texts = [reasons]string{
	NoReason: "no reason",

	NewOnServer:     "new on the server",
	NewInMaildir:    "new in the Maildir",
	CopyOfKnown:     "new in the Maildir, a copy of what the server holds",
	PairedByContent: "the same message is new on both sides",

	Unchanged:     "both sides agree",
	FlagsChanged:  "flags changed",
	Renamed:       "the file has another name",
	Rewritten:     "the file was written again with the same content",
	Renumbered:    "the server gave the message another UID",
	PutBack:       "the file was put back",
	MarkedDeleted: `marked \Deleted on both sides, and expunge_flagged is set`,

	EditedInMaildir:  "edited in the Maildir",
	EditedAndRemoved: "edited in the Maildir, removed from the server",
	EditedAndMoved:   "edited in the Maildir, moved on the server",
	EditStays:        "edited in the Maildir, and the server is not to be changed",

	RemovedFromMaildir: "removed from the Maildir",
	RemovedFromServer:  "removed from the server",
	RemovedFromBoth:    "removed from both sides",
	WantedOnServer:     "removed from the Maildir, but flagged, answered or given a keyword on the server",
	WantedInMaildir:    "removed from the server, but flagged, answered or given a keyword in the Maildir",
	MaildirGaveUp:      "removed from the Maildir, and stays on the server",
	ServerGaveUp:       "removed from the server, and stays in the Maildir",
	MaildirLost:        "missing in the Maildir, though nobody removed it",
	ServerLost:         "missing on the server, though nobody removed it",

	OutsideWindow: "outside of the mailbox's window",
	InsideWindow:  "inside of the mailbox's window again",
	AskedFor:      "asked for",

	MovedInMaildir:                  "moved in the Maildir",
	MovedOnServer:                   "moved on the server",
	MovedTogether:                   "moved to the same mailbox on both sides",
	MovedApart:                      "moved to different mailboxes on the two sides",
	MovedInMaildirRemovedFromServer: "moved in the Maildir, removed from the server",
	MovedOnServerRemovedFromMaildir: "moved on the server, removed from the Maildir",
	MoveStays:                       "moved on one side, and the other is not to be changed",

	NotProved:     "not proved in this run, left alone",
	NotIdentified: "may be a message that is known already, left alone until that is clear",
	SetAside:      "set aside because it failed, and tried again later",
	OtherWay:      "the other side is not to be changed",
	PartOfMessage: "only part of the message is here",

	MailboxNewOnServer:     "the mailbox is new on the server",
	MailboxNewInMaildir:    "the mailbox is new in the Maildir",
	MailboxRecreated:       "the mailbox is created again",
	MailboxGoneFromServer:  "the mailbox is gone from the server",
	MailboxGoneFromMaildir: "the mailbox is gone from the Maildir",
	MailboxGoneFromBoth:    "the mailbox is gone from both sides",
	MailboxReadOnly:        "the server lets nobody change the mailbox",
	MailboxNotTouched:      "the mailbox cannot be read in this run",
	UIDValidityChanged:     "the server numbered the mailbox anew (UIDVALIDITY)",

	MailboxRenamedOnServer:    "the mailbox was renamed on the server",
	MailboxRenamedInMaildir:   "the mailbox was renamed in the Maildir",
	MailboxRenamedTogether:    "the mailbox was renamed on both sides, to the same name",
	MailboxRenamedApart:       "the mailbox was renamed on both sides, to different names",
	MailboxNameTaken:          "the mailbox was renamed to a name that another one has on the other side",
	MailboxRemovedFromServer:  "the mailbox was removed from the server",
	MailboxRemovedFromMaildir: "the mailbox was removed from the Maildir",
	MailboxHasMail:            "the mailbox was removed from one side, and has mail on the other",

	NoMailboxes:      "the server lists no mailbox",
	TooManyMailboxes: "too many mailboxes are gone from one side at once",
	TooManyRemovals:  "too many messages would be removed",
	NewRootKeeps:     "a run with a new root removes nothing",
	RepairKeeps:      "a repair removes nothing",
}

// String says the reason in words for users, without a full stop.
func (r Reason) String() string {
	if r >= reasons {
		return texts[NoReason]
	}
	return texts[r]
}
