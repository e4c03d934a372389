package bootstrap

import (
	"go.uber.org/fx"

	"heliograph/adapters/inbound/ginapi"
	"heliograph/application/logs"
	"heliograph/domain/event"
)

// operatorsModule is what those who run the service look at (rules W5, W7).
func operatorsModule() fx.Option {
	return fx.Module("operators", fx.Provide(
		fx.Annotate(logs.New, fx.As(new(event.LogReader))),
		newOperatorDeps,
	))
}

type operatorParts struct {
	fx.In

	Log event.LogReader
}

func newOperatorDeps(p operatorParts) ginapi.OperatorDeps {
	return ginapi.OperatorDeps{Log: p.Log}
}
