# SPDX-License-Identifier: MIT
# Sourced by the scripts of this project, which set -eu first.
# Gives: say, die, retry, apt_quiet, logged, hgshm_cache (a directory, made if
# missing).
# shellcheck shell=sh

# a python or meson of the user's own in front of the system's breaks builds
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LC_ALL=C.UTF-8
export PATH LC_ALL

hgshm_cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/hgshm

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit 1
}

# retry TIMES COMMAND...: run it until it succeeds, at most TIMES times
retry() {
	retry_left=$1
	shift
	until "$@"; do
		retry_left=$((retry_left - 1))
		[ "$retry_left" -gt 0 ] || return 1
		say "that failed, trying again: $*"
	done
}

# apt_quiet COMMAND...: apt-get without questions; what it said is shown only
# if it fails
apt_quiet() {
	apt_log=$(mktemp)
	if DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
		-o APT::Sandbox::User=root "$@" >"$apt_log" 2>&1; then
		rm -f "$apt_log"
		return 0
	fi
	sed 's/^/    /' "$apt_log" >&2
	rm -f "$apt_log"
	return 1
}

# logged COMMAND...: what it says goes to the file $log, and is shown if it fails
# shellcheck disable=SC2154 # the caller sets log
logged() {
	if "$@" >>"$log" 2>&1; then
		return 0
	fi
	grep -E -A 12 -e 'FAILED|error:|ERROR' "$log" >&2 || tail -n 40 "$log" >&2
	die "failed: $*; all of it is in $log"
}

mkdir -p "$hgshm_cache"
