package codec

import (
	"encoding/binary"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppendProtobufFrame appends a frame of a protobuf watch stream around a whole
// protobuf wire form (a Status, a bookmark): the length in four bytes, and a
// WatchEvent without magic whose object has its own.
func AppendProtobufFrame(dst []byte, eventType string, wire []byte) []byte {
	dst = appendFrameHead(slices.Grow(dst, frameSize(eventType, len(wire))), eventType, len(wire))
	return append(dst, wire...)
}

func frameSize(eventType string, object int) int {
	return 4 + fieldSize(len(eventType)) + fieldSize(fieldSize(object))
}

func appendFrameHead(dst []byte, eventType string, object int) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(frameSize(eventType, object)-4))
	dst = appendString(dst, tagWatchType, eventType)
	dst = appendField(dst, tagWatchObject, fieldSize(object))
	return appendField(dst, tagRawExtensionRaw, object)
}

// AppendJSONFrame appends a frame of a JSON watch stream around a JSON wire form
// whose resourceVersion is replaced by revision: 0 blanks it, Keep keeps it.
func AppendJSONFrame(dst []byte, eventType string, wire []byte, revision int64) ([]byte, error) {
	out := slices.Grow(dst, len(`{"type":"","object":}`)+len(eventType)+len(wire)+revisionRoom+1)
	out = append(append(out, `{"type":"`...), eventType...)
	out = append(out, `","object":`...)
	out, err := AppendJSONObject(out, wire, revision)
	if err != nil {
		return dst, err
	}
	return append(out, "}\n"...), nil
}

// SetBookmark makes an empty object of the watched kind into the object of a
// bookmark: its resourceVersion says through where the watch is complete, and
// initialEnd marks the end of the initial events.
func SetBookmark(obj metav1.Object, revision string, initialEnd bool) {
	obj.SetResourceVersion(revision)
	if initialEnd {
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
}
