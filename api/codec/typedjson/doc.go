// Package typedjson writes and reads the JSON form of API types: Go structs with
// json tags. It is encoding/json's answer, byte for byte and field for field, at a
// fraction of its cost: most of what a small write costs a server is JSON.
//
// [Append] writes an object as encoding/json does. [Decode] reads one as
// sigs.k8s.io/json does when it finds nothing to complain about; at the first thing
// that is not plainly right (an unknown or repeated field, another type, a number
// or escape that is seldom seen) it gives up, and the caller lets the library find
// the words.
//
// A type is compiled once into a tree of small functions over addresses: offsets of
// fields, their quoted names, what leaves them out. What is rare (interfaces,
// floats, types that marshal themselves) is handed to encoding/json where it stands;
// a type whose fields follow rules that are not implemented here (embedded
// pointers, names that shadow each other) is handed over as a whole.
//
// Invariants:
//
//   - Append returns what encoding/json.Marshal returns for the same object.
//   - When Decode returns true, UnmarshalStrict of the same text into the same type
//     gives an equal object, and neither an error nor a strict error.
//   - Memory is only addressed through types that the compiled type really has.
//
// Tests compare both with the libraries, over every served kind filled at random and
// over mutated texts; a fuzz target does the same without end.
//
// The package knows nothing of kinds, versions or lists.
package typedjson
