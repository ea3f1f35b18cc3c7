// Package server puts a Binnacle server together and owns its life: the data
// directory, certificates, the store, the registry, the HTTP server, health and
// metrics. It is the Go API for those who embed a server.
//
// Main types: [Config] is everything that can be chosen, [New] checks it, opens
// the data and listens, [Server.Run] serves until its context ends.
//
// Invariants:
//
//   - New leaves nothing behind when it fails: neither files in a directory that
//     was not ours nor a listening port.
//   - Run returns after every goroutine has ended and everything acknowledged is
//     on disk.
package server
