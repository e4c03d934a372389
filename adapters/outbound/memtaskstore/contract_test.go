package memtaskstore_test

import (
	"testing"

	"heliograph/adapters/outbound/memtaskstore"
	"heliograph/test/contract/taskstorecontract"
)

func TestStoreContract(t *testing.T) {
	taskstorecontract.Run(t, func(*testing.T) taskstorecontract.Subject {
		return taskstorecontract.Subject{Store: memtaskstore.New()}
	})
}
