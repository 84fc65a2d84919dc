#!/bin/sh
# SPDX-License-Identifier: MIT
# The command hgshm on the host, as the third member of a group of two VMs: it sees
# them, rings them, and moves bytes from and to each.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"
hgshm=${HGSHM_COMMAND:?run this by meson test}
socket=$vm_dir/group.sock
place="join:$socket?index=2"

vm_options --clients 2 --size 12m --network none --socket "$socket" --props 0:clients=3
vm_script all <<'END'
for turn in 0 1; do
	if [ "$HGSHM_INDEX" = "$turn" ]; then
		hgshm wait --from 2 2>&1
		head -c 3000001 /dev/urandom >/tmp/sent
		hgshm put 2 </tmp/sent || fail "put 2: status $?"
		hgshm cat 2 >/tmp/back || fail "cat 2: status $?"
		cmp /tmp/sent /tmp/back || fail "other bytes came back"
		echo "the bytes came back: $(sha256sum </tmp/sent)"
	fi
	barrier "turn-$turn"
done
END

# what the VMs say, line by line
mkfifo "$vm_dir/launch"
vm_run &
vms=$!
exec 3<"$vm_dir/launch"
# shellcheck disable=SC2154 # set where the trap fires
trap 'vm_status=$?
	if [ "$vms" ]; then
		exec 3<&-
		kill "$vms"
		wait "$vms" || vm_status=1
	fi
	rm -rf "$vm_dir"
	exit $vm_status' EXIT

until_said() {
	while read -r line <&3; do
		printf '%s\n' "$line"
		case $line in
		*"$1"*) return 0 ;;
		esac
	done
	fail "nobody said: $1"
}

for vm in 0 1; do
	until_said "VM $vm: hgshm wait: waiting as member $vm of 3"
	peers=$("$hgshm" peers --json "$place")
	case $peers in
	'{"index":2,"clients":3,"peers":[0,1,2],'*) ;;
	*) fail "peers: $peers" ;;
	esac
	"$hgshm" ls >"$vm_dir/groups"
	grep -Eq "^$vm_shmid +live +12 MiB +shm +$socket +0:qemu[^,]*, 1:qemu" "$vm_dir/groups" ||
		fail "ls: $(cat "$vm_dir/groups")"
	[ "$("$hgshm" ring "$vm" "$place")" = "rang $vm" ] || fail "ring $vm"
	"$hgshm" cat --wait 60 "$vm" "$place" >"$vm_dir/from$vm" || fail "cat $vm: status $?"
	"$hgshm" put --wait 60 "$vm" "$place" <"$vm_dir/from$vm" || fail "put $vm: status $?"
	until_said "VM $vm: the bytes came back: $(sha256sum <"$vm_dir/from$vm")"
done

# until the launcher has ended
cat <&3
pid=$vms
vms=
wait "$pid" || fail "the VMs ended with status $?"
