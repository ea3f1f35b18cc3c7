// Package coordination holds the kinds of the group coordination.k8s.io: Lease,
// with which components elect a leader and nodes say that they live.
//
// Kinds returns them. A Lease is written often and by several at once, so an
// update must name the resourceVersion it is based on.
package coordination
