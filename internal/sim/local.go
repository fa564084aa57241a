package sim

import (
	"context"
	"math/rand/v2"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// localSide is a Maildir, with what a mail reader does to it and what becomes of
// it when a process or the power ends.
type localSide interface {
	sync.Local

	Names() []mail.Mailbox
	Files(mail.Mailbox) []fake.File
	Strays(mail.Mailbox) []fake.File // in tmp/
	Trashed() []fake.File            // in the local trash

	Add(m mail.Mailbox, raw []byte, f mail.Flags) mail.Key
	Reflag(m mail.Mailbox, k mail.Key, f mail.Flags)
	Move(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key)
	Copy(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key)
	Delete(m mail.Mailbox, k mail.Key)
	Edit(m mail.Mailbox, k mail.Key, raw []byte)
	EditInPlace(m mail.Mailbox, k mail.Key, raw []byte)
	MakeMailbox(mail.Mailbox)
	RemoveMailbox(mail.Mailbox)
	// RenameAll renames a mailbox and those below it; false where it cannot.
	RenameAll(from, to mail.Mailbox, called map[mail.Mailbox]mail.Mailbox) bool
	Unsettle(m mail.Mailbox, times int, missed ...mail.Key)
	// Busy tells that somebody else is writing what a reader may have to write.
	Busy() bool

	Fail(fake.Fault)
	Forget() // faults that did not happen
	// Restart ends the process and begins another. Left tells what it should not
	// have left open.
	Restart()
	Left() []string
	// Crash is a power cut and a restart: keep is asked of each change of a
	// directory that was not made durable, random of the rest.
	Crash(keep func(string) bool, random *rand.Rand)
}

// memory is the fake Maildir.
type memory struct{ *fake.Local }

func (m memory) Busy() bool     { return false }
func (m memory) Left() []string { return nil }

func (m memory) RenameAll(from, to mail.Mailbox, _ map[mail.Mailbox]mail.Mailbox) bool {
	return m.Local.RenameMailbox(context.Background(), from, to) == nil
}

func (m memory) Crash(keep func(string) bool, _ *rand.Rand) { m.Local.Crash(keep) }

func (m memory) Trashed() (all []fake.File) {
	for run := range int64(64) {
		for _, name := range everywhere {
			all = append(all, m.Trash(run+1, name)...)
		}
	}
	return all
}
