package conflict_test

import (
	"testing"

	"godwit/conflict"
	"godwit/mail"

	"pgregory.net/rapid"
)

// sides are the pairs of situations that can come together: only a file can be
// edited, and what joined did so on both sides.
func sides(do func(local, server conflict.Situation)) {
	all := []conflict.Situation{
		conflict.Still, conflict.Slight, conflict.Kept, conflict.Changed, conflict.Elsewhere, conflict.Joined,
		conflict.Removed, conflict.Lost, conflict.Absent, conflict.Outside, conflict.Returning, conflict.Leaving, conflict.Undecided,
	}
	const local = conflict.Changed | conflict.Outside | conflict.Returning // said of the Maildir alone
	const both = conflict.Joined | conflict.Leaving                        // of both sides or of none
	for _, here := range all {
		for _, there := range all {
			if there&local != 0 || (here|there)&both != 0 && here != there {
				continue
			}
			do(here, there)
		}
	}
}

const everything = conflict.BothWays | conflict.LocalRemoval | conflict.ServerRemoval | conflict.Departure

func TestThereIsARuleForEverything(t *testing.T) {
	t.Parallel()
	used := map[conflict.Rule]bool{}
	sides(func(local, server conflict.Situation) {
		for may := range everything + 1 {
			r := conflict.Decide(local, server, may)
			if r.Local&local == 0 || r.Server&server == 0 || r.Needs&^may != 0 {
				t.Errorf("%v, %v, %v: decided by a rule that does not fit: %+v", local, server, may, r)
			}
			if r.Do == conflict.Wait && local != conflict.Undecided && server != conflict.Undecided {
				t.Errorf("%v, %v, %v: no rule", local, server, may)
			}
			used[r] = true
		}
	})
	for _, r := range conflict.Rules {
		if !used[r] {
			t.Errorf("the rule %+v never decides", r)
		}
		if r.Reason == conflict.NoReason {
			t.Errorf("the rule %+v has no reason", r)
		}
	}
}

func TestNoRuleDoesWhatIsNotPermitted(t *testing.T) {
	t.Parallel()
	needs := map[conflict.Action]conflict.Permit{
		conflict.Restore: conflict.ToLocal, conflict.Append: conflict.ToServer, conflict.Replace: conflict.ToServer,
		conflict.FollowServer: conflict.ToLocal, conflict.FollowLocal: conflict.ToServer,
		conflict.DropLocal: conflict.LocalRemoval, conflict.DropServer: conflict.ServerRemoval,
		conflict.PutAway: conflict.Departure,
	}
	for _, r := range conflict.Rules {
		if missing := needs[r.Do] &^ r.Needs; missing != 0 {
			t.Errorf("the rule %+v does not need %v", r, missing)
		}
	}
}

// TestNothingIsRemovedThatTheOtherSideHas: a removal is repeated only where the
// other side removed, and nobody asked to keep it; and nothing is forgotten that
// any side has where base has it.
func TestNothingIsRemovedThatTheOtherSideHas(t *testing.T) {
	t.Parallel()
	sides(func(local, server conflict.Situation) {
		for may := range everything + 1 {
			r := conflict.Decide(local, server, may)
			switch r.Do {
			case conflict.DropLocal:
				if server != conflict.Removed || local&(conflict.Still|conflict.Slight) == 0 {
					t.Errorf("%v, %v, %v: the file is removed", local, server, may)
				}
			case conflict.DropServer:
				if local != conflict.Removed || server&(conflict.Still|conflict.Slight) == 0 {
					t.Errorf("%v, %v, %v: the message is removed", local, server, may)
				}
			case conflict.PutAway:
				if local != conflict.Leaving || server != conflict.Leaving {
					t.Errorf("%v, %v, %v: the file is put away", local, server, may)
				}
			case conflict.Forget:
				if (local|server)&conflict.There != 0 {
					t.Errorf("%v, %v, %v: forgotten", local, server, may)
				}
			}
		}
	})
}

