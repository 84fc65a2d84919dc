#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo's whole path with a smaller text: it says what it promises, it fails
# when a result differs, and when it is stopped nothing of it is left.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

export HGSHM_BUILD HGSHM_GUEST
export XDG_RUNTIME_DIR="$vm_dir/runtime" TMPDIR="$vm_dir/tmp"
mkdir "$XDG_RUNTIME_DIR" "$TMPDIR"
said=$vm_dir/launch
logs=$vm_dir/demo-logs

# neither whole sectors nor whole words
head -c 3000001 "$("$HGSHM_SOURCE/scripts/fetch-text")" >"$vm_dir/text"

nothing_is_left() {
	left=$(find "$XDG_RUNTIME_DIR" "$TMPDIR" -mindepth 1
		find /dev/shm -newer "$vm_dir/text" -name "hgshm-$(id -u)-*")
	[ -z "$left" ] || fail "left: $left"
	# by a file, so that grep does not find itself
	printf '%s\n' "$XDG_RUNTIME_DIR" >"$vm_dir/pattern"
	left=$(grep -lsF -f "$vm_dir/pattern" /proc/[0-9]*/cmdline || :)
	[ -z "$left" ] || fail "processes are left: $left"
}

says() {
	grep -Eq -e "$1" "$said" || fail "the demo did not say: $1"
}

"$HGSHM_SOURCE/scripts/demo" "$vm_dir" "$vm_dir/text" >"$said" 2>&1 ||
	fail "the demo ended with status $?"
if grep -Eh "$vm_bad_words" "$logs"/vm*.log "$logs"/vm*.dmesg; then
	fail "a guest's kernel log has the lines above"
fi
nothing_is_left
says '^hgshm0 +0 +8 KiB +512 MiB +- +[0-9]+ .iB +128 MiB at 0 +all slices$'
for index in 1 2 3; do
	says "^hgshm$index +$index +8 KiB +128 MiB +128 MiB +[0-9]+ .iB +128 MiB at $((index * 128)) MiB +slice 0\$"
done
says '^doorbells: [1-9][0-9]* to workers, [1-9][0-9]* from workers$'
says '^hgshm, shared memory +[0-9.]+ +[0-9.]+$'
says '^TCP over virtio-net +[0-9.]+ +[0-9.]+$'
says '^ratio TCP / hgshm +[0-9]+\.[0-9]+$'
says '^Both results equal'
# the most frequent word, once for each transport
"$HGSHM_BUILD/tests/oracle/hgshm-oracle" wordcount "$vm_dir/text" | sort -k 1,1nr |
	head -n 1 >"$vm_dir/most"
read -r count word <"$vm_dir/most"
[ "$(grep -Ec "^ +$count  $word\$" "$said")" = 2 ] || fail "not twice: $count $word"

# another sequential program, which is wrong in one byte
wrong=$vm_dir/wrong
mkdir -p "$wrong/tests/oracle"
ln -s "$HGSHM_BUILD/launcher" "$HGSHM_BUILD/qemu" "$wrong/"
cat >"$wrong/tests/oracle/hgshm-oracle" <<'END'
#!/bin/sh
"$RIGHT_ORACLE" "$@" | sed '$s/.$/x/'
END
chmod +x "$wrong/tests/oracle/hgshm-oracle"
status=0
export RIGHT_ORACLE="$HGSHM_BUILD/tests/oracle/hgshm-oracle"
env "HGSHM_BUILD=$wrong" "$HGSHM_SOURCE/scripts/demo" "$vm_dir" "$vm_dir/text" \
	>"$said" 2>&1 || status=$?
[ "$status" = 1 ] || fail "the demo ended with status $status though the results differ"
says 'results are NOT equal'
nothing_is_left

demo_pid=
# shellcheck disable=SC2154 # set where the trap fires
trap 'status=$?; [ -z "$demo_pid" ] || kill -TERM "-$demo_pid"; rm -rf "$vm_dir"; exit $status' EXIT

# stopped SIGNAL GROUP: the demo is sent the signal once VMs run; with GROUP "-" so
# are all of its processes
mkfifo "$vm_dir/fifo"
stopped() {
	setsid env --default-signal=INT "$HGSHM_SOURCE/scripts/demo" "$vm_dir" "$vm_dir/text" \
		>"$vm_dir/fifo" 2>&1 &
	demo_pid=$!
	exec 3<"$vm_dir/fifo"
	while read -r line <&3; do
		printf '%s\n' "$line"
		case $line in
		hgshm2*) kill "-$1" "$2$demo_pid" ;;
		esac
	done >"$said"
	status=0
	wait "$demo_pid" || status=$?
	demo_pid=
	[ "$status" = 130 ] || fail "the demo ended with status $status after SIG$1"
	says "^demo: stopped by SIG$1\$"
	! grep -q '^doorbells' "$said" || fail "the demo went on after SIG$1"
	nothing_is_left
}

# Ctrl-C, as a terminal sends it: to all of the foreground's processes
stopped INT -
stopped TERM ''
