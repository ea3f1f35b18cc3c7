// Package corevalidation holds the checks that the validation of several kinds
// shares: names, ports, addresses, quantities, label and node selectors, access
// modes, taints, enumerations.
//
// Every function takes the value and the path that names it in messages, and
// returns what is wrong in kube-apiserver's words, or nothing. They are pure and
// leave their arguments alone, and their errors come in a fixed order (maps are
// walked by sorted key), so that the same object always gives the same message.
//
// What a whole kind must look like is said in the file of that kind. Object
// metadata is checked by the registry, for every kind alike.
package corevalidation
