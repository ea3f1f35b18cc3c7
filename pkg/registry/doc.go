// Package registry holds the semantics of objects, whatever their kind and
// without HTTP: what a create fills in, what an update may change, what a delete
// leaves behind, what a list at a resourceVersion returns.
//
// Main types: [Kind] describes one kind as data and a few functions, [Define]
// turns it into a [Resource], [Registry] serves every Resource with one
// implementation of the verbs. An [Endpoint] is a Resource as it is served
// under one group and version.
//
// Reading order: kind.go, registry.go, read.go, create.go, update.go, delete.go.
//
// Invariants:
//
//   - A write is decided by the compare of its transaction. An error or a no-op
//     that was concluded from the watch cache is answered only after a
//     linearizable read and another try on the fresh object.
//   - A write whose outcome is unknown is answered so, and never tried again.
//   - Objects handed out by the watch cache are shared and immutable; a verb
//     decodes its own copy before it changes anything.
//
// It knows nothing of HTTP, users' rights or media types. Errors are
// k8s.io/apimachinery API status errors, made here and in no package below.
package registry