// TestOneWayModesMirrorEachOther: what pull does, push does with the sides
// exchanged, as far as both sides can show the same.
func TestOneWayModesMirrorEachOther(t *testing.T) {
	t.Parallel()
	mirror := map[conflict.Action]conflict.Action{
		conflict.Restore: conflict.Append, conflict.Append: conflict.Restore,
		conflict.FollowServer: conflict.FollowLocal, conflict.FollowLocal: conflict.FollowServer,
		conflict.DropLocal: conflict.DropServer, conflict.DropServer: conflict.DropLocal,
		conflict.GiveUpLocal: conflict.GiveUpServer, conflict.GiveUpServer: conflict.GiveUpLocal,
	}
	pull, push := conflict.Policy{Mode: conflict.Pull}.Permits(), conflict.Policy{Mode: conflict.Push}.Permits()
	sides(func(local, server conflict.Situation) {
		if local&(conflict.Changed|conflict.Outside|conflict.Returning|conflict.Leaving) != 0 {
			return // the server cannot edit, and has no windows
		}
		want := conflict.Decide(local, server, pull).Do
		if m, ok := mirror[want]; ok {
			want = m
		}
		if got := conflict.Decide(server, local, push).Do; got != want {
			t.Errorf("%v, %v: pull does %v, push does %v with the sides exchanged", local, server, want, got)
		}
	})
}

func TestPermits(t *testing.T) {
	t.Parallel()
	const (
		toLocal, toServer = conflict.ToLocal, conflict.ToServer
		leave             = conflict.Departure
		local, server     = conflict.LocalRemoval, conflict.ServerRemoval
	)
	for _, c := range []struct {
		policy conflict.Policy
		want   conflict.Permit
	}{
		{conflict.Policy{}, everything},
		{conflict.Policy{Expunge: conflict.LocalOnly}, toLocal | toServer | local | leave},
		{conflict.Policy{Expunge: conflict.ServerOnly}, toLocal | toServer | server | leave},
		{conflict.Policy{Expunge: conflict.None}, toLocal | toServer | leave},
		{conflict.Policy{Mode: conflict.Pull}, toLocal | local | leave},
		{conflict.Policy{Mode: conflict.Pull, Expunge: conflict.ServerOnly}, toLocal | leave},
		{conflict.Policy{Mode: conflict.Push}, toServer | server},
		{conflict.Policy{Mode: conflict.Archive}, toLocal},
	} {
		if got := c.policy.Permits(); got != c.want {
			t.Errorf("%+v permits %b, not %b", c.policy, got, c.want)
		}
	}
}

func TestTouch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, now string
		want      conflict.Situation
	}{
		{"", "", conflict.Still},
		{`\Flagged k`, `\Flagged K`, conflict.Still},
		{"", `\Seen`, conflict.Slight},
		{`\Seen`, "", conflict.Slight},
		{"", `\Deleted`, conflict.Slight},
		{`\Flagged k`, "", conflict.Slight},
		{`\Flagged`, `\Seen`, conflict.Slight},
		{"", `\Flagged`, conflict.Kept},
		{"", `\Answered`, conflict.Kept},
		{"", `\Draft`, conflict.Kept},
		{"", `$Forwarded`, conflict.Kept},
		{"", `k`, conflict.Kept},
		{`k`, `l`, conflict.Kept},
		{`\Deleted`, "", conflict.Kept},
		{`\Deleted`, `\Seen`, conflict.Kept},
	} {
		base, now := parse(c.base), parse(c.now)
		if got := conflict.Touch(base, now); got != c.want {
			t.Errorf("from (%s) to (%s): %v, not %v", c.base, c.now, got, c.want)
		}
		if got := conflict.Keeps(base, now); got != (c.want == conflict.Kept) {
			t.Errorf("from (%s) to (%s): Keeps is %v", c.base, c.now, got)
		}
	}
}

func TestEveryReasonHasItsOwnWords(t *testing.T) {
	t.Parallel()
	words := map[string]conflict.Reason{}
	for r := conflict.NoReason; r == conflict.NoReason || r.String() != conflict.NoReason.String(); r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no words", r)
		}
		if other, taken := words[r.String()]; taken {
			t.Errorf("reasons %d and %d are both %q", other, r, r)
		}
		words[r.String()] = r
	}
	for _, r := range conflict.Rules {
		if words[r.Reason.String()] != r.Reason {
			t.Errorf("the words of reason %d come to an end before it", r.Reason)
		}
	}
}

func parse(flags string) mail.Flags { return mail.ParseFlags(split(flags)...) }

func split(s string) []string {
	var out []string
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != ' ' {
			i++
		}
		out, s = append(out, s[:i]), s[min(i+1, len(s)):]
	}
	return out
}

