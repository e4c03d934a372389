package fixedversion_test

import (
	"errors"
	"testing"

	"heliograph/adapters/outbound/fixedversion"
	"heliograph/domain/version"
	"heliograph/test/contract/versionsourcecontract"
)

func TestSourceContract(t *testing.T) {
	t.Parallel()
	versionsourcecontract.Run(t, func(t *testing.T) versionsourcecontract.Subject {
		s, err := fixedversion.New("1.4.2")
		if err != nil {
			t.Fatal(err)
		}
		return versionsourcecontract.Subject{Source: s, Says: `{"version":"1.4.2"}`}
	}, versionsourcecontract.Constant("a fixed version neither changes nor fails"))
}

func TestAVersionNeedsAName(t *testing.T) {
	t.Parallel()
	if _, err := fixedversion.New(""); !errors.Is(err, version.ErrInvalid) {
		t.Errorf("New: %v, want %v", err, version.ErrInvalid)
	}
}
