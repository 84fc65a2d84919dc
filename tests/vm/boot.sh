#!/bin/sh
# SPDX-License-Identifier: MIT
# A group comes up: each VM has its device, its wire, its disk, and says so in
# the order that barriers give.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

printf 'on the disk' >"$vm_dir/disk"
truncate -s 4096 "$vm_dir/disk"
vm_options --clients 3 --size 12m --disk "2:$vm_dir/disk"
vm_add "$HGSHM_SOURCE/tests/vm/lib.sh:/hgshm/added"
vm_script all <<'END'
[ -c /dev/hgshm0 ] || fail "no /dev/hgshm0"
[ "$HGSHM_CLIENTS" = 3 ] || fail "HGSHM_CLIENTS is $HGSHM_CLIENTS"
grep -q 'suite "vm"' /hgshm/added || fail "vm_add lost a file"
barrier started
if [ "$HGSHM_INDEX" = 0 ]; then
	for peer in 1 2; do
		ping -c 1 -W 20 10.77.$peer.2 >/dev/null || fail "VM $peer does not answer"
	done
	ping -c 1 -s 60000 -W 20 10.77.2.2 >/dev/null || fail "a large packet is lost"
fi
barrier first
[ "$HGSHM_INDEX" != 2 ] || echo "the disk says $(head -c 11 /hgshm/disk)"
refused test -e /hgshm/nothing
barrier second
# what a script leaves behind has its output open, and is in nobody's way
sleep 10000 &
echo "VM $HGSHM_INDEX is done"
echo "result of $HGSHM_INDEX" >"$HGSHM_RESULT"
END
vm_run

for index in 0 1 2; do
	vm_says "$index" "^VM $index is done\$"
	[ "$(cat "$(vm_result "$index")")" = "result of $index" ] || fail "result of VM $index"
	vm_dmesg "$index" | grep -q "hgshm0: VM $index of 3" || fail "the driver of VM $index is silent"
done
vm_says 2 '^the disk says on the disk$'
# what came before a barrier is shown before what came after it, whoever said it
disk_line=$(grep -n 'the disk says' "$vm_dir/launch" | cut -d : -f 1)
done_line=$(grep -n 'is done' "$vm_dir/launch" | head -n 1 | cut -d : -f 1)
[ "$disk_line" -lt "$done_line" ] || fail "output passed a barrier"
