package embeddedsender

import (
	"heliograph/adapters/internal/sse"
	"heliograph/domain/gateway"
)

// The engine as the wiring knows it, which cannot see adapters/internal.
type (
	Engine = sse.Engine
	Config = sse.Config
	Format = sse.Format
)

// NewEngine returns an engine without streams. It starts nothing.
func NewEngine(cfg Config, m gateway.Metrics) *Engine { return sse.New(cfg, m) }
