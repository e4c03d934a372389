package cachedversion_test

import (
	"testing"

	"go.uber.org/goleak"

	"heliograph/adapters/outbound/cachedversion"
	"heliograph/domain/version"
	"heliograph/test/contract/versionsourcecontract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSourceContract(t *testing.T) {
	t.Parallel()
	versionsourcecontract.Run(t, func(*testing.T) versionsourcecontract.Subject {
		const says = `{"version":"1.4.2"}`
		behind := &source{}
		behind.say(says)
		return versionsourcecontract.Subject{
			Source: cachedversion.New(behind),
			Says:   says,
			Say:    func(_ *testing.T, payload string) { behind.say(payload) },
			Break:  func(*testing.T) { behind.fail(&version.SourceError{Reason: "it is broken"}) },
		}
	})
}
