#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest and a process on the host exchange data and doorbells, both by the library:
# the process founds the group and the VM joins, then the other way round; with either
# backing.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

exchange=$1

# start_host URI: returns when the process tries to get its place, or has founded
start_host() {
	mkfifo "$vm_dir/host.in"
	"$exchange" leave "$1" >"$vm_dir/host.in" 2>"$vm_dir/host.out" &
	host_pid=$!
	exec 3<"$vm_dir/host.in"
}

# check_host LINE: it has ended well and said this
check_host() {
	cat <&3 >"$vm_dir/host.said"
	exec 3<&-
	wait "$host_pid" || fail "the process on the host: $(cat "$vm_dir/host.said" "$vm_dir/host.out")"
	grep -qxF "$1" "$vm_dir/host.said" ||
		fail "the process on the host said: $(cat "$vm_dir/host.said")"
}

guest_script() {
	vm_add "$exchange"
	vm_script "$1" <<'END'
vm-exchange stay /dev/hgshm0
END
}

for backing in shm memfd; do
	vm_options --index 1 --clients 2 --memory 192m --network none --socket "$vm_dir/sock"
	guest_script 1
	start_host "found:$vm_dir/sock?size=4m&clients=2&backing=$backing&shmid=$vm_shmid"
	read -r word <&3
	[ "$word" = in ] || fail "the process on the host founded no group"
	vm_run
	vm_says 1 '^member 1 exchanged 500 times 65536 bytes$'
	check_host 'member 0 exchanged 500 times 65536 bytes'
	vm_reset

	vm_options --index 0 --clients 2 --size 4m --memory 192m --network none \
		--socket "$vm_dir/sock" --props "backing=$backing"
	guest_script 0
	start_host "join:$vm_dir/sock?shmid=$vm_shmid"
	vm_run
	vm_says 0 '^member 0 exchanged 500 times 65536 bytes$'
	check_host 'member 1 exchanged 500 times 65536 bytes'
	vm_reset
done
