#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME (default 30s), one after the other. What a
# target finds is left under the package's testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
while read -r target package; do
	echo "== $target $package"
	go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" -fuzzminimizetime 10x "$package" || failed=1
done < <(grep -rl --include='*_test.go' '^func Fuzz' api pkg test |
	while read -r file; do
		sed -n "s|^func \(Fuzz[A-Za-z0-9_]*\)(.*|\1 ./$(dirname "$file")|p" "$file"
	done | sort -u)
exit $failed
