package prommetrics_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"heliograph/test/contract/metricscontract"
	"heliograph/test/scrape"
)

func TestMetricsContract(t *testing.T) {
	metricscontract.Run(t, func(t *testing.T) metricscontract.Subject {
		reg := prometheus.NewPedanticRegistry()
		m := newMetrics(t, reg)
		return metricscontract.Subject{
			Connections: m.Connections(), Gateway: m.Gateway(), Tasks: m.Tasks(),
			Read: func(t *testing.T) metricscontract.Reading { return scrape.Read(t, reg).Reading() },
		}
	})
}
