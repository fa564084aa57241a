package sync_test

import (
	"slices"
	"testing"

	"godwit/conflict"
	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// TestAMailboxRemovedEmptyComesBackWithNewMail although base has messages of it that the
// server alone has: what was renamed away, or removed, where nothing is changed on the
// server. Nobody said that the Maildir is to do without what comes.
func TestAMailboxRemovedEmptyComesBackWithNewMail(t *testing.T) {
	t.Parallel()
	pull := conflict.Policy{Mode: conflict.Pull}
	kept := conflict.Policy{Expunge: conflict.LocalOnly}
	rename := func(a *account) {
		if err := a.local.RenameMailbox(a.t.Context(), "Work", "Done"); err != nil {
			a.t.Fatal(err)
		}
	}
	empty := func(a *account) {
		for _, f := range a.local.Files("Work") {
			a.local.Delete("Work", f.Key)
		}
	}
	again := func(a *account) {
		a.server.DeleteMailbox("Work")
		a.server.CreateMailbox("Work", "")
	}
	nothing := func(*account) {}
	for name, c := range map[string]struct {
		policy       conflict.Policy
		empty, later func(*account)
	}{
		"renamed, pull":                           {pull, rename, nothing},
		"removed, pull":                           {pull, empty, nothing},
		"renamed, archive":                        {conflict.Policy{Mode: conflict.Archive}, rename, nothing},
		"removed, not carried out":                {kept, empty, nothing},
		"renamed, pull, made again on the server": {pull, rename, again},
		"removed, pull, made again on the server": {pull, empty, again},
		"renamed, made again here":                {pull, rename, func(a *account) { a.local.MakeMailbox("Work") }},
	} {
		for side, p := range map[string]fake.Profile{"plain": fake.Plain, "QRESYNC": fake.QResync, "modern": fake.Modern} {
			for _, between := range []int{0, 1, 2} {
				t.Run(name+" "+side, func(t *testing.T) {
					a := newAccount(t, p)
					run := func() sync.Result {
						return a.run(func(o *sync.Options) {
							o.Policy = func(mail.Mailbox, mail.Role) conflict.Policy { return c.policy }
						})
					}
					a.server.CreateMailbox("Work", "")
					a.server.Deliver("Work", letter(1), mail.Flags{})
					a.server.Deliver("Work", letter(2), mail.Flags{})
					run()
					c.empty(a)
					run()
					c.later(a)
					for range between {
						run()
					}
					a.local.RemoveMailbox("Work")
					for range between {
						run()
					}
					a.server.Deliver("Work", letter(3), mail.Flags{})
					r := run()
					r2 := run()
					var got []int
					for _, f := range a.local.Files("Work") {
						got = append(got, number(f.Raw))
					}
					if len(got) != 1 || got[0] != 3 {
						t.Errorf("the Maildir has %v of it\n%+v\n%+v", got, r, r2)
					}
				})
			}
		}
	}
}

// TestAMailboxThatTheMaildirIsToDoWithoutStaysAway, once --allow-deletes has said so, with
// what comes in it.
func TestAMailboxThatTheMaildirIsToDoWithoutStaysAway(t *testing.T) {
	for name, p := range map[string]fake.Profile{"plain": fake.Plain, "QRESYNC": fake.QResync} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, p)
			pull := func(o *sync.Options) {
				o.Policy = func(mail.Mailbox, mail.Role) conflict.Policy { return conflict.Policy{Mode: conflict.Pull} }
			}
			a.server.CreateMailbox("Work", "")
			a.server.Deliver("Work", letter(1), mail.Flags{})
			a.run(pull)
			a.local.Delete("Work", a.local.Files("Work")[0].Key)
			a.run(pull)
			a.local.RemoveMailbox("Work")
			a.run(pull, func(o *sync.Options) { o.AllowDeletes = true })
			for n := range 3 {
				a.server.Deliver("Work", letter(2+n), mail.Flags{})
				a.run(pull)
			}
			if slices.Contains(a.local.Names(), "Work") {
				t.Error("it is here again")
			}
		})
	}
}