// anyFlags draws flags out of a few.
func anyFlags(t *rapid.T, label string) mail.Flags {
	f := mail.Flags{System: mail.System(rapid.IntRange(0, 63).Draw(t, label))}
	f.Keywords = rapid.SampledFrom([]mail.Keywords{"", "k1", "k2", "k1 k2"}).Draw(t, label+" keywords")
	return f
}

func has(f mail.Flags, flag mail.Flags) bool { return flag.Minus(f).IsZero() }

var singles = []mail.Flags{
	{System: mail.Draft}, {System: mail.Flagged}, {System: mail.Forwarded}, {System: mail.Answered},
	{System: mail.Seen}, {System: mail.Deleted}, {Keywords: "k1"}, {Keywords: "k2"},
}

// TestFlagsMergeOneByOne: two ways, the side that changed a flag wins.
func TestFlagsMergeOneByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := conflict.Flags{Base: anyFlags(t, "base"), Local: anyFlags(t, "local"), Server: anyFlags(t, "server")}
		m := q.Merge(everything)
		if !m.Row.Equal(m.Local) || !m.Row.Equal(m.Server) {
			t.Fatalf("%+v: %+v", q, m)
		}
		for _, f := range singles {
			want := has(q.Base, f)
			if has(q.Local, f) != has(q.Base, f) || has(q.Server, f) != has(q.Base, f) {
				want = !want
			}
			if has(m.Row, f) != want {
				t.Fatalf("%v of %+v: %v", f, q, m.Row)
			}
		}
	})
}

// TestFlagsTravelOneWay: the side that is not to be changed is not, the other
// hears of every change and keeps its own, and the row says what the first has.
func TestFlagsTravelOneWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := conflict.Flags{Base: anyFlags(t, "base"), Local: anyFlags(t, "local"), Server: anyFlags(t, "server")}
		pull := q.Merge(conflict.ToLocal)
		push := conflict.Flags{Base: q.Base, Local: q.Server, Server: q.Local}.Merge(conflict.ToServer)
		if !pull.Row.Equal(push.Row) || !pull.Local.Equal(push.Server) || !pull.Server.Equal(push.Local) {
			t.Fatalf("%+v: pull gives %+v, push %+v", q, pull, push)
		}
		if !pull.Server.Equal(q.Server) || !pull.Row.Equal(q.Server) {
			t.Fatalf("%+v: %+v", q, pull)
		}
		for _, f := range singles {
			want := has(q.Local, f)
			if has(q.Server, f) != has(q.Base, f) {
				want = has(q.Server, f)
			}
			if has(pull.Local, f) != want {
				t.Fatalf("%v of %+v: %+v", f, q, pull)
			}
		}
	})
}

// TestNothingTravelsNoWay, and the row learns what both sides agree on.
func TestNothingTravelsNoWay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := conflict.Flags{Base: anyFlags(t, "base"), Local: anyFlags(t, "local"), Server: anyFlags(t, "server")}
		m := q.Merge(0)
		if !m.Local.Equal(q.Local) || !m.Server.Equal(q.Server) {
			t.Fatalf("%+v: %+v", q, m)
		}
		for _, f := range singles {
			want := has(q.Base, f)
			if has(q.Local, f) == has(q.Server, f) {
				want = has(q.Local, f)
			}
			if has(m.Row, f) != want {
				t.Fatalf("%v of %+v: %+v", f, q, m)
			}
		}
	})
}

// TestWhatWasMadeAnewTakesNothingOff: flags that a new message lacks were not
// removed from it.
func TestWhatWasMadeAnewTakesNothingOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := conflict.Flags{
			Base: anyFlags(t, "base"), Local: anyFlags(t, "local"), Server: anyFlags(t, "server"),
			LocalAnew: rapid.Bool().Draw(t, "local anew"), ServerAnew: true,
		}
		m := q.Merge(everything)
		for _, f := range singles {
			taken := has(q.Base, f) && !has(q.Local, f) && !q.LocalAnew
			want := (has(q.Base, f) || has(q.Local, f) || has(q.Server, f)) && !taken
			if has(m.Row, f) != want || has(m.Server, f) != want || has(m.Local, f) != want {
				t.Fatalf("%v of %+v: %+v", f, q, m)
			}
		}
		if m := q.Merge(conflict.ToServer); !q.Base.Minus(m.Server).Minus(q.Base.Minus(q.Local)).IsZero() {
			t.Fatalf("%+v: pushing takes off %v", q, q.Base.Minus(m.Server))
		}
	})
}
