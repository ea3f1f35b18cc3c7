//go:build !race

package rest

// raceEnabled: under the race detector, memory says nothing.
const raceEnabled = false
