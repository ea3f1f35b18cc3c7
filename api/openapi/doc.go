// Package openapi serves the OpenAPI documents of what the server serves: one of
// version 3 per group version and per group, as kube-apiserver cuts them, and one
// of version 2 for everything, each as JSON and as protobuf.
//
// The documents are generated (go run ./hack/openapi) and embedded as one
// archive in which each is compressed by itself. Nothing is read at start; the
// archive's directory is read on first use, and a document is decompressed when
// it is asked for, or not at all: [Gzip] hands out the compressed bytes.
//
// Main functions: [Paths] lists the documents of version 3 and their hashes,
// [Document], [Protobuf] and [Gzip] return one, [Schemas] decodes the schemas of
// one, for what works on typed trees (server-side apply).
//
// Nothing is cached and nothing changes: every function may be called from any
// goroutine, and the caller owns what it gets.
//
// The package knows built-in kinds only. Documents of custom resources, the
// index with its URLs, and negotiation belong to pkg/rest.
package openapi
