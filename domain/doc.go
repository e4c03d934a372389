// Package domain is the root of what must be true, whatever the technology.
//
// Each package below it holds one concept: its types, its rules and its ports.
// Driven ports (Registry, Publisher, Sender, Store …) are implemented by
// outbound adapters; driving ports (Manager, Service …) by the application,
// for inbound adapters to call. Nothing here does I/O, logs, or imports
// anything but the standard library and its siblings.
package domain
