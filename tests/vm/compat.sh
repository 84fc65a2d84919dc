#!/bin/sh
# SPDX-License-Identifier: MIT
# 32-bit programs on the 64-bit kernel: every call has the same structs, numbers and
# offsets. They are the programs of driver.sh and others, built once more; but not that
# for huge pages, for which the kernel doesn't align the mappings of such programs.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 2 --size 32m --memory 256m --network none --cpus 2
vm_add "$@"
vm_script all <<'END'
exec 8<>/dev/hgshm0
barrier up
[ "$HGSHM_INDEX" != 0 ] || vm32-slices fill
barrier filled
vm32-slices check-fill
barrier fill-seen
vm32-slices write 1
barrier written
vm32-slices check 1
barrier seen

export DOORBELLS=vm32-doorbells
turn 0 ping 1 pong 50
turn 1 ping 0 pong 50
case $HGSHM_INDEX in
0)
	vm32-events serve 1
	vm32-events serve 1
	;;
1)
	vm32-events check 0
	vm32-eventfds check 0
	;;
esac
barrier rung

vm32-errors
vm32-mmap-errors
vm32-sysfs check
# so that there is something to read, until both have done
vm-ringer &
vm32-ioctl-fuzz 4 "$((HGSHM_INDEX + 32))"
barrier fuzzed
kill $!
END
vm_run
