package plan_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// million is how many messages the benchmarks plan for.
const million = 1_000_000

func numbered(i int) mail.Content {
	c := mail.Content{Size: int64(1000 + i%5000)}
	binary.BigEndian.PutUint32(c.Hash[:], uint32(i+1))
	binary.BigEndian.PutUint32(c.Head[:], uint32(i+1))
	return c
}

// account makes one mailbox of a million items.
func account(item func(i int) plan.Item, change func(m *plan.Mailbox)) plan.Input {
	m := plan.Mailbox{
		Name: mail.Inbox, Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true,
		LocalRoom: mail.KeywordRoom{Open: true}, ServerRoom: mail.KeywordRoom{Open: true},
		Rows: mail.Counts{Server: million, Local: million}, Items: make([]plan.Item, 0, million),
	}
	for i := range million {
		m.Items = append(m.Items, item(i))
	}
	if change != nil {
		change(&m)
	}
	return plan.Input{Mailboxes: []plan.Mailbox{m, {
		Name: "A", Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true,
		LocalRoom: mail.KeywordRoom{Open: true}, ServerRoom: mail.KeywordRoom{Open: true},
	}}, Total: m.Rows}
}

func aRow(i int) *mail.Row {
	return &mail.Row{ID: int64(i + 1), Mailbox: mail.Inbox, UID: mail.UID(i + 1), Key: mail.Key(fmt.Sprintf("%010d.M1P1.host", i)), Content: numbered(i), Inode: uint64(i + 1)}
}

func aFile(i int, flags mail.System) *mail.LocalMessage {
	return &mail.LocalMessage{Key: mail.Key(fmt.Sprintf("%010d.M1P2.host", i)), System: flags, Inode: uint64(i + 1)}
}

func aMessage(i int, c mail.Content) *mail.ServerMessage {
	return &mail.ServerMessage{UID: mail.UID(2*million + i), Content: c}
}

func newFile(i, c int) plan.Item {
	return plan.Item{LocalState: conflict.Here, Local: aFile(i, 0), LocalContent: mail.LocalContent{Content: numbered(c)}}
}

// head is what reading only the header tells.
func head(c mail.Content) mail.Content {
	c.Hash = mail.Hash{}
	return c
}

// BenchmarkMillion plans for a million messages to which the same happened.
func BenchmarkMillion(b *testing.B) {
	for _, c := range []struct {
		name  string
		input func() plan.Input
	}{
		{"flags", func() plan.Input {
			return account(func(i int) plan.Item {
				return plan.Item{Base: aRow(i), LocalState: conflict.Here, Local: aFile(i, mail.Seen), ServerState: conflict.Same}
			}, nil)
		}},
		{"new", func() plan.Input {
			return account(func(i int) plan.Item {
				return plan.Item{ServerState: conflict.Here, Server: aMessage(i, mail.Content{Size: 1000})}
			}, nil)
		}},
		{"removed", func() plan.Input {
			return account(func(i int) plan.Item {
				return plan.Item{Base: aRow(i), LocalState: conflict.Gone, ServerState: conflict.Same}
			}, nil)
		}},
		{"renamed", func() plan.Input { // half a million rows, half a million files
			return account(func(i int) plan.Item {
				if i%2 == 0 {
					return plan.Item{Base: aRow(i), LocalState: conflict.Gone, ServerState: conflict.Same}
				}
				return newFile(i, i-1)
			}, nil)
		}},
		{"renumbered", func() plan.Input { // half a million rows, half a million messages
			return account(func(i int) plan.Item {
				if i%2 == 0 {
					return plan.Item{Base: aRow(i), LocalState: conflict.Same}
				}
				return plan.Item{ServerState: conflict.Here, Server: aMessage(i, head(numbered(i-1)))}
			}, func(m *plan.Mailbox) { m.Reset = true })
		}},
		{"paired", func() plan.Input { // the database was lost
			return account(func(i int) plan.Item {
				if i%2 == 0 {
					return newFile(i, i)
				}
				return plan.Item{ServerState: conflict.Here, Server: aMessage(i, head(numbered(i-1)))}
			}, nil)
		}},
		{"identical", func() plan.Input { // one weak content, half a million times on each side
			c := numbered(0)
			c.Weak = true
			return account(func(i int) plan.Item {
				if i%2 == 0 {
					it := newFile(i, 0)
					it.LocalContent.Content = c
					return it
				}
				return plan.Item{ServerState: conflict.Here, Server: aMessage(i, c)}
			}, nil)
		}},
		{"alike", func() plan.Input { // one weak header, a million contents: none is the same
			return account(func(i int) plan.Item {
				c := numbered(i)
				c.Weak, c.Head, c.Size = true, numbered(0).Head, 1000
				if i%2 == 0 {
					it := newFile(i, 0)
					it.LocalContent.Content = c
					return it
				}
				return plan.Item{ServerState: conflict.Here, Server: aMessage(i, c)}
			}, nil)
		}},
		{"moved", func() plan.Input { // half a million, to another mailbox
			in := account(func(i int) plan.Item {
				if i%2 == 0 {
					return plan.Item{Base: aRow(i), LocalState: conflict.Gone, ServerState: conflict.Same}
				}
				return newFile(i, i-1)
			}, nil)
			items := in.Mailboxes[0].Items
			in.Mailboxes[0].Items = nil
			for i, it := range items {
				in.Mailboxes[i%2].Items = append(in.Mailboxes[i%2].Items, it)
			}
			return in
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := c.input()
			b.ReportAllocs()
			for b.Loop() {
				plan.Needs(in)
				plan.Make(in)
			}
		})
	}
}
