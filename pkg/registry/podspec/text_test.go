package podspec

import (
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// TestQuickChecks compares the checks without regular expressions with
// apimachinery's, which are the law.
func TestQuickChecks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	checks := []struct {
		name  string
		quick func(string) bool
		law   func(string) []string
	}{
		{"label", isLabel, validation.IsDNS1123Label},
		{"subdomain", isSubdomain, validation.IsDNS1123Subdomain},
		{"label name", isLabelName, validation.IsQualifiedName},
		{"label value", isLabelValue, validation.IsValidLabelValue},
		{"env name", isEnvName, validation.IsRelaxedEnvVarName},
	}
	for range 50000 {
		s := randomName(r)
		for _, c := range checks {
			if quick, law := c.quick(s), len(c.law(s)) == 0; quick != law {
				t.Fatalf("%s %q: quick says %v, the law %v", c.name, s, quick, law)
			}
		}
	}
}

// randomName makes strings near the border between good and bad.
func randomName(r *rand.Rand) string {
	const letters = "aaab1zZ9-._/= é\x00~"
	n := r.IntN(8)
	if r.IntN(20) == 0 {
		n = []int{62, 63, 64, 253, 254, 255}[r.IntN(6)]
	}
	b := make([]byte, 0, n)
	for len(b) < n {
		if n > 8 && r.IntN(50) != 0 {
			b = append(b, 'a')
			continue
		}
		b = append(b, letters[r.IntN(len(letters))])
	}
	return string(b)
}

func TestNames(t *testing.T) {
	var n names
	for i := range 3 * fewNames {
		s := string(rune('a' + i))
		if n.has(s) || !n.add(s) || n.add(s) || !n.has(s) {
			t.Fatalf("name %d: not a set", i)
		}
	}
}
