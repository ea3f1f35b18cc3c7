package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// pullPolicy is Always for an image whose tag is "latest", which it is too when
// the reference has neither tag nor digest.
func pullPolicy(image string) corev1.PullPolicy {
	name, digest, hasDigest := strings.Cut(image, "@")
	repository, tag := name, ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		repository, tag = name[:i], name[i+1:]
	}
	if tag == "" && !hasDigest && name == repository {
		tag = "latest"
	}
	if tag != "latest" || !validRepository(repository) || hasDigest && !validDigest(digest) {
		return corev1.PullIfNotPresent
	}
	return corev1.PullAlways
}

// validRepository reports whether s is a registry's address, optional, and a
// path: lower-case components of letters and digits between separators. An image
// that is none has no tag that could be "latest".
func validRepository(s string) bool {
	host, path, ok := strings.Cut(s, "/")
	// Only what could not be a path component is an address.
	if ok && (strings.ContainsAny(host, ".:") || host == "localhost" || strings.ToLower(host) != host) {
		if !validAddress(host) {
			return false
		}
	} else {
		path = s
	}
	for path != "" {
		var c string
		c, path, ok = strings.Cut(path, "/")
		if !validComponent(c) || ok && path == "" {
			return false
		}
		if !ok {
			return true
		}
	}
	return false
}

func validAddress(host string) bool {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		port := host[i+1:]
		if port == "" || strings.Trim(port, "0123456789") != "" {
			return false
		}
		host = host[:i]
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return strings.Trim(host[1:len(host)-1], "0123456789abcdefABCDEF:") == ""
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; c != '-' && !alphanumeric(c|0x20) && !alphanumeric(c) {
				return false
			}
		}
	}
	return true
}

// validComponent: runs of a-z0-9 separated by one dot, one or two underscores or
// any number of dashes.
func validComponent(s string) bool {
	if s == "" || !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && !alphanumeric(s[i]) {
			i++
		}
		switch sep := s[start:i]; {
		case sep == "", sep == ".", sep == "_", sep == "__":
		case strings.Trim(sep, "-") != "":
			return false
		}
		for i < len(s) && alphanumeric(s[i]) {
			i++
		}
	}
	return true
}

func validDigest(s string) bool {
	algorithm, hex, ok := strings.Cut(s, ":")
	return ok && algorithm != "" && len(hex) >= 32 && strings.Trim(hex, "0123456789abcdefABCDEF") == ""
}

func alphanumeric(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }
