#!/bin/sh
# SPDX-License-Identifier: MIT
# What a driver does wrong is seen in its guest's kernel log: a module makes one fault
# in each VM, each VM its own since a kernel that found one looks no further. The
# debug kernel sees more of them than others. A module without a fault is not accused.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

# FAULT: a word of what the kernel says of it
cat >"$vm_dir/faults" <<'END'
none:
warning:WARNING: CPU
END
case $(cat "$HGSHM_GUEST/release") in
*-hgshm-debug)
	cat >>"$vm_dir/faults" <<'END'
use-after-free:KASAN: .*use-after-free
run-over:KASAN: .*out-of-bounds
shift:UBSAN: shift-out-of-bounds
leak:unreferenced object
sleep:BUG: sleeping function called from invalid context
lock-order:possible circular locking dependency
lock-interrupted:inconsistent lock state
rcu:suspicious RCU usage
END
	;;
esac

vm_options --clients "$(wc -l <"$vm_dir/faults")" --size 32m --memory 128m --network none
vm_module "$HGSHM_SOURCE/tests/vm/faults"
index=0
while IFS=: read -r fault _; do
	# not by insmod's own status: a kernel may end it for what it did
	vm_script "$index" <<END
insmod /hgshm/faults.ko fault=$fault || echo "insmod failed"
grep -q '^faults ' /proc/modules || fail "the module is not there"
END
	index=$((index + 1))
done <"$vm_dir/faults"
vm_launch || fail "hgshm-launch ended with status $?"
vm_check_host

index=0
while IFS=: read -r fault word; do
	found=$(vm_faults "$index") || [ "$fault" = none ] || fail "nothing is seen of: $fault"
	[ "$fault" != none ] || [ -z "$found" ] || fail "seen, though there is none: $found"
	printf '%s\n' "$found" | grep -q "$word" || fail "of $fault, this is seen: $found"
	index=$((index + 1))
done <"$vm_dir/faults"
echo "$index kernel logs read"
