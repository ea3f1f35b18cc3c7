// Package conformance replays recorded conversations with a kube-apiserver 1.36
// against this server and compares every answer.
//
// A case is a file of testdata: steps of one HTTP request and the answer that the
// reference gave. What differs from run to run (uids, times, versions) is masked
// on both sides. Steps that do not pass yet stand in testdata/failing.txt, which
// only ever shrinks: a step that is listed and passes fails the test.
package conformance
