#!/bin/sh
# SPDX-License-Identifier: MIT
# Two VMs fuzz the driver at the same time, and so ring each other at random, while
# the device of VM 1 goes and comes. HGSHM_FUZZ_SECONDS says how long (10),
# HGSHM_FUZZ_SEED from where (1).
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

seconds=${HGSHM_FUZZ_SECONDS:-10}
seed=${HGSHM_FUZZ_SEED:-1}
echo "for $seconds s from seed $seed"

vm_options --clients 2 --size 16m --memory 384m --network none --cpus 2 \
	--props 1:mapidx-ro=on
vm_add "$@"
vm_script all <<END
seconds=$seconds
seed=$seed
END
cat >>"$vm_dir/scripts/all" <<'END'
barrier up
# so that there is something to read, until both have done
vm-ringer &
case $HGSHM_INDEX in
0) vm-ioctl-fuzz "$seconds" "$seed" ;;
1)
	pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
	drivers=/sys/bus/pci/drivers/hgshm
	vm-ioctl-fuzz "$seconds" "$((seed + 1000))" "echo ${pci##*/} >$drivers/unbind" \
		"echo ${pci##*/} >$drivers/bind"
	;;
esac
barrier fuzzed
kill $!
END
vm_run
vm_says 1 '^unbound and bound [1-9]'
for index in 0 1; do
	echo "calls of VM $index that succeeded:"
	vm_lines "$index" | grep -e ' of ' -e '^unbound'
done
