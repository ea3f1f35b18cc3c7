// Package auth says who makes a request and whether they may.
//
// Main types: [Authenticator] finds the user of a request, [Union] asks several
// in turn, [X509] takes client certificates, [TokenFile] bearer tokens of a
// file; [Authorizer] decides on [Attributes], [SystemMasters] lets the group
// system:masters do everything and nobody else anything.
//
// It does not store anything and knows nothing of HTTP routes; role-based access
// control is a further Authorizer.
package auth
