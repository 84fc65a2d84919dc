#!/bin/sh
# SPDX-License-Identifier: MIT
# VM 0 has a second device with so much memory that its RAM has no room for the pages'
# descriptions. The driver says so in words, gives back all that it has taken, and the
# first device is not disturbed.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

second=$vm_shmid-second
# the file has holes only
cat >"$vm_dir/qemu" <<END
#!/bin/sh
exec "$HGSHM_QEMU" "\$@" \\
	-object "memory-backend-file,id=large,size=16g,share=on,mem-path=$vm_dir/large" \\
	-chardev "socket,id=second,path=$vm_dir/second,server=on,wait=off" \\
	-device hgshm,memdev=large,chardev=second,shmid=$second,index=0,clients=2
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 1 --size 8m --memory 192m --network none
vm_add "$@"
vm_script 0 <<'END'
refused test -e /dev/hgshm1
first=$(readlink -f /sys/class/hgshm/hgshm0/device)
for other in /sys/bus/pci/devices/*; do
	[ "$(cat "$other/vendor") $(cat "$other/device")" = "0xbabe 0x07b9" ] || continue
	[ "$other" -ef "$first" ] || second=$other
done
# again, from the start: nothing that is still taken is in the way
[ ! -e "$second/driver" ] || fail "the driver has bound $second"
refused sh -c "echo ${second##*/} >/sys/bus/pci/drivers/hgshm/bind"
vm-errors
vm-slices write 1
vm-slices check 1
rmmod hgshm
END
vm_run

words='BAR 1: no room for its page table of 262144 KiB, [0-9]* KiB are available: give the VM more RAM'
[ "$(vm_dmesg 0 | grep -c "$words")" = 2 ] || fail "the driver did not say twice: $words"
[ ! -e "/dev/shm/$second" ] || fail "left: /dev/shm/$second"
