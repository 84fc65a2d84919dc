#!/bin/sh
# SPDX-License-Identifier: MIT
# Three VMs with slices over 128 MiB: memory, doorbells both ways between each
# pair, events, errors, mappings, the device that goes away under a program, and
# the VM that goes away.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

yes 'words for a disk with contents, line after line of them' |
	head -c 1048576 >"$vm_dir/disk"
vm_options --clients 3 --size 480m --memory 256m --network none --cpus 2 \
	--disk "$vm_dir/disk"
vm_add "$@"
vm_script all <<'END'
# so that no ring can come before this VM listens
exec 8<>/dev/hgshm0
barrier up

[ "$HGSHM_INDEX" != 0 ] || vm-slices fill
barrier filled
vm-slices check-fill
barrier fill-seen
vm-slices write 1
barrier written
vm-slices check 1
barrier seen

# pair FIRST SECOND: the two talk, the third hears nothing
pair() {
	turn "$1" ping "$2" pong 100
	turn "$2" ping "$1" pong 100
	turn "$1" burst "$2" catch 2000
	turn "$2" burst "$1" catch 2000
	vm-doorbells none
	barrier "pair $1 $2 is quiet"
}
pair 0 1
pair 2 0
pair 1 2

# the same by stores to the mapped doorbells
export RING=store
pair 0 1
pair 2 0
pair 1 2
unset RING
vm-doorbells stray
barrier stray
vm-doorbells none
barrier stray-is-quiet

case $HGSHM_INDEX in
1) vm-doorbells all ;;
*) vm-doorbells once 1 ;;
esac
barrier all-rung

# told PROGRAM SERVER LISTENER
told() {
	case $HGSHM_INDEX in
	"$2") vm-events serve "$3" ;;
	"$3") "$1" check "$2" ;;
	esac
	barrier "$*"
}
told vm-events 0 1
told vm-events 1 2
told vm-eventfds 1 0
told vm-eventfds 0 2

vm-errors
vm-mmap-errors
# VM 0 maps what is the others' own as well
[ "$HGSHM_INDEX" != 0 ] || vm-mapping /hgshm/disk
barrier mapped-by-0
[ "$HGSHM_INDEX" = 0 ] || vm-mapping /hgshm/disk
barrier mapped

refused rmmod hgshm
exec 8<&-
pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
drivers=/sys/bus/pci/drivers/hgshm
name=${pci##*/}
case $HGSHM_INDEX in
0)
	vm-unbind "echo $name >$drivers/unbind"
	echo "$name" >"$drivers/bind"
	;;
1)
	vm-unbind "echo 1 >$pci/remove"
	echo 1 >/sys/bus/pci/rescan
	;;
2)
	rmmod hgshm
	refused test -e /dev/hgshm0
	insmod /lib/modules/hgshm.ko
	;;
esac
[ -c /dev/hgshm0 ] || fail "no /dev/hgshm0 after all was bound again"
refused test -e /dev/hgshm1
exec 8<>/dev/hgshm0
barrier bound-again

vm-slices write 2
barrier written-again
vm-slices check 2
case $HGSHM_INDEX in
0) vm-doorbells ping 1 10 ;;
1)
	vm-doorbells pong 0 10
	vm-doorbells ping 2 10
	;;
2) vm-doorbells pong 1 10 ;;
esac
barrier rung-again

# VM 2 goes, and the others are told
[ "$HGSHM_INDEX" != 2 ] || exit 0
vm-peers gone 2
END
vm_run

vm_says 0 '^slices of 167772160 bytes, 503316480 in memory, 0 in peer region$'
vm_says 2 '^slices of 167772160 bytes, 167772160 in memory, 167772160 in peer region$'
for index in 0 1 2; do
	vm_says "$index" "^group $vm_shmid\$"
	vm_dmesg "$index" | grep -q 'hgshm0: VM' || fail "the driver of VM $index is silent"
	if vm_dmesg "$index" | grep 'not mapped write-back'; then
		fail "the memory of VM $index is uncached"
	fi
done
