package codec

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// AppendJSONListHead appends a list up to its first item. Items are then
// appended with commas between them (AppendJSONItem for built-in kinds, whole
// objects for custom resources and PartialObjectMetadata), then AppendJSONListTail.
func AppendJSONListHead(dst []byte, gvk schema.GroupVersionKind, meta *metav1.ListMeta) []byte {
	dst = append(appendJSONHead(dst, gvk), `"metadata":{`...)
	start := len(dst)
	member := func(name, value string) {
		if value == "" {
			return
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = appendQuoted(append(append(append(dst, '"'), name...), `":`...), value)
	}
	member("selfLink", meta.SelfLink)
	member("resourceVersion", meta.ResourceVersion)
	member("continue", meta.Continue)
	if n := meta.RemainingItemCount; n != nil {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(append(dst, `"remainingItemCount":`...), *n, 10)
	}
	return append(dst, `},"items":[`...)
}

// AppendJSONListTail appends what follows the last item.
func AppendJSONListTail(dst []byte) []byte { return append(dst, `]}`...) }

// AppendProtobufListHead appends a list message up to its first item. itemsSize
// is the sum of the items' sizes ([Proto.ItemSize]), which the message's length
// needs beforehand.
func AppendProtobufListHead(dst []byte, gvk schema.GroupVersionKind, meta *metav1.ListMeta, itemsSize int) ([]byte, error) {
	n := meta.Size()
	out := appendEnvelopeHead(dst, gvk, fieldSize(n)+itemsSize)
	out = appendField(out, tagListMeta, n)
	m, err := meta.Marshal()
	if err != nil {
		return dst, err
	}
	return append(out, m...), nil
}

// AppendProtobufListTail appends what follows the last item.
func AppendProtobufListTail(dst []byte) []byte { return appendEnvelopeTail(dst) }
