#!/bin/sh
# SPDX-License-Identifier: MIT
# The line that ends `make check` counts what meson's log says, and nothing that
# went wrong counts as passed.
set -eu
. "${HGSHM_SOURCE:?run this by meson test}/tests/lint/files.sh"
need python3

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# expect LINE STATUS RESULT...
expect() {
	line=$1
	status=$2
	shift 2
	: >"$log"
	for result; do
		printf '{"name": "a test", "result": "%s"}\n' "$result" >>"$log"
	done
	got_status=0
	got=$(scripts/count-results "$log") || got_status=$?
	if [ "$(printf '%s\n' "$got" | tail -n 1)" != "$line" ] || [ "$got_status" != "$status" ]; then
		echo "for $*: status $got_status and: $got"
		exit 1
	fi
}

expect '2 passed, 0 failed, 1 skipped' 0 OK SKIP OK
expect '1 passed, 1 failed, 0 skipped' 1 OK FAIL
expect '1 passed, 4 failed, 1 skipped' 1 TIMEOUT ERROR INTERRUPT UNEXPECTEDPASS EXPECTEDFAIL SKIP
expect '0 passed, 0 failed, 1 skipped' 1 SKIP
expect '0 passed, 0 failed, 0 skipped' 1
