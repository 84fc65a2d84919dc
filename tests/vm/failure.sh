#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM that fails ends its group with a word about it, and nothing stays behind:
# a script that fails, a kernel that panics, a device that QEMU refuses.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 2 --size 8m
vm_script 0 <<'END'
barrier never
END
vm_script 1 <<'END'
exit 3
END
vm_run_fails
grep -q 'VM 1 failed: its script ended with status 3' "$vm_dir/launch" ||
	fail "the status is not told"

vm_reset
vm_options --clients 2 --size 8m
vm_script 0 <<'END'
barrier never
END
vm_script 1 <<'END'
echo c >/proc/sysrq-trigger
END
vm_run_fails
grep -q 'VM 1 failed: it stopped before its script had ended' "$vm_dir/launch" ||
	fail "the panic is not told"
grep -q 'sysrq triggered crash' "$vm_dir/vm1.log" || fail "the panic is not in the log"

vm_reset
vm_options --clients 2 --size 0
vm_script all <<'END'
exit 0
END
vm_run_fails
grep -q 'VM 0 failed: its QEMU ended with status' "$vm_dir/launch" ||
	fail "QEMU's failure is not told"
grep -q 'VM 0: .*size' "$vm_dir/launch" || fail "QEMU's own words are not shown"
