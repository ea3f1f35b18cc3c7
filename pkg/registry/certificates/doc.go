// Package certificates holds the kind of the API group certificates.k8s.io:
// CertificateSigningRequest.
//
// The spec says what is asked and by whom: the server writes down who asked, and
// nobody changes it again. Approval and the certificate have subresources of
// their own, so that who may do the one need not be allowed the other.
package certificates

import "github.com/binnacle-io/binnacle/pkg/registry"

// Kinds returns the kinds of the group.
func Kinds() []*registry.Resource {
	return []*registry.Resource{certificateSigningRequests()}
}
