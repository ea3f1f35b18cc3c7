package podspec

import "testing"

func TestPullPolicy(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, want := range map[string]string{
		"redis":                          "Always",
		"redis:latest":                   "Always",
		"redis:7":                        "IfNotPresent",
		"library/redis":                  "Always",
		"reg.example.com:5000/team/x":    "Always",
		"reg.example.com:5000/team/x:v1": "IfNotPresent",
		"[2001:db8::1]:5000/x":           "Always",
		"localhost/x":                    "Always",
		"REG.example.com/x":              "Always",
		"redis" + digest:                 "IfNotPresent",
		"redis:latest" + digest:          "Always",
		"redis:7" + digest:               "IfNotPresent",
		"a__b--c/d.e":                    "Always",
		"":                               "IfNotPresent",
		"Redis":                          "IfNotPresent",
		"a..b":                           "IfNotPresent",
		"a___b":                          "IfNotPresent",
		"x/":                             "IfNotPresent",
		"host.example:port/x":            "IfNotPresent",
		"a__b.c/d":                       "IfNotPresent",
		"redis@sha256:short":             "IfNotPresent",
	} {
		if got := pullPolicy(image); string(got) != want {
			t.Errorf("pullPolicy(%q) = %s, want %s", image, got, want)
		}
	}
}
