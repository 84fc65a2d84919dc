#!/bin/sh
# SPDX-License-Identifier: MIT
# Reads of a disk into the shared memory, in one VM: see direct-io.c.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

"$1" pattern >"$vm_dir/disk"
cat >"$vm_dir/qemu" <<END
#!/bin/sh
exec "$HGSHM_QEMU" "\$@" -drive "if=none,id=nvme,format=raw,readonly=on,file=$vm_dir/disk" \\
	-device nvme,drive=nvme,serial=nvme
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 1 --size 64m --memory 384m --network none --disk "$vm_dir/disk"
vm_add "$1"
vm_script all <<'END'
bench-direct-io virtio-blk /dev/vda
bench-direct-io NVMe /dev/nvme0n1
END
vm_run
echo
echo "64 MiB from a disk into shared memory by reads of 1 MiB, medians of 9 in turn, ms"
printf '%-18s %10s %10s %10s\n' '' 'by DMA' buffered ratio
vm_lines 0
echo
