package codec

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func benchForms(b *testing.B) (pod *corev1.Pod, wire, stored []byte) {
	pod = testPod()
	wire = must[[]byte](b)(EncodeJSON(pod, podKind))
	stored = must[[]byte](b)(EncodeStored(pod, podKind))
	b.ReportAllocs()
	return pod, wire, stored
}

func BenchmarkEncodeStored(b *testing.B) {
	pod, _, stored := benchForms(b)
	b.SetBytes(int64(len(stored)))
	for b.Loop() {
		must[[]byte](b)(EncodeStored(pod, podKind))
	}
}

func BenchmarkDecodeStored(b *testing.B) {
	_, _, stored := benchForms(b)
	b.SetBytes(int64(len(stored)))
	for b.Loop() {
		var into corev1.Pod
		if _, err := DecodeStored(stored, &into); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeJSON(b *testing.B) {
	pod, wire, _ := benchForms(b)
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		must[[]byte](b)(EncodeJSON(pod, podKind))
	}
}

func BenchmarkDecodeBody(b *testing.B) {
	pod, wire, _ := benchForms(b)
	proto := must[[]byte](b)(EncodeProtobuf(pod, podKind))
	yaml := must[[]byte](b)(AppendYAML(nil, wire))
	for _, c := range []struct {
		name  string
		body  []byte
		media MediaType
		v     Validation
	}{{"json-warn", wire, JSON, Warn}, {"json-ignore", wire, JSON, Ignore}, {"protobuf", proto, Protobuf, Warn}, {"yaml-warn", yaml, YAML, Warn}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				if _, err := DecodeBody(c.body, c.media, podKind, &corev1.Pod{}, c.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSplice(b *testing.B) {
	_, wire, stored := benchForms(b)
	dst := make([]byte, 0, 1<<16)
	run := func(name string, f func() ([]byte, error)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("json-object", func() ([]byte, error) { return AppendJSONObject(dst, wire, 1234567) })
	run("json-item", func() ([]byte, error) { return AppendJSONItem(dst, wire, 1234567) })
	run("json-item-keep", func() ([]byte, error) { return AppendJSONItem(dst, wire, Keep) })
	run("json-frame", func() ([]byte, error) { return AppendJSONFrame(dst, "MODIFIED", wire, 1234567) })
	run("json-partial", func() ([]byte, error) { return AppendJSONMetadata(dst, wire, "v1", Keep) })
	run("proto-size", func() ([]byte, error) {
		p, err := Split(stored, 1234567)
		return dst[:p.ItemSize()], err
	})
	run("proto-item", func() ([]byte, error) {
		p, err := Split(stored, 1234567)
		return p.AppendItem(dst), err
	})
	run("proto-object", func() ([]byte, error) {
		p, err := Split(stored, 1234567)
		return p.AppendObject(dst, podKind), err
	})
	run("proto-frame", func() ([]byte, error) {
		p, err := Split(stored, 1234567)
		return p.AppendFrame(dst, "MODIFIED", podKind), err
	})
	run("proto-partial", func() ([]byte, error) {
		p, err := Split(stored, 1234567)
		m := p.Metadata()
		return m.AppendObject(dst, metaPartialObject), err
	})
	meta := metav1.ListMeta{ResourceVersion: "1"}
	run("json-list-head", func() ([]byte, error) {
		return AppendJSONListHead(dst, schema.GroupVersionKind{Version: "v1", Kind: "PodList"}, &meta), nil
	})
}
