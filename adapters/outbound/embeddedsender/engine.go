package embeddedsender

import (
	"heliograph/adapters/internal/sse"
	"heliograph/domain/gateway"
)

// Engine is the embedded gateway's engine, by a name that the wiring can use:
// it may not see adapters/internal.
type Engine = sse.Engine

// Config is what an Engine needs to know.
type Config = sse.Config

// Format is how events look on a stream.
type Format = sse.Format

// NewEngine returns an engine without streams. It starts nothing.
func NewEngine(cfg Config, metrics gateway.Metrics) *Engine { return sse.New(cfg, metrics) }
