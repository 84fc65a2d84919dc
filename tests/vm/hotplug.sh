#!/bin/sh
# SPDX-License-Identifier: MIT
# VM 1's device goes away in each way that there is, while it is used in each way,
# and comes back: its driver is unbound, the kernel is told to drop it, QEMU asks
# for it (device_del) by ACPI and by the slot's own button, and it is pulled out of
# its slot without a word. And it is reset under its driver, which goes on.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

programs=$*
pass_on=$HGSHM_QEMU

# group HOTPLUG: a group whose VM 1 has its device in a slot, with HOTPLUG acpi or
# native, and runs what stands on standard input
group() {
	vm_reset
	cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm1 "*)
	# the port ahead of the device that goes into it
	set -- -device pcie-root-port,id=hole,chassis=1,pref64-reserve=64M,mem-reserve=4M "\$@" \\
		-chardev "socket,id=monitor,path=$vm_dir/monitor,server=on,wait=off" \\
		-mon chardev=monitor,mode=control \\
		-chardev "socket,id=monitor-port,path=$vm_dir/monitor" \\
		-device virtserialport,chardev=monitor-port,name=hgshm.monitor
	[ $1 = acpi ] || set -- -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "\$@"
	;;
esac
exec "$pass_on" "\$@"
END
	# each new device needs a new connection to the mapper
	cat >"$vm_dir/plug" <<END
#!/bin/sh
set -eu
vm-qmp run '{"execute": "chardev-add", "arguments": {"id": "'\$1'", "backend": {"type": "socket", "data": {"server": false, "addr": {"type": "unix", "data": {"path": "$vm_dir/run/hgshm.sock"}}}}}}'
vm-qmp run '{"execute": "device_add", "arguments": {"driver": "hgshm", "id": "shm", "bus": "hole", "index": 1, "mapidx": 0, "shmid": "$vm_shmid", "chardev": "'\$1'"}}'
END
	cat >"$vm_dir/unplug" <<'END'
#!/bin/sh
vm-qmp run '{"execute": "device_del", "arguments": {"id": "shm"}}' DEVICE_DELETED
END
	chmod +x "$vm_dir/qemu" "$vm_dir/plug" "$vm_dir/unplug"
	HGSHM_QEMU=$vm_dir/qemu

	vm_options --clients 2 --size 16m --memory 192m --network none --cpus 2 \
		--props 1:bus=hole,id=shm
	# shellcheck disable=SC2086 # a list of words
	vm_add $programs "$vm_dir/plug" "$vm_dir/unplug"
	vm_script 0 <<'END'
barrier up
barrier gone-and-back
exec 8<>/dev/hgshm0
barrier heard
vm-doorbells ping 1 10
vm-slices write 2
barrier written
vm-slices check 2
barrier rung
END
	{
		cat <<'END'
vm-qmp hello
pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
name=${pci##*/}
port=${pci%/*}
drivers=/sys/bus/pci/drivers/hgshm
barrier up
END
		cat
		cat <<'END'
barrier gone-and-back
exec 8<>/dev/hgshm0
barrier heard
vm-doorbells pong 0 10
vm-slices write 2
barrier written
vm-slices check 2
barrier rung
END
	} >"$vm_dir/script"
	vm_script 1 <"$vm_dir/script"
	vm_run
}

group acpi <<'END'
vm-users "echo $name >$drivers/unbind" "echo $name >$drivers/bind"
vm-users "echo 1 >$pci/remove" "echo 1 >/sys/bus/pci/rescan"
vm-users unplug "plug first"
vm-users unplug "plug second"
echo 1 >"$pci/reset"
END

group native <<'END'
off="vm-slot wait-off $port/config"
vm-users "vm-slot pull $port/config" "$off && plug first"
vm-users unplug "$off && plug second"
vm-users "vm-slot pull $port/config" "$off && plug third"
END
