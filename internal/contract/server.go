package contract

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

// Account is a new, empty account on a server, and what the server can do.
type Account struct {
	Server sync.Server // the one that is checked
	Other  sync.Server // another client of the account
	// UIDPlus: the server says under which UID a message was stored, and can
	// expunge single messages. CondStore: it has modification sequences.
	UIDPlus, CondStore bool
}

// Server checks an implementation of sync.Server. open makes an account of which
// there is INBOX alone, and cleans up when the test ends.
func Server(t *testing.T, open func(t *testing.T) Account) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a Account)
	}{
		{"MailboxesComeWithTheirStatus", serverMailboxes},
		{"OnlyWantedMailboxesHaveAStatus", serverWanted},
		{"StatusMovesWithEachChange", serverStatusMoves},
		{"CreateMakesParents", serverCreate},
		{"RenameTakesThoseBelowAlong", serverRename},
		{"OnlyEmptyMailboxIsDeleted", serverDelete},
		{"MissingMailboxIsNamedSo", serverNoMailbox},
		{"AnotherUIDValidityChangesNothing", serverValidity},
		{"AppendedMessagesComeBackExactly", serverBytes},
		{"AppendAnswersInOrder", serverAppendOrder},
		{"AppendKeepsFlagsAndDate", serverAppendFlags},
		{"UploadThatEndsEarlyIsNotStored", serverShortUpload},
		{"FetchDeliversWhatIsThere", serverFetch},
		{"FetchEndsWithItsSink", serverSinkFails},
		{"FetchGoesOnWhereItIsToldTo", serverFetchFrom},
		{"FirstObservationIsComplete", serverObserveFirst},
		{"ObservationTellsWhatOthersDid", serverObserveDelta},
		{"ObservationOfAnotherLifeIsComplete", serverObserveOtherLife},
		{"ListIsTheUIDsThatAreThere", serverList},
		{"ListTellsWhatIsLarge", serverListLarge},
		{"IdentifyReadsHeadersOrAll", serverIdentify},
		{"StoreAddsAndRemoves", serverStore},
		{"StoreLeavesAloneWhatChangedMeanwhile", serverUnchangedSince},
		{"CopyKeepsFlagsAndDate", serverCopy},
		{"MoveLeavesNothingBehind", serverMove},
		{"RemoveTakesWhatIsNamed", serverRemove},
		{"VanishedUIDsAreSkippedNotGuessed", serverVanished},
		{"MailboxesAreWorkedOnSideBySide", serverSideBySide},
		{"EndedContextEndsTheCall", serverContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// upload is a message to be appended.
func upload(raw string, flags ...string) mail.Upload {
	return mail.Upload{
		Flags: mail.ParseFlags(flags...), Date: 1_600_000_000, Size: int64(len(raw)),
		Open: func() (mail.Body, error) { return io.NopCloser(strings.NewReader(raw)), nil },
	}
}

// put appends what must be taken.
func put(t *testing.T, s sync.Server, m mail.Mailbox, uploads ...mail.Upload) []mail.Appended {
	t.Helper()
	results, err := s.Append(t.Context(), m, uploads)
	ok(t, "append to "+string(m), err)
	if len(results) != len(uploads) {
		t.Fatalf("append to %s: %d results for %d messages", m, len(results), len(uploads))
	}
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("append to %s: message %d: %v", m, i, r.Err)
		}
	}
	return results
}

// fill appends n messages, named "m1" and so on, and returns the state after it.
func fillServer(t *testing.T, s sync.Server, m mail.Mailbox, n int, flags ...string) *mail.Observation {
	t.Helper()
	var uploads []mail.Upload
	for i := range n {
		uploads = append(uploads, upload(message(fmt.Sprintf("m%d", i+1)), flags...))
	}
	put(t, s, m, uploads...)
	o := observe(t, s, m, mail.Since{})
	if len(o.Messages) != n {
		t.Fatalf("%s has %d messages after %d were appended", m, len(o.Messages), n)
	}
	return o
}

func observe(t *testing.T, s sync.Server, m mail.Mailbox, since mail.Since) *mail.Observation {
	t.Helper()
	o, err := s.Observe(t.Context(), m, since)
	ok(t, "observe "+string(m), err)
	for i := 1; i < len(o.Messages); i++ {
		if o.Messages[i-1].UID >= o.Messages[i].UID {
			t.Errorf("%s: UID %s stands before %s", m, o.Messages[i-1].UID, o.Messages[i].UID)
		}
	}
	return o
}

// since is what base remembers of an observation, and of what it held.
func since(o *mail.Observation, messages int) mail.Since {
	return mail.Since{UIDValidity: o.UIDValidity, UIDNext: o.UIDNext, ModSeq: o.ModSeq, Messages: uint32(messages)}
}

func allOf(o *mail.Observation) mail.UIDSet {
	var set mail.UIDSet
	for _, m := range o.Messages {
		set.Add(m.UID)
	}
	return set
}

// bodies fetches messages.
func bodies(t *testing.T, s sync.Server, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) map[mail.UID]string {
	t.Helper()
	got := map[mail.UID]string{}
	delivered, err := s.Fetch(t.Context(), m, v, uids, func(msg mail.ServerMessage, body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err == nil && msg.Content.Size != int64(len(raw)) {
			t.Errorf("UID %s: %d octets, and %d were said to come", msg.UID, len(raw), msg.Content.Size)
		}
		got[msg.UID] = string(raw)
		return err
	})
	ok(t, "fetch from "+string(m), err)
	for u := range got {
		if !delivered.Contains(u) {
			delete(got, u)
		}
	}
	if delivered.Len() != len(got) {
		t.Errorf("%s: %s were delivered, and the sink saw %d", m, delivered, len(got))
	}
	return got
}

// texts are the bodies of a mailbox, sorted, as another client sees them.
func texts(t *testing.T, s sync.Server, m mail.Mailbox) []string {
	t.Helper()
	o := observe(t, s, m, mail.Since{})
	return slices.Sorted(maps.Values(bodies(t, s, m, o.UIDValidity, allOf(o))))
}

// flagsByUID are the flags in an observation.
func flagsByUID(o *mail.Observation) map[mail.UID]string {
	found := map[mail.UID]string{}
	for _, m := range o.Messages {
		found[m.UID] = m.Flags.String()
	}
	return found
}
