package natsbroker

import "context"

// Look is what Serve does every few seconds.
func (b *Broker) Look(ctx context.Context) error { return b.look(ctx) }
