// Package browser measures clients of event streams where they run: in pages of a real
// Chromium, beside each other. Each client has a page of its own in pages, which does the same
// as the others with what the client offers; what is measured is written in
// docs/benchmarks/README.md. The peers' clients come from npm, as pages/package-lock.json has
// them. It needs Linux.
package browser
