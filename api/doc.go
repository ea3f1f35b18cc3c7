// Package api names what the server serves: the Go types of every built-in
// group and version, in one immutable scheme. Its subpackages turn them into
// bytes: [github.com/binnacle-io/binnacle/api/codec] (stored and wire forms)
// and [github.com/binnacle-io/binnacle/api/openapi] (their description).
//
// Invariants:
//
//   - The scheme holds what kube-apiserver 1.36 serves by default and nothing
//     else: version v1 of every group, autoscaling v1 and v2, no alpha or beta
//     but the v1beta1 of the pods/eviction body. A kind that is not registered
//     is not served; which of the others are, the table of pkg/registry/kinds says.
//   - Every group version also has WatchEvent and the option kinds, and
//     meta.k8s.io has Table and PartialObjectMetadata, as clients send and
//     expect them.
//   - The scheme is built once, on first use, and never changed: it may be read
//     from any goroutine.
//
// The package registers no defaults, validation or internal versions: a kind's
// behaviour is in pkg/registry. It does not import client-go, whose scheme holds
// every beta there ever was.
package api
