package typedjson

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "sigs.k8s.io/json"
)

type inner struct {
	A string `json:"a,omitempty"`
	B int8   `json:"b"`
}

type named string

func (named) MarshalText() ([]byte, error)    { return []byte("text"), nil }
func (n *named) UnmarshalText(b []byte) error { *n = named(b); return nil }

type byPointer struct{ X int }

func (*byPointer) MarshalJSON() ([]byte, error) { return []byte(`"pointer"`), nil }

type tree struct {
	Value    int64           `json:"value,omitempty"`
	Children []tree          `json:"children,omitempty"`
	ByName   map[string]tree `json:"byName,omitempty"`
	Next     *tree           `json:"next,omitempty"`
}

type all struct {
	Inner2       `json:",inline"`
	Skipped      string `json:"-"`
	hidden       int
	Untagged     bool
	F            float64              `json:"f"`
	Any          any                  `json:"any,omitempty"`
	Strings      map[string]string    `json:"strings"`
	Blobs        map[string][]byte    `json:"blobs,omitempty"`
	Quantities   map[named2]quantity  `json:"quantities,omitempty"`
	Pointers     map[string]*inner    `json:"pointers,omitempty"`
	List         []string             `json:"list"`
	Empty        []string             `json:"empty,omitempty"`
	Time         metav1.Time          `json:"time,omitempty,omitzero"`
	Micro        *metav1.MicroTime    `json:"micro,omitempty"`
	Port         intstr.IntOrString   `json:"port,omitempty"`
	Fields       *metav1.FieldsV1     `json:"fields,omitempty"`
	Raw          runtime.RawExtension `json:"raw,omitempty"`
	Deep         [][]inner            `json:"deep,omitempty"`
	I16          int16                `json:"i16,omitempty"`
	I            int                  `json:"i,omitempty"`
	Tree         tree                 `json:"tree"`
	ZeroPointer  *inner               `json:"zp,omitzero"`
	PointerPlain *inner               `json:"pp"`
}

type Inner2 struct {
	Kind string `json:"kind,omitempty"`
}
type named2 string
type quantity = resource.Quantity

func TestAppendMatchesEncodingJSON(t *testing.T) {
	raw := func(s string) *metav1.FieldsV1 { return metav1.NewFieldsV1(s) }
	when := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600)))
	for _, v := range []any{
		&all{},
		&all{
			Inner2: Inner2{Kind: "K"}, Skipped: "x", hidden: 1, Untagged: true, F: 1e21, Any: map[string]any{"b": 1, "a": "<"},
			Strings: map[string]string{"z": "\u2028", "a": "<&>\x01\"\\\t\xff\x7fé"}, Blobs: map[string][]byte{"n": nil, "e": {}, "x": []byte("hello")},
			Quantities: map[named2]quantity{"m": resource.MustParse("1500m"), "g": resource.MustParse("1.5Gi")},
			Pointers:   map[string]*inner{"nil": nil, "one": {A: "a"}}, List: []string{"", "b"}, Empty: []string{},
			Time: when, Micro: &metav1.MicroTime{Time: when.Time}, Port: intstr.FromString("ht<tp"),
			Fields: raw(`{"f:a":{"k:{\"n\":\"x\"}":{".":{}}}}`), Raw: runtime.RawExtension{Raw: []byte(`{ "a" : "<" }`)},
			Deep: [][]inner{nil, {}, {{B: -1}}}, I16: -5, I: math.MinInt64,
			Tree:        tree{Value: 1, Children: []tree{{Next: &tree{Value: 2}}}, ByName: map[string]tree{"x": {}}},
			ZeroPointer: &inner{}, PointerPlain: &inner{},
		},
		&all{Fields: raw(`{ "f:a" : {} }`)}, &all{Fields: raw(`{"f:<":{}}`)}, &all{Fields: raw("{}")}, &all{Fields: &metav1.FieldsV1{}},
		&all{Fields: raw(`{"f:\u00e9":{}}`)}, &all{Fields: raw(`[1]`)}, &all{Port: intstr.IntOrString{Type: intstr.Int, IntVal: -1}},
		// What is handed over: shadowed names, embedded pointers, options, methods.
		&struct {
			inner
			B string `json:"b"`
		}{inner{B: 1}, "x"},
		&struct{ *Inner2 }{&Inner2{"x"}},
		&struct {
			N int64 `json:"n,string"`
		}{5},
		&struct{ M map[named]int }{map[named]int{"a": 1}},
		&struct{ P byPointer }{}, &struct{ P []byPointer }{make([]byPointer, 2)}, &struct{ M map[string]byPointer }{map[string]byPointer{"a": {}}},
		&struct{ A [2]int }{}, &struct{ U uint8 }{7}, &struct{ T named }{"x"}, &struct{ B []named }{[]named{"x"}},
		&byPointer{}, map[string]int{"a": 1}, "text", nil, (*all)(nil),
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Append([]byte("x"), v)
		if err != nil || string(got) != "x"+string(want) {
			t.Errorf("%T\n got %s, %v\nwant %s", v, got, err, want)
		}
	}
	for _, v := range []any{
		&all{F: math.NaN()}, &all{Any: func() {}}, &all{Fields: raw(`{"f:a":{}"f:b":{}}`)}, &all{Fields: raw(`{"f:a":{}`)},
		&all{Fields: raw(`{"f:a":{}}}`)}, &all{Fields: raw("{\"f:\n\":{}}")}, &all{Fields: raw(`{"f:\q":{}}`)}, &all{Fields: raw(`{"f:a":{},}`)}, &all{Port: intstr.IntOrString{Type: 9}},
	} {
		if _, err := json.Marshal(v); err == nil {
			t.Fatalf("%+v has a form", v)
		}
		if got, err := Append(nil, v); err == nil {
			t.Errorf("%+v: %s", v, got)
		}
	}
}

