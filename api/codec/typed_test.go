package codec

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/binnacle-io/binnacle/api/codec/typedjson"
)

// agree checks that what typedjson accepts, the library reads without complaint
// and to the same end. It says whether typedjson accepted.
func agree(t testing.TB, text []byte, like any) bool {
	t.Helper()
	quick := reflect.New(reflect.TypeOf(like).Elem()).Interface()
	if !typedjson.Decode(text, quick) {
		return false
	}
	slow := reflect.New(reflect.TypeOf(like).Elem()).Interface()
	strict, err := kjson.UnmarshalStrict(text, slow)
	if err != nil || len(strict) > 0 {
		t.Fatalf("%T: accepted what the library refuses: %v %v\n%s", like, err, strict, text)
	}
	if !reflect.DeepEqual(quick, slow) {
		t.Fatalf("%T\n%s\n got %+v\nwant %+v", like, text, quick, slow)
	}
	return true
}

// Every kind, filled at random, written and read; and the same texts with bytes
// changed, moved and lost.
func TestTypedDecodeMatchesLibrary(t *testing.T) {
	accepted, all, mutants := 0, 0, 0
	eachKind(t, func(t *testing.T, gvk schema.GroupVersionKind, obj runtime.Object) {
		if _, ok := obj.(runtime.Unstructured); ok {
			return
		}
		text := must[[]byte](t)(EncodeJSON(obj, gvk))
		all++
		if agree(t, text, obj) {
			accepted++
		}
		rng := rand.New(rand.NewSource(int64(len(text))))
		for range 30 {
			if agree(t, mutate(rng, text), obj) {
				mutants++
			}
		}
	})
	if accepted < all*3/4 || mutants == 0 {
		t.Errorf("%d of %d forms were read, and %d mutants", accepted, all, mutants)
	}
}

// mutate changes a few bytes of text, mostly to such that mean something.
func mutate(rng *rand.Rand, text []byte) []byte {
	const telling = "{}[]\",:\\ \n019-.eEntfu\x00\xff\xe2"
	out := append([]byte(nil), text...)
	for range 1 + rng.Intn(3) {
		at := rng.Intn(len(out))
		switch rng.Intn(4) {
		case 0:
			out[at] = telling[rng.Intn(len(telling))]
		case 1:
			out = append(out[:at], out[at+1:]...)
		case 2:
			out = append(out[:at], append([]byte{telling[rng.Intn(len(telling))]}, out[at:]...)...)
		default:
			end := min(len(out), at+1+rng.Intn(40))
			out = append(out[:end], append(append([]byte(nil), out[at:end]...), out[end:]...)...)
		}
		if len(out) == 0 {
			return []byte("{}")
		}
	}
	return out
}

func TestTypedDecodeCases(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{`{"metadata":{"name":"a","creationTimestamp":null},"spec":{"containers":[]}}`, true},
		{" {\n\t\"metadata\" : { \"name\" : \"a\" } } \r\n", true},
		{`{"metadata":{"annotations":{"a":"\"q\"\\\/\b\f\n\r\t\u00e9\u2028é"}}}`, true},
		{`{"metadata":{"generation":-0,"deletionGracePeriodSeconds":-12}}`, true},
		{`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{"f:b":{},".":{}}},"time":"2026-01-02T03:04:05Z"}]}}`, true},
		{`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":[1, {"x":"}\"]"}]}}]}}`, true},
		{`{"spec":{"containers":[{"resources":{"limits":{"cpu":1,"memory":"1Gi"}}}]}}`, true},
		{`{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":80}}},{"livenessProbe":{"httpGet":{"port":"http"}}}]}}`, true},
		{`{"spec":{"nodeSelector":null,"hostNetwork":true,"priority":null}}`, true},
		{`{"metadata":{"name":"a","name":"b"}}`, false},
		{`{"metadata":{"labels":{"a":"b","a":"b"}}}`, false},
		{`{"spec":{"containers":[{"resources":{"limits":{"cpu":1,"cpu":1}}}]}}`, false},
		{`{"metadata":{"Name":"a"}}`, false},
		{`{"metadata":{"name":1}}`, false},
		{`{"metadata":{"generation":1.0}}`, false},
		{`{"metadata":{"generation":1e3}}`, false},
		{`{"metadata":{"generation":01}}`, false},
		{`{"metadata":{"generation":9223372036854775808}}`, false},
		{`{"spec":{"priority":2147483648}}`, false},
		{`{"metadata":{"name":"a"},}`, false},
		{`{"metadata":{"name":"a"}}x`, false},
		{`{"metadata":{"name":"\ud800"}}`, false},
		{`{"metadata":{"name":"\x"}}`, false},
		{"{\"metadata\":{\"name\":\"a\nb\"}}", false},
		{"{\"metadata\":{\"name\":\"\xff\"}}", false},
		{`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{}"f:b":{}}}]}}`, false},
		{`{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{},}}]}}`, false},
		{`{"metadata":{"creationTimestamp":"yesterday"}}`, false},
		{`{"metadata"`, false}, {`{`, false}, {``, false}, {`[]`, false}, {`{"metadata":{"managedFields":[{"fieldsV1":{"`, false},
	} {
		if got := agree(t, []byte(c.text), &corev1.Pod{}); got != c.ok {
			t.Errorf("%q: accepted %v", c.text, got)
		}
	}
	if typedjson.Decode([]byte(`{}`), &corev1.Pod{Spec: corev1.PodSpec{NodeName: "n"}}) {
		t.Error("decoded into what is not empty")
	}
}

func FuzzTypedDecode(f *testing.F) {
	pod := testPod()
	text := must[[]byte](f)(EncodeJSON(pod, podKind))
	f.Add(text)
	f.Add([]byte(`{"data":{"a":"Yg=="},"metadata":{"labels":{"é":"\u00e9"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		agree(t, text, &corev1.Pod{})
		agree(t, text, &corev1.Secret{})
		var s struct {
			Strings []string `json:"strings"`
			Any     string   `json:"any"`
		}
		s.Any = string(text)
		s.Strings = []string{string(text)}
		want, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "JSON", must[[]byte](t)(typedjson.Append(nil, &s)), want)
	})
}
