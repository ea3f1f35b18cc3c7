// Package definitions holds the generated description of the Go types while the
// OpenAPI documents are built. In the source tree it is empty; see hack/openapi.
package definitions

import "k8s.io/kube-openapi/pkg/common"

// Get is set by the generated code.
var Get common.GetOpenAPIDefinitions
