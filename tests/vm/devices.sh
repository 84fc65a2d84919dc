#!/bin/sh
# SPDX-License-Identifier: MIT
# Two devices in VM 0, /dev/hgshm0 and /dev/hgshm1, of two groups; nobody else is
# in the second, though it has room for as many as there can be. VM 1 has guestmmap=0: no memory whatever it tries, and doorbells
# all the same.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

second=$vm_shmid-second
cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm0 "*)
	set -- "\$@" -chardev "socket,id=second,path=$vm_dir/second,server=on,wait=off" \\
		-device hgshm,size=16m,chardev=second,shmid=$second,unlink=1,index=0,clients=64
	;;
esac
exec "$HGSHM_QEMU" "\$@"
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 2 --size 8m --memory 192m --network none --cpus 0:2 \
	--guestmmap 1:0
vm_add "$@"
vm_script 0 <<'END'
exec 8<>/dev/hgshm0
barrier up
turn 0 ping 1 pong 20
turn 1 ping 0 pong 20
vm-doorbells all
barrier rung
export RING=store
turn 0 ping 1 pong 20
turn 1 ping 0 pong 20
unset RING
barrier strayed

vm-errors
vm-mmap-errors
DEVICE=/dev/hgshm1 vm-errors 63
DEVICE=/dev/hgshm1 vm-mmap-errors
vm-slices write 1
DEVICE=/dev/hgshm1 vm-slices write 2
DEVICE=/dev/hgshm1 vm-slices check-peer 2 0 0
vm-slices check-peer 1 0 0
exec 8<&-

first=$(readlink -f /sys/class/hgshm/hgshm0/device)
second=$(readlink -f /sys/class/hgshm/hgshm1/device)
[ "$first" != "$second" ] || fail "both names are of one device"
drivers=/sys/bus/pci/drivers/hgshm
vm-unbind "echo ${first##*/} >$drivers/unbind"
DEVICE=/dev/hgshm1 vm-slices check-peer 2 0 0
echo "${first##*/}" >$drivers/bind
[ "$(readlink -f /sys/class/hgshm/hgshm0/device)" = "$first" ] ||
	fail "hgshm0 is another device than before"
vm-busy "echo ${first##*/} >$drivers/unbind"
echo "${first##*/}" >$drivers/bind
vm-churn 10 "echo ${first##*/} >$drivers/unbind" "echo ${first##*/} >$drivers/bind"
DEVICE=/dev/hgshm1 vm-unbind "echo ${second##*/} >$drivers/unbind"
echo "${first##*/}" >$drivers/unbind
echo "${second##*/}" >$drivers/bind
echo "${first##*/}" >$drivers/bind
[ "$(readlink -f /sys/class/hgshm/hgshm0/device)" = "$second" ] ||
	fail "the lowest free number was not taken"
barrier done
END
vm_script 1 <<'END'
exec 8<>/dev/hgshm0
barrier up
turn 0 ping 1 pong 20
turn 1 ping 0 pong 20
vm-doorbells once 0
barrier rung
export RING=store
turn 0 ping 1 pong 20
turn 1 ping 0 pong 20
unset RING
vm-doorbells stray
barrier strayed

vm-errors
vm-mmap-errors
vm-slices check 1
pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
refused test -e "$pci/resource1"
refused test -e "$pci/resource3"
refused test -e /dev/hgshm1
barrier done
END
vm_run

vm_says 0 '^slices of 4194304 bytes, 8388608 in memory, 0 in peer region$'
vm_says 0 '^slices of 262144 bytes, 16777216 in memory, 0 in peer region$'
vm_says 1 '^slices of 4194304 bytes, 0 in memory, 0 in peer region$'
vm_says 0 "^group $second\$"
vm_says 1 "^group $vm_shmid\$"
vm_dmesg 0 | grep -q 'hgshm0: VM 0 of 2' || fail "the first group's device is not hgshm0"
vm_dmesg 0 | grep -q 'hgshm1: VM 0 of 64' || fail "the second group's device is not hgshm1"
[ ! -e "/dev/shm/$second" ] || fail "left: /dev/shm/$second"
