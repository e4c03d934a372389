package natspublisher_test

import (
	"testing"

	"heliograph/adapters/engine/natsbroker/brokertest"
	"heliograph/adapters/outbound/natspublisher"
	"heliograph/test/contract/historycontract"
	"heliograph/test/contract/logcontract"
	"heliograph/test/contract/publishercontract"
)

func TestPublisherContract(t *testing.T) {
	publishercontract.Run(t, fresh)
}

func TestPublisherContractOfBrokersThatOutliveTheirCallers(t *testing.T) {
	publishercontract.RunLasting(t, fresh)
}

func fresh(t *testing.T) publishercontract.Subject {
	n := serve(t, brokertest.InProcess(t), natspublisher.LogConfig{})
	return publishercontract.Subject{Publisher: n, Received: n.received, Close: n.Close, MaxEventBytes: maxEventBytes}
}

func TestHistoryContract(t *testing.T) {
	historycontract.Run(t, func(t *testing.T) historycontract.Subject {
		const retention = 16 << 10
		n := serve(t, brokertest.InProcess(t), natspublisher.LogConfig{MaxBytes: retention})
		return historycontract.Subject{Publisher: n, History: n.log, Retention: retention}
	})
}

func TestLogContract(t *testing.T) {
	logcontract.Run(t, func(t *testing.T) logcontract.Subject {
		const retention = 16 << 10
		n := serve(t, brokertest.InProcess(t), natspublisher.LogConfig{MaxBytes: retention})
		return logcontract.Subject{Publisher: n, Log: n.log, Retention: retention}
	})
}
