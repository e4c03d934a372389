package natsbroker

import "context"

// CheckStreams is what Serve does every few seconds.
func (b *Broker) CheckStreams(ctx context.Context) error { return b.monitor.checkStreams(ctx) }
