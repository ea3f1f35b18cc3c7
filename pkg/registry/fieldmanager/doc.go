// Package fieldmanager keeps metadata.managedFields: who owns which field of an
// object, from its create on, and merges server-side apply by it.
//
// Main types: [Types] knows the schema of every kind, made from the OpenAPI
// documents of package api/openapi when a group version is written to for the
// first time. A [Manager] does the work for one kind as it is served under one
// group version and subresource: [Manager.Create] and [Manager.Update] record
// what a write changed, [Manager.Apply] merges a configuration into an object.
// [Scale] carries ownership between an object and its Scale.
//
// The rules are those of k8s.io/apimachinery/pkg/util/managedfields, which does
// everything that is rare: apply, entries of other versions, more managers than
// are kept, hand-written entries. Creates and updates mostly come with nothing of
// the kind, and take a way of their own, because the library's way through a
// generic form of the object costs more than all the rest of a write:
//
//   - A [plan] joins a Go type with its schema once. Walking objects by it needs
//     neither lookups in the schema nor a generic form.
//   - A create's only entry is written while walking, in order, straight into the
//     bytes that are stored.
//   - An update walks both objects at once and collects what changed. Entries
//     that this does not touch keep their bytes; the others are parsed.
//
// Invariants:
//
//   - The quick way gives the very bytes that the library gives, or gives up
//     before it has changed anything; then the library runs. Tests and a fuzz
//     target compare the two.
//   - Bookkeeping never fails a write. What the library cannot account for loses
//     its managedFields, as in kube-apiserver. Only Apply returns errors.
//   - Entries handed in are read only. A Manager is safe for concurrent use and
//     keeps nothing of the objects it is given.
//
// The package has no clock: the caller says when a write happens. It knows nothing
// of HTTP or of the store.
package fieldmanager
