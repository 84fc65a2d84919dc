#!/bin/sh
# SPDX-License-Identifier: MIT
# Hundreds of times all that can be had of a device is taken and given back, and the
# device itself is taken away; the kernel's books show that nothing stays.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 2 --size 8m --memory 192m --network none
vm_add "$@"
vm_module "$HGSHM_SOURCE/tests/vm/importer"
vm_script all <<'END'
insmod /hgshm/importer.ko
pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
name=${pci##*/}
drivers=/sys/bus/pci/drivers/hgshm
barrier up
vm-cycles 400 150 "echo $name >$drivers/unbind" "echo $name >$drivers/bind"
barrier done
END
vm_run
vm_lines 0
