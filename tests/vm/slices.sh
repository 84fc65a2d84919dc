#!/bin/sh
# SPDX-License-Identifier: MIT
# Five VMs, a number that divides nothing evenly: each sees the bytes of its own
# slice and of its peer slice, and nothing else of the memory, whichever way it
# looks. VM 1, 4: peer slice 0, for VM 1 read-only; VM 2: peer slice 1; VM 3: none.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 5 --size 21m --memory 192m --network none \
	--mapidx 2:1 --mapidx 3:none --props 1:mapidx-ro=on
vm_add "$@"
vm_script all <<'END'
case $HGSHM_INDEX in
0) memory_bytes=22020096 peer_slice=none ;;
1|4) memory_bytes=4403200 peer_slice=0 ;;
2) memory_bytes=4403200 peer_slice=1 ;;
3) memory_bytes=4403200 peer_slice=none ;;
esac
barrier up

[ "$HGSHM_INDEX" != 0 ] || vm-slices fill
barrier filled
vm-slices check-fill
barrier fill-seen
vm-slices write 1
barrier written
vm-slices check 1
barrier seen
vm-mmap-errors
[ "$HGSHM_INDEX" != 2 ] || vm-slices write-peer 2
barrier peer-written
vm-slices check-peer 2 1 2
barrier peer-seen
[ "$HGSHM_INDEX" != 4 ] || vm-slices write-peer 3
barrier peer-0-written
vm-slices check-peer 3 0 4
barrier peer-0-seen

vm-errors
[ "$HGSHM_INDEX" != 0 ] || vm-slices fill
barrier filled-again

pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
echo "${pci##*/}" >/sys/bus/pci/drivers/hgshm/unbind
vm-bar-tail "$pci/resource1" "$memory_bytes" \
	"$(printf 'c0de%02x0000000000' "$HGSHM_INDEX")"
case $peer_slice in
none) refused test -e "$pci/resource3" ;;
*)
	vm-bar-tail "$pci/resource3" 4403200 "$(printf 'c0de%02x0000000000' "$peer_slice")"
	;;
esac
barrier looked
END
vm_run

for index in 1 4; do
	vm_says "$index" '^slices of 4403200 bytes, 4403200 in memory, 4403200 in peer region$'
done
vm_says 0 '^slices of 4403200 bytes, 22020096 in memory, 0 in peer region$'
vm_says 3 '^slices of 4403200 bytes, 4403200 in memory, 0 in peer region$'
vm_says 1 '^the peer slice takes no stores$'
for index in 2 4; do
	vm_says "$index" '^the peer slice takes stores$'
done
