//go:build !race

package programs

var raceFlags []string
