package ginjson

import (
	"heliograph/adapters/internal/streamurl"
	"heliograph/domain/connection"
)

// RequestID is streamurl.RequestID.
func RequestID(query string) (connection.RequestID, error) { return streamurl.RequestID(query) }
