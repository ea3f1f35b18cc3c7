package codec

import (
	"errors"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

var errProtobufTooDeep = errors.New("proto: exceeded max depth of schemas")

// A level is a message type on the way to the only recursive one of all served
// kinds: JSONSchemaProps, in CustomResourceDefinition. Its generated decoder
// calls itself without bound, and a stack overflow ends the process.
type level uint8

const (
	levelNone level = iota
	levelCRDList
	levelCRD
	levelSpec
	levelVersion
	levelValidation
	levelSchema
	levelSchemaOrArray
	levelSchemaOrBool
	levelSchemaOrStrings
	levelSchemaEntry       // of a map of schemas
	levelSchemaOrStringsIn // of a map of those
)

// under says which level the message in a field of a level is.
func (l level) under(field int) level {
	switch l {
	case levelCRDList:
		return pick(field == 2, levelCRD)
	case levelCRD:
		return pick(field == 2, levelSpec)
	case levelSpec:
		return pick(field == 7, levelVersion)
	case levelVersion:
		return pick(field == 4, levelValidation)
	case levelValidation, levelSchemaOrStrings:
		return pick(field == 1, levelSchema)
	case levelSchemaOrArray:
		return pick(field == 1 || field == 2, levelSchema)
	case levelSchemaOrBool, levelSchemaEntry:
		return pick(field == 2, levelSchema)
	case levelSchemaOrStringsIn:
		return pick(field == 2, levelSchemaOrStrings)
	case levelSchema:
		switch field {
		case 24: // items
			return levelSchemaOrArray
		case 25, 26, 27, 28: // allOf, oneOf, anyOf, not
			return levelSchema
		case 29, 31, 34: // properties, patternProperties, definitions
			return levelSchemaEntry
		case 30, 33: // additionalProperties, additionalItems
			return levelSchemaOrBool
		case 32: // dependencies
			return levelSchemaOrStringsIn
		}
	}
	return levelNone
}

func pick(yes bool, l level) level {
	if yes {
		return l
	}
	return levelNone
}

// checkProtobufDepth refuses protobuf bytes that would nest schemas deeper than
// MaxDepth when they are decoded as kind.
func checkProtobufDepth(kind string, raw []byte) error {
	switch kind {
	case "CustomResourceDefinition":
		return levelCRD.check(raw, 0)
	case "CustomResourceDefinitionList":
		return levelCRDList.check(raw, 0)
	}
	return nil
}

// recursiveKind is the kind for checkProtobufDepth of a Go type.
func recursiveKind(into runtime.Object) string {
	switch into.(type) {
	case *apiextensionsv1.CustomResourceDefinition:
		return "CustomResourceDefinition"
	case *apiextensionsv1.CustomResourceDefinitionList:
		return "CustomResourceDefinitionList"
	}
	return ""
}

func (l level) check(m []byte, depth int) error {
	if depth > MaxDepth {
		return errProtobufTooDeep
	}
	for at := 0; at < len(m); {
		f, ok := nextField(m, at)
		if !ok {
			return nil // the decoder will say so, having gone no deeper
		}
		at = f.end
		next := l.under(f.number)
		if next == levelNone || f.wire != wireBytes {
			continue
		}
		if err := next.check(f.value, depth+1); err != nil {
			return err
		}
	}
	return nil
}
