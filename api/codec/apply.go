package codec

import (
	"fmt"

	kjson "sigs.k8s.io/json"
)

// Duplicates takes the error about duplicate keys apart: one text for each.
func Duplicates(err error) []string { return warningsOf([]error{err}) }

// DecodeConfiguration decodes the body of a server-side apply: YAML, of which
// JSON is a part, into maps, slices, strings, bools, int64 and float64.
// duplicates is the error about keys that are given twice, of which the last one
// counts. Errors are in the words that kube-apiserver has for them. Nesting and
// aliases are bounded here, the size by the caller.
func DecodeConfiguration(data []byte) (content map[string]any, duplicates, err error) {
	if scan := scanBody(data); scan.plain && !scan.tooDeep {
		strict, err := kjson.UnmarshalStrict(data, &content)
		if err == nil && len(strict) == 0 {
			return content, nil, nil
		}
		content = nil // the long way finds the words
	}
	asJSON, duplicates, err := yamlToJSON(data)
	if err != nil {
		return nil, nil, fmt.Errorf("error converting YAML to JSON: %w", err)
	}
	if duplicates != nil {
		duplicates = fmt.Errorf("error converting YAML to JSON: %w", duplicates)
	}
	if err := CheckDepth(asJSON); err != nil {
		return nil, nil, err
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(asJSON, &content); err != nil {
		return nil, nil, fmt.Errorf("error unmarshaling JSON: while decoding JSON: %w", err)
	}
	return content, duplicates, nil
}
