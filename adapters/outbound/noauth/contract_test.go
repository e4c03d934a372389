package noauth_test

import (
	"testing"

	"heliograph/adapters/outbound/noauth"
	"heliograph/test/contract/policycontract"
)

func TestPolicyContract(t *testing.T) {
	policycontract.Run(t, noauth.New(), policycontract.Options{Open: true})
}
