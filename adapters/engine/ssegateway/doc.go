// Package ssegateway is what the gateway role needs beyond the stream engine: events are
// whatever a backend hands over, with IDs that only the backend understands, and a stream
// takes them before the backend has accepted it.
//
// The engine in package sse knows one publisher, whose events have consecutive IDs, and
// places what is private behind what was published before. A backend is not so tidy: it
// repeats what it got no answer to, several of its nodes push to one gateway, and it sends
// what a client missed itself. Where a frame is sent, with which ID, and whether at all, is
// decided here; the engine only does it.
//
// # Concurrency properties
//
// Everything is guarded by the mutex of the engine, which sse.Locked stands for: a frame's
// position is found and taken in one step. There is no other mutex.
package ssegateway
