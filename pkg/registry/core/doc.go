// Package core holds the kinds of the core group, one file per kind: their
// names, defaults, rules and tables.
//
// Kinds returns all of them. Each kind is a function that returns its
// registry.Resource; what is generic (verbs, object metadata, storage) is not
// here but in package registry. The functions of a kind are pure, its defaults
// idempotent, and its messages are kube-apiserver's, since clients match on them.
//
// The package does not do what kube-apiserver's admission plugins do (protection
// finalizers of volumes, the not-ready taint of nodes, quota), and it allocates
// nothing: a Service keeps the addresses and node ports that its client gave it.
package core
