#!/bin/sh
# SPDX-License-Identifier: MIT
# Parts of the memory as dma-bufs, which another driver imports; VM 2 has a peer
# slice that is read-only, VM 3 no memory at all. Then the device goes away while
# that driver has the memory: unbound, removed, its module taken out after it.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 4 --size 32m --memory 192m --network none \
	--props 2:mapidx-ro=on --guestmmap 3:0
vm_add "$@"
vm_module "$HGSHM_SOURCE/tests/vm/importer"
vm_script all <<'END'
insmod /hgshm/importer.ko
barrier up
# they use the same bytes of slice 0
for index in 0 1 2 3; do
	[ "$HGSHM_INDEX" != "$index" ] || vm-dmabuf
	barrier "$index done"
done
[ "$HGSHM_INDEX" != 3 ] || exit 0

pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
name=${pci##*/}
drivers=/sys/bus/pci/drivers/hgshm
vm-dmabuf-gone "echo $name >$drivers/unbind"
echo "$name" >$drivers/bind
vm-dmabuf-gone "echo 1 >$pci/remove"
echo 1 >/sys/bus/pci/rescan
vm-dmabuf-gone "echo $name >$drivers/unbind"
rmmod hgshm
insmod /lib/modules/hgshm.ko
vm-held "echo $name >$drivers/unbind"
echo "$name" >$drivers/bind
for again in 0 1 2; do
	[ "$HGSHM_INDEX" != "$again" ] || vm-dmabuf
	barrier "$again done again"
done
END
vm_run
