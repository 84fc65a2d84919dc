#!/bin/sh
# SPDX-License-Identifier: MIT
# VM 1 hibernates with all in use: its image goes to a disk and comes back from there.
# In between VM 2 goes. The system that comes back is told of that, though the device
# had told the one before; it does not bring back what the shared memory held, and its
# doorbells work.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

case $(cat "$HGSHM_GUEST/release") in
*-debug)
	echo "SKIP: the debug kernel does not hibernate"
	exit 77
	;;
esac

truncate -s 512M "$vm_dir/image"
cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm1 "*)
	set -- "\$@" -drive "if=none,id=image,format=raw,file=$vm_dir/image" \\
		-device virtio-blk-pci,drive=image
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
barrier up
vm-peers gone 2
vm-doorbells once 1
barrier awake
turn 0 ping 1 pong 10
turn 1 ping 0 pong 10
END
vm_script 1 <<'END'
exec 8<>/dev/hgshm0
barrier up
vm-slept /dev/vda 2
barrier awake
turn 0 ping 1 pong 10
turn 1 ping 0 pong 10
END
vm_script 2 <<'END'
exec 8<>/dev/hgshm0
barrier up
vm-doorbells once 1
END
vm_run
