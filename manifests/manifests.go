// Package manifests holds the YAML that ships with the server.
//
// bootstrap has the objects that must exist; the server creates those that are
// missing at every start, in the order of the files. It holds data only: what
// depends on the server's addresses is filled in by package server.
package manifests

import "embed"

// Bootstrap holds bootstrap/*.yaml.
//
//go:embed bootstrap/*.yaml
var Bootstrap embed.FS
