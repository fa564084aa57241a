package plan_test

import (
	"reflect"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// TestWhatIsOutsideIsNotFetchedForItsFileIsGone: the server keeps a message that its
// users want, or whose mailbox is made again. In the window it is fetched again; outside
// of it base learns that the server alone has it, unless it was asked for.
func TestWhatIsOutsideIsNotFetchedForItsFileIsGone(t *testing.T) {
	t.Parallel()
	wanted := mail.ParseFlags(`\Seen`, `\Answered`)
	for name, test := range map[string]struct {
		from   mail.UID
		row    mail.Windowed
		gone   bool // the whole mailbox
		asked  bool
		stays  bool
		parted bool
		mode   conflict.Mode
	}{
		"inside":                      {from: 1},
		"outside":                     {from: 2, stays: true},
		"mailbox gone, inside":        {from: 1, gone: true},
		"mailbox gone, outside":       {from: 2, gone: true, stays: true},
		"in part, outside":            {from: 2, stays: true, parted: true},
		"asked for earlier":           {from: 2, row: mail.Brought},
		"mailbox gone, and asked for": {from: 2, gone: true, asked: true},
		"where nothing leaves":        {from: 2, gone: true, mode: conflict.Archive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := mail.Row{
				ID: 7, Mailbox: "Work", UID: 1, Key: "k", Flags: mail.ParseFlags(`\Seen`), Inode: 5, Date: 100, Window: test.row,
				Content: mail.Content{Hash: mail.Hash{1}, Size: 10},
			}
			if test.parted {
				base.Content.Partial = 1000
			}
			local := plan.There
			if test.gone {
				local = plan.Missing
			}
			p := plan.Make(plan.Input{Recreate: test.gone, Mailboxes: []plan.Mailbox{
				{Name: mail.Inbox, Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true},
				{
					Name: "Work", Server: plan.There, Local: local, BaseServer: true, BaseLocal: true,
					Policy: conflict.Policy{Mode: test.mode},
					Window: mail.Window{From: test.from}, Rows: mail.Counts{Local: 1, Server: 1},
					LocalRoom: mail.KeywordRoom{Open: true}, ServerRoom: mail.KeywordRoom{Open: true},
					Items: []plan.Item{{
						Base: &base, LocalState: conflict.Gone, Asked: test.asked,
						ServerState: conflict.Here, Server: &mail.ServerMessage{UID: 1, Flags: wanted, Date: 100},
					}},
				},
			}})
			var fetched, removed bool
			var kept []mail.Row
			for _, op := range p.Operations {
				switch op := op.(type) {
				case plan.Fetch:
					fetched = true
				case plan.Record:
					kept = append(kept, op.Row)
				case plan.RemoveServer, plan.Forget:
					removed = true
				}
			}
			var want []mail.Row
			if test.stays {
				row := base
				row.Key, row.Inode, row.Window, row.Flags, row.Content = "", 0, mail.Outside, wanted, base.Content.OnServer()
				want = []mail.Row{row}
			}
			if fetched == test.stays || removed || !reflect.DeepEqual(kept, want) {
				t.Errorf("fetched: %v, recorded %+v, not %+v\n%s", fetched, kept, want, describe(p))
			}
		})
	}
}
