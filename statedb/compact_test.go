package statedb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"godwit/mail"
)

func TestCompactGivesBackWhatIsFree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	commit(t, db, mail.PutRun{Run: mail.RunRecord{ID: 1, Started: 100}}, newRow("A", 1))
	if freed, err := db.Compact(t.Context()); freed != 0 || err != nil {
		t.Errorf("a small file: %d octets, %v", freed, err)
	}
	var changes []mail.Change
	for i := range 20000 {
		changes = append(changes, mail.PutOperation{Operation: mail.Operation{
			Run: 1, Seq: int64(i + 1), Kind: mail.OperationRemoved, Side: mail.SideLocal, Mailbox: "A",
			Key: mail.Key(fmt.Sprintf("1700%06d.M1P2Rgodwit.host", i)), Count: 1, Content: mail.Content{Hash: mail.Hash{1}},
		}})
	}
	commit(t, db, changes...)
	commit(t, db, mail.PutRun{Run: mail.RunRecord{ID: 2, Started: 200}}, mail.ForgetOperations{Before: 150})
	freed, err := db.Compact(t.Context())
	if err != nil || freed < 1<<20 {
		t.Fatalf("freed %d octets, %v", freed, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 1<<20 {
		t.Errorf("the file has %d octets, %v", info.Size(), err)
	}
	if all := rows(t, db, "A"); len(all) != 1 {
		t.Errorf("rows: %+v", all)
	}
	commit(t, db, newRow("A", 2)) // the writer goes on
	if again, err := db.Compact(t.Context()); again != 0 || err != nil {
		t.Errorf("once more: %d octets, %v", again, err)
	}
}
