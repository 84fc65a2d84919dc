#!/bin/sh
# SPDX-License-Identifier: MIT
# Disks are read into the shared memory, and written from it, by their devices' own
# DMA: virtio-blk, and the NVMe controller that QEMU emulates. Another VM looks at
# each byte. Then all other ways by which the kernel reaches pages.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

dma=$1
for disk in virtio nvme scratch; do
	case $disk in
	virtio) seed=1 ;;
	nvme) seed=2 ;;
	scratch) seed=3 ;;
	esac
	"$dma" pattern "$seed" >"$vm_dir/$disk.disk"
done
cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm1 "*)
	set -- "\$@" -drive "if=none,id=nvme,format=raw,file=$vm_dir/nvme.disk" \\
		-device nvme,drive=nvme,serial=nvme \\
		-drive "if=none,id=scratch,format=raw,file=$vm_dir/scratch.disk" \\
		-device nvme,drive=scratch,serial=scratch
	;;
esac
exec "$HGSHM_QEMU" "\$@"
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 2 --size 32m --memory 192m --network none --cpus 2 \
	--disk "1:$vm_dir/virtio.disk"
vm_add "$@"
vm_script 0 <<'END'
barrier up
barrier virtio-read
vm-dma check 1 1
barrier virtio-checked
barrier nvme-read
vm-dma check 1 2
vm-dma fill 1 4
barrier filled
barrier written
END
vm_script 1 <<'END'
# found by their serial numbers, whichever comes first
nvme() {
	for controller in /sys/class/nvme/*; do
		[ "$(tr -d ' ' <"$controller/serial")" != "$1" ] ||
			echo "/dev/${controller##*/}n1"
	done
}
barrier up
vm-dma read /hgshm/disk
barrier virtio-read
barrier virtio-checked
vm-dma read "$(nvme nvme)"
barrier nvme-read
barrier filled
vm-dma write "$(nvme nvme)"
vm-dma compare "$(nvme nvme)" 4
barrier written
vm-pins "$(nvme scratch)" 3
END
vm_run

"$dma" pattern 4 | cmp - "$vm_dir/nvme.disk" || fail "other bytes are on the disk than in the memory"
