package fieldmanager

import "strings"

func compareStrings(a, b string) int { return strings.Compare(a, b) }

func splitPath(path string) []string { return strings.Split(path, ".") }
