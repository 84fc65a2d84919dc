#!/bin/sh
# SPDX-License-Identifier: MIT
# Message rings and TCP over virtio-net between two VMs: see vm-rings.c.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 2 --size 8m
vm_add "$1"
vm_script 0 <<'END'
bench-vm-rings 10.77.1.2
END
vm_script 1 <<'END'
bench-vm-rings
END
vm_run
echo
echo "Between two VMs, medians of 5 in turn; ratio: times as good as TCP over virtio-net"
vm_lines 0
echo
