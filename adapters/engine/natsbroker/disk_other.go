//go:build !linux && !darwin && !freebsd

package natsbroker

import "errors"

// diskSpace cannot be found out here: a full disk is noticed when a write fails.
func diskSpace(string) (free, whole uint64, err error) { return 0, 0, errors.ErrUnsupported }
