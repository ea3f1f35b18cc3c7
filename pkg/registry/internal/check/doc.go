// Package check holds the checks that the kinds of several API groups other
// than core share: counts, shares of a whole, what may not change. Names, ports,
// selectors and quantities are in package corevalidation.
//
// Every check returns what is wrong under the path it is given, in the words of
// kube-apiserver, and nothing for a good value. All functions are pure.
package check
