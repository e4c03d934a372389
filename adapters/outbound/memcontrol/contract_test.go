package memcontrol_test

import (
	"testing"

	"heliograph/adapters/outbound/memcontrol"
	"heliograph/domain/gateway"
	"heliograph/test/contract/controlcontract"
)

func TestControlContractOfANodeThatIsAlone(t *testing.T) {
	controlcontract.RunAlone(t, func(*testing.T) gateway.Control { return memcontrol.New() })
}
