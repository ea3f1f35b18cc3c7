package discovery

import (
	"fmt"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/kindtest"
)

func TestEndpointSlice(t *testing.T) {
	r := Kinds()[0]
	const basic = "addressType: IPv4\nendpoints: [{addresses: [10.9.0.1]}]\nports: [{port: 80}]\n"
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("10.9.1.%d", i)
	}
	for _, c := range []kindtest.Creates{
		{Name: "minimal", Body: basic, Want: "metadata: {generation: 1}\naddressType: IPv4\nendpoints: [{addresses: [10.9.0.1], conditions: {}}]\nports: [{port: 80, name: '', protocol: TCP}]\n"},
		{Name: "empty lists", Body: "addressType: IPv4\nendpoints: []\nports: []\n", Want: "metadata: {generation: 1}\naddressType: IPv4\nendpoints: null\nports: null\n"},
		{Name: "topology", Body: "addressType: IPv6\nendpoints: [{addresses: ['fd00::1'], deprecatedTopology: {a: b}}]\n", Want: "metadata: {generation: 1}\naddressType: IPv6\nendpoints: [{addresses: ['fd00::1'], conditions: {}}]\nports: null\n"},
		{Name: "nothing", Body: "{}", Err: "addressType: Required value"},
		{Name: "type", Body: "addressType: IPX\nendpoints: []\n", Err: `addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"`},
		{Name: "family", Body: "addressType: IPv4\nendpoints: [{addresses: ['fd00::1']}, {addresses: []}, {addresses: [127.0.0.1]}]\n",
			Err: `[endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address, endpoints[1].addresses: Required value: must contain at least 1 address, endpoints[2].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)]`},
		{Name: "too many", Body: "addressType: IPv4\nendpoints: [{addresses: [" + strings.Join(many, ", ") + "]}]\n", Err: "endpoints[0].addresses: Too many: 101: must have at most 100 items"},
		{Name: "twice", Body: "addressType: IPv4\nendpoints: []\nports: [{port: 1}, {port: 2}]\n", Err: `ports[1].name: Duplicate value: ""`},
	} {
		c.Run(t, r)
	}
	for _, c := range []kindtest.Updates{
		{Name: "labels", Old: basic, Body: "metadata: {labels: {a: b}}\n" + basic, Want: "metadata: {generation: 2, labels: {a: b}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.0.1], conditions: {}}]\nports: [{port: 80, name: '', protocol: TCP}]\n"},
		{Name: "annotations", Old: basic, Body: "metadata: {annotations: {a: b}}\n" + basic, Want: "metadata: {generation: 1, annotations: {a: b}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.0.1], conditions: {}}]\nports: [{port: 80, name: '', protocol: TCP}]\n"},
		{Name: "type", Old: basic, Body: "addressType: FQDN\nendpoints: [{addresses: [a.example.com]}]\n", Err: `addressType: Invalid value: "FQDN": field is immutable`},
	} {
		c.Run(t, r)
	}
	if got, want := kindtest.Header(r), "Name | AddressType | Ports | Endpoints | Age"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	for _, c := range []kindtest.Row{
		{Name: "empty", Body: "addressType: IPv4", Want: "x | IPv4 | <unset> | <unset> | <age>"},
		{Name: "many", Body: "addressType: IPv4\nendpoints: [{addresses: [a, b]}, {addresses: [c]}, {addresses: [d, e]}]\nports: [{port: 80}, {name: web}, {name: ''}]\n", Want: "x | IPv4 | 80,web,* | a,b,c + 2 more... | <age>"},
	} {
		c.Run(t, r)
	}
	if got := r.Warnings(kindtest.Read(t, r, "addressType: FQDN")); len(got) != 1 {
		t.Errorf("warnings %v", got)
	}
}
