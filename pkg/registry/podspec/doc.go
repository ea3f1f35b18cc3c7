// Package podspec holds what the API says about a pod's spec, wherever it
// stands: in a Pod, in a PodTemplate, or in the template of a Deployment or Job.
//
// DefaultPodSpec fills in what a client left out of any pod spec; DefaultPod adds
// what only a Pod gets, not a template (requests from limits, host ports).
// ValidatePod and ValidatePodTemplate report what is wrong with one, in the
// order and the words of kube-apiserver, so that clients that read messages
// understand them. PodWarnings and TemplateWarnings say what is accepted but
// unwise, QOSClass how a pod is served, DropUnserved what the API does not take.
//
// Everything here is pure: no clock, no look-ups, no state. The defaults are
// idempotent: they run on every decoded body and on every stored object that is
// read. The functions never keep or change what they validate.
//
// The package does not know requests, storage or other kinds. What a Pod's life
// adds (status, binding, deletion, tables) is in registry/core.
package podspec
