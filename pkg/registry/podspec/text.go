package podspec

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The functions here answer "is it fine?" without regular expressions: nearly
// every name is. Only when one is not does its message come from
// k8s.io/apimachinery, whose functions are the law: a test compares the two.

// isLabel: a DNS label of RFC 1123.
func isLabel(s string) bool {
	if s == "" || len(s) > validation.DNS1123LabelMaxLength || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' {
			return false
		}
	}
	return true
}

// isSubdomain: DNS labels of any length, joined by dots.
func isSubdomain(s string) bool {
	if s == "" || len(s) > validation.DNS1123SubdomainMaxLength {
		return false
	}
	for i, start := 0, true; i < len(s); i++ {
		c := s[i]
		switch {
		case alphanumeric(c):
			start = false
		case start || i+1 == len(s):
			return false
		case c == '.':
			if s[i-1] == '-' {
				return false
			}
			start = true
		case c != '-':
			return false
		}
	}
	return true
}

// isLabelName: the name of a label, without or with a domain before it.
func isLabelName(s string) bool {
	if domain, name, ok := strings.Cut(s, "/"); ok {
		return isSubdomain(domain) && isLabelPart(name)
	}
	return isLabelPart(s)
}

// isLabelValue: what may stand behind a label's name.
func isLabelValue(s string) bool { return s == "" || isLabelPart(s) }

func isLabelPart(s string) bool {
	if s == "" || len(s) > 63 || !letterOrDigit(s[0]) || !letterOrDigit(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letterOrDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// isEnvName: printable ASCII other than '='.
func isEnvName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return s != ""
}

func letterOrDigit(c byte) bool { return alphanumeric(c) || 'A' <= c && c <= 'Z' }

// names is a set of strings that stays a slice while it is small.
type names struct {
	few  []string
	many map[string]struct{}
}

const fewNames = 16

// add puts s into the set and reports whether it was not there.
func (n *names) add(s string) bool {
	if n.has(s) {
		return false
	}
	if n.many == nil && len(n.few) < fewNames {
		n.few = append(n.few, s)
		return true
	}
	if n.many == nil {
		n.many = make(map[string]struct{}, 2*fewNames)
		for _, f := range n.few {
			n.many[f] = struct{}{}
		}
	}
	n.many[s] = struct{}{}
	return true
}

func (n *names) has(s string) bool {
	if n.many != nil {
		_, ok := n.many[s]
		return ok
	}
	for _, f := range n.few {
		if f == s {
			return true
		}
	}
	return false
}