// A form takes no more room than it must.
func TestAppendGrowsExactly(t *testing.T) {
	got, err := Append(nil, &all{List: []string{string(bytes.Repeat([]byte("x"), 3000))}})
	if err != nil || cap(got) > len(got)+len(got)/4 { // the allocator's size classes
		t.Errorf("%d bytes in %d, %v", len(got), cap(got), err)
	}
}

func TestDecodeMatchesLibrary(t *testing.T) {
	for _, text := range []string{
		`{"kind":"K","Untagged":true,"strings":{"a":"b"},"list":["a"],"empty":[],"deep":[[],null,[{"a":"x","b":-128}]],"i16":-5,"i":7}`,
		`{"blobs":{"a":"aGk=","b":null,"c":""},"quantities":{"cpu":"1","m":2},"pointers":{"a":null,"b":{}}}`,
		`{"time":"2026-01-02T03:04:05+02:00","micro":"2026-01-02T03:04:05.000006Z","port":"x","raw":{"a":[1.5,"}"]},"fields":{"f:a":{}}}`,
		`{"tree":{"children":[{"next":{"value":1}},{}],"byName":{"a":{"children":[]}}},"pp":null,"zp":{"a":""}}`,
	} {
		var got, want all
		strict, err := kjson.UnmarshalStrict([]byte(text), &want)
		if err != nil || len(strict) > 0 {
			t.Fatal(err, strict)
		}
		if !Decode([]byte(text), &got) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", text, got, want)
		}
	}
	for _, text := range []string{
		`{"deep":[[{"b":128}]]}`, `{"hidden":1}`, `{"Skipped":"x"}`, `{"untagged":true}`, `{"f":1}`, `{"any":1}`, `{"list":[`, `{"list":["a",]}`,
		`{"list":["a" "b"]}`, `{"blobs":{"a":"*"}}`, `{"tree":` + nested(maxDepth) + `}`,
	} {
		if Decode([]byte(text), &all{}) {
			t.Errorf("accepted %.100s", text)
		}
	}
}

func nested(depth int) string {
	return string(bytes.Repeat([]byte(`{"next":`), depth)) + "{}" + string(bytes.Repeat([]byte(`}`), depth))
}
