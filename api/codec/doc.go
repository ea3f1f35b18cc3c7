// Package codec turns objects into bytes and back: the form in which they are
// stored, the forms in which they go over the wire, and request bodies.
//
// Forms:
//
//   - stored: what kube-apiserver keeps in etcd. `k8s\x00` and a runtime.Unknown
//     message around the object for built-in kinds, JSON for custom resources,
//     CustomResourceDefinitions and APIServices. The resourceVersion is blank.
//   - JSON wire form: one line without the newline, kind and apiVersion first,
//     as apimachinery's serializer writes it. Pretty JSON and YAML are made from it.
//   - protobuf wire form: the stored form with a resourceVersion in it.
//
// Splicing: a wire form is made at most once per object revision and served
// version; everything else is cut and pasted from it. [Split] takes stored or
// protobuf wire bytes apart, so that a list item, a single object, a watch frame
// or the metadata alone can be appended under any resourceVersion without
// decoding. [AppendJSONObject] and its relatives do the same with the JSON wire
// form.
//
// Invariants:
//
//   - Append functions return dst grown by their output, write nothing else, and
//     allocate only to grow dst. On an error dst comes back as it was given.
//   - Nothing here keeps or changes its input. What a function returns never
//     shares memory with its input, but for the functions that say so.
//   - A splicer is given what this package encoded (or kube-apiserver stored).
//     Whatever else it is given, it returns an error or some output, and never
//     panics or reads past the end. What a client put into names, labels, data
//     or managed fields cannot move a splice: lengths and quotes are followed,
//     nothing is searched for.
//   - Decoders of request bodies bound nesting ([MaxDepth]) and expansion of YAML
//     aliases; the caller bounds the size of the body.
//
// The package has no defaulting, conversion or validation; it knows the scheme
// of package api and nothing of HTTP. CBOR is not served.
package codec
