// Package rest is the HTTP face of the registry: routes, negotiation, request
// bodies, verbs, watch streams, tables, discovery, OpenAPI and errors as API
// Statuses.
//
// Main types: [Handler] serves everything below /api and /apis, discovery,
// OpenAPI and /version; [Config] says what it is made of; [Observer] is told of
// every request.
//
// The way of a request: handler.go (routes, who and may they), path.go (what is
// asked for), then list.go (get is there too), watch.go, write.go, patch.go,
// delete.go or subresource.go, and out through respond.go, list.go or table.go,
// which write the forms that forms.go makes once per object and shares.
//
// Invariants:
//
//   - Every answer to a resource request that is not a success is a Status in the
//     negotiated media type, made in status.go.
//   - A list is written in chunks: its memory does not grow with its length.
//   - Bodies are bounded by maxBody before they are decoded.
//   - A watch handler has no goroutine and no queue of its own: it is a cursor
//     that the request's goroutine moves.
//
// It decides nothing about objects: package registry does.
package rest
