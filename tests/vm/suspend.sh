#!/bin/sh
# SPDX-License-Identifier: MIT
# VM 1 goes to sleep (S3) with all in use. Meanwhile VM 0 writes to its slice and
# rings it, and VM 2 goes. When VM 0 wakes it, nothing of that is lost, and doorbells
# work as before.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

# VM 0 has a port to the monitor of VM 1's QEMU. VM 1 is a pc, since a q35 that has
# slept was seen not to power off any more.
cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm0 "*)
	set -- "\$@" -device virtserialport,chardev=monitor-port,name=hgshm.monitor \\
		-chardev "socket,id=monitor-port,path=$vm_dir/monitor,server=on,wait=off"
	;;
*" -name hgshm1 "*)
	set -- "\$@" -chardev "socket,id=monitor,path=$vm_dir/monitor,reconnect=1" \\
		-mon chardev=monitor,mode=control -machine pc
	;;
esac
exec "$HGSHM_QEMU" "\$@"
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 3 --size 36m --memory 192m --network none
vm_add "$@"
vm_script 0 <<'END'
exec 8<>/dev/hgshm0
vm-qmp hello
barrier up
vm-qmp wait SUSPEND
vm-dma fill 1 7
vm-doorbells all
vm-peers gone 2
vm-qmp run '{"execute": "system_wakeup"}' WAKEUP
vm-doorbells once 1
barrier awake
turn 0 ping 1 pong 10
turn 1 ping 0 pong 10
END
vm_script 1 <<'END'
exec 8<>/dev/hgshm0
barrier up
vm-slept mem 2
vm-dma check 1 7
barrier awake
turn 0 ping 1 pong 10
turn 1 ping 0 pong 10
END
vm_script 2 <<'END'
exec 8<>/dev/hgshm0
barrier up
vm-doorbells once 0
END
vm_run

vm_dmesg 1 | grep -q 'ACPI: PM: Waking up from system sleep state S3' ||
	fail "VM 1 did not sleep"
