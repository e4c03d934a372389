package memregistry_test

import (
	"testing"

	"heliograph/adapters/outbound/memregistry"
	"heliograph/test/contract/registrycontract"
)

func TestRegistryContract(t *testing.T) {
	registrycontract.Run(t, func(*testing.T) registrycontract.Subject {
		r := memregistry.New()
		return registrycontract.Subject{Registry: r, Roster: r, Node: "node-1"}
	})
}
