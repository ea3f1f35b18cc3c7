// Package e2e tests the whole server from outside, with the clients that people
// use: kubectl, client-go, controller-runtime, and the process itself with
// signals, faults of its surroundings and kill -9.
//
// Most tests run the server inside the test's process (package testserver), so
// that the race detector sees it; those about the process build the binary.
// Everything listens on loopback and every wait has a deadline. What is tested
// by which file stands in ../README.md.
package e2e
