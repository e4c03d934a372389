package scopepolicy_test

import (
	"testing"

	"heliograph/adapters/outbound/scopepolicy"
	"heliograph/test/contract/policycontract"
)

func TestPolicyContract(t *testing.T) {
	policycontract.Run(t, scopepolicy.New(), policycontract.Options{})
}
