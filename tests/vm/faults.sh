#!/bin/sh
# SPDX-License-Identifier: MIT
# What a driver does wrong is seen in its guest's kernel log: a module makes faults, of
# which the debug kernel sees more than others. A module without one is not accused.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

# VM FAULT WORDS: what the kernel says of it. Of locks it tells the first fault only, and
# none after one of memory, of which it tells the first only, too.
case $(cat "$HGSHM_GUEST/release") in
*-hgshm-debug)
	cat >"$vm_dir/faults" <<'END'
1 rcu suspicious RCU usage
1 lock-order possible circular locking dependency
1 leak unreferenced object
1 shift UBSAN: shift-out-of-bounds
1 use-after-free KASAN: .*use-after-free
2 lock-interrupted inconsistent lock state
2 sleep BUG: sleeping function called from invalid context
2 run-over KASAN: .*out-of-bounds
END
	;;
esac
echo '1 warning WARNING: CPU' >>"$vm_dir/faults"

vm_options --clients 3 --size 12m --memory 128m --network none
vm_module "$HGSHM_SOURCE/tests/vm/faults"
vm_add "$vm_dir/faults:/faults"
vm_script all <<'END'
insmod /hgshm/faults.ko fault=none
rmmod faults
while read -r index fault _; do
	[ "$index" = "$HGSHM_INDEX" ] || continue
	insmod /hgshm/faults.ko fault="$fault"
	rmmod faults
done </faults
END
vm_launch || fail "hgshm-launch ended with status $?"
vm_check_host

! vm_faults 0 || fail "VM 0 made no fault, and is accused of the above"
while read -r index fault words; do
	vm_faults "$index" | grep -q "$words" ||
		fail "of $fault in VM $index nothing is seen, but: $(vm_faults "$index")"
done <"$vm_dir/faults"
echo "$(wc -l <"$vm_dir/faults") faults are seen"
