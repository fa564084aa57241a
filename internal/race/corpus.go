package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"godwit/internal/corpus"
)

// body is message i of a profile: "small" is one to eight KiB, "real" 40 KiB on
// average, most of which is in a few attachments, "office" the same with shorter
// texts and longer attachments, "tiny" as little as a message
// can have.
func body(profile string, i int) []byte {
	random := rand.New(rand.NewPCG(uint64(i), 2))
	switch kind := random.Float64(); {
	case profile == "tiny":
		return corpus.Sized(i, 500)
	case profile == "office" && kind < 0.85:
		return corpus.Sized(i, 1000+int(min(60_000, math.Exp(8+0.7*random.NormFloat64()))))
	case profile == "office":
		return corpus.Attachment(i, int(min(2_200_000, math.Exp(11.3+1.2*random.NormFloat64()))))
	case profile != "real" || kind < 0.45:
		return corpus.Message(i)
	case kind < 0.85:
		return corpus.Sized(i, 4000+int(random.ExpFloat64()*20_000))
	default:
		return corpus.Attachment(i, min(2_000_000, 10_000+int(random.ExpFloat64()*140_000)))
	}
}

// names are n mailboxes: INBOX, Archive and others.
func names(n int) []string {
	all := []string{"INBOX", "Archive", "Sent", "Drafts", "Junk", "Lists.golang", "Lists.mutt", "Work.2024", "Work.2025", "Family"}
	for i := len(all); i < n; i++ {
		all = append(all, fmt.Sprintf("Projects.P%04d", i))
	}
	return all[:n]
}

// mailOf says what mail an account has.
type mailOf struct {
	messages, mailboxes int
	profile             string
}

// fill writes the mail of one account as a Maildir++, which Dovecot serves as it
// stands. Mailbox k holds a share of 1/(k+1): INBOX and Archive are the large
// ones, and each has one message at least. The same arguments give the same mail.
func fill(root string, m mailOf) error {
	boxes := names(m.mailboxes)
	dirs := make([]string, len(boxes))
	for k, name := range boxes {
		dirs[k] = root
		if name != "INBOX" {
			dirs[k] = filepath.Join(root, "."+name)
		}
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(dirs[k], sub), 0o755); err != nil {
				return err
			}
		}
		if k > 0 {
			if err := os.WriteFile(filepath.Join(dirs[k], "maildirfolder"), nil, 0o644); err != nil {
				return err
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 1))
	shares, sum := make([]float64, len(boxes)), 0.0
	for k := range boxes {
		sum += 1 / float64(k+1)
		shares[k] = sum
	}
	for i := range m.messages {
		k := i
		if i >= len(boxes) {
			at := random.Float64() * sum
			for k = 0; k < len(boxes)-1 && shares[k] < at; k++ {
			}
		}
		flags := ""
		for _, f := range []struct {
			letter string
			share  float64
		}{{"F", .03}, {"R", .15}, {"S", .85}} {
			if random.Float64() < f.share {
				flags += f.letter
			}
		}
		b, when := body(m.profile, i), corpus.Date(i)
		path := filepath.Join(dirs[k], "cur", fmt.Sprintf("%d.M%dP1.corpus,S=%d,W=%d:2,%s", when.Unix(), i, len(b), len(b), flags))
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(path, when, when); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(root, "subscriptions"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, name := range boxes[1:] {
		fmt.Fprintln(w, name)
	}
	return w.Flush()
}
