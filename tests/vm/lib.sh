# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# How a test of the suite "vm" is written: a shell script that starts with
#
#	set -eu
#	. "$HGSHM_SOURCE/tests/vm/lib.sh"
#
# describes its VMs, runs them, and looks at what they said:
#
#	vm_options --clients 3 --size 12m    options of hgshm-launch; adds up
#	vm_add FILE[:GUEST_PATH]...          a program into /hgshm/bin, with its
#	                                     libraries, or any file to a path
#	vm_module DIR                        builds the kernel module DIR/Kbuild and
#	                                     puts it into /hgshm, for insmod
#	vm_script all <<'END'                what every VM runs, or
#	vm_script 2 <<'END'                  what VM 2 runs
#	vm_run                               boots them; returns when all have ended
#	vm_says 2 'a regular expression'     fails unless VM 2 wrote such a line
#	vm_lines 2                           all that VM 2 wrote
#	vm_dmesg 2                           the kernel log of VM 2
#	vm_faults 2                          what in it must not be there
#	vm_result 2                          path of what VM 2 wrote to $HGSHM_RESULT
#	fail TEXT...                         ends the test as failed
#
# Guest scripts run with "set -eu" in the guest's busybox shell; what they find
# is told in guest/init (HGSHM_INDEX, HGSHM_CLIENTS, barrier NAME, $HGSHM_RESULT,
# /dev/hgshm0). To that, this adds:
#
#	fail TEXT...         ends the VM as failed
#	refused COMMAND...   fails unless the command fails
#	turn FIRST VERB SECOND ANSWER COUNT
#	                     VM FIRST and VM SECOND do this with vm-doorbells, or
#	                     $DOORBELLS. Nobody goes on before both are done, since
#	                     each looks at the end whether a ring too many comes
#
# vm_run fails the test if any VM failed, if its kernel said BUG, WARNING, Oops or
# anything of lockdep or a sanitizer, or found leaked memory, or if anything was left
# in /dev/shm or in the run's directory. vm_run_fails is for a group that is to fail: it returns when all was
# stopped, with the launcher's words in $vm_dir/launch. Both may be used again
# after vm_reset.
#
# A test gets as arguments the programs that tests/vm/meson.build lists for it.
# meson sets HGSHM_SOURCE, HGSHM_BUILD, HGSHM_LAUNCH, HGSHM_QEMU, HGSHM_PLUGIN.
# HGSHM_GUEST may name the guest image's directory (default: guest next to the
# build directory); without an image the test is skipped. HGSHM_VM_MEMORY is what VMs
# get at least, for a kernel that needs more (--memory), HGSHM_VM_TIMEOUT_S how long a
# run may take.

: "${HGSHM_SOURCE:?run this by meson test}" "${HGSHM_LAUNCH:?}" "${HGSHM_BUILD:?}"
HGSHM_GUEST=${HGSHM_GUEST:-$HGSHM_BUILD/../guest}
export HGSHM_GUEST HGSHM_QEMU HGSHM_PLUGIN

vm_bad_words='BUG|WARNING|Oops|Kernel panic|general protection|possible recursive|circular locking|inconsistent lock|suspicious RCU|Call Trace|KASAN|UBSAN|unreferenced object|blocked for more than|bad (pte|pmd|pud|p4d|pgd)'
vm_timeout_s=${HGSHM_VM_TIMEOUT_S:-600}

vm_show_logs() {
	for vm_log in "$vm_dir"/launch "$vm_dir"/vm*.out "$vm_dir"/vm*.log "$vm_dir"/vm*.qemu; do
		[ -s "$vm_log" ] || continue
		printf '%s\n' "--- ${vm_log##*/}"
		tail -n 60 "$vm_log"
	done
}

fail() {
	printf 'FAIL: %s\n' "$*"
	vm_show_logs
	exit 1
}

vm_reset() {
	rm -rf "$vm_dir"
	vm_dir=$(mktemp -d)
	: >"$vm_dir/options"
	mkdir "$vm_dir/scripts" "$vm_dir/run"
	vm_shmid=hgshm-test-${vm_dir##*/}
	vm_files=
}

vm_dir=$(mktemp -d)
# shellcheck disable=SC2154 # set where the trap fires
trap 'vm_status=$?; rm -rf "$vm_dir"; exit $vm_status' EXIT
trap 'exit 1' HUP INT TERM
vm_reset

if [ ! -r "$HGSHM_GUEST/vmlinuz" ] || [ ! -r "$HGSHM_GUEST/initrd.img" ]; then
	echo "SKIP: there is no guest image in $HGSHM_GUEST; run make"
	exit 77
fi

vm_options() {
	printf '%s\n' "$@" >>"$vm_dir/options"
}

vm_add() {
	vm_files="$vm_files $*"
}

# Beside its own module, the driver's build says what it was built with.
vm_module() {
	vm_release=$(cat "$HGSHM_GUEST/release")
	vm_kernel_build=$(cat "$HGSHM_BUILD/../driver/$vm_release/kernel-build")
	vm_module_dir=$vm_dir/module-${1##*/}
	mkdir "$vm_module_dir"
	cp "$1"/* "$vm_module_dir"
	make -C "$vm_kernel_build" M="$vm_module_dir" modules >"$vm_dir/module.log" 2>&1 || {
		cat "$vm_dir/module.log"
		fail "the module $1 does not build for $vm_release"
	}
	vm_add "$vm_module_dir/${1##*/}.ko:/hgshm/${1##*/}.ko"
}

vm_script() {
	{
		# shellcheck disable=SC2016 # for the guest's shell
		printf '%s\n' 'set -eu' \
			'fail() { printf "FAIL: %s\n" "$*"; exit 1; }' \
			'refused() { if "$@"; then fail "must not work: $*"; fi; }' \
			'turn() {' \
			'	case $HGSHM_INDEX in' \
			'	"$1") "${DOORBELLS:-vm-doorbells}" "$2" "$3" "$5" ;;' \
			'	"$3") "${DOORBELLS:-vm-doorbells}" "$4" "$1" "$5" ;;' \
			'	esac' \
			'	barrier "$*"' \
			'}'
		cat
	} >"$vm_dir/scripts/$1"
}

vm_launch() {
	set --
	while read -r vm_option; do
		set -- "$@" "$vm_option"
	done <"$vm_dir/options"
	for vm_file in "$vm_dir"/scripts/*; do
		case ${vm_file##*/} in
		all) set -- "$@" --run "$vm_file" ;;
		*) set -- "$@" --run "${vm_file##*/}:$vm_file" ;;
		esac
	done
	if [ "$vm_files" ]; then
		# shellcheck disable=SC2086 # a list of words
		"$HGSHM_SOURCE/guest/build-overlay" "$vm_dir/overlay.img" $vm_files
		set -- "$@" --initrd "$HGSHM_GUEST/initrd.img" --initrd "$vm_dir/overlay.img"
	fi
	[ -z "${HGSHM_VM_MEMORY-}" ] || set -- "$@" --memory "$HGSHM_VM_MEMORY"
	"$HGSHM_LAUNCH" --dir "$vm_dir/run" --log-dir "$vm_dir" --shmid "$vm_shmid" \
		--timeout "$vm_timeout_s" "$@" >"$vm_dir/launch" 2>&1
}

# Whatever happened in the guests, the host must be as it was before.
vm_check_host() {
	vm_left=$(find "$vm_dir/run" -mindepth 1)
	[ -z "$vm_left" ] || fail "left in the run's directory: $vm_left"
	[ ! -e "/dev/shm/$vm_shmid" ] || fail "left: /dev/shm/$vm_shmid"
}

# What the kernel of VM $1, "*" for all, found wrong; fails if that is nothing.
vm_faults() {
	# shellcheck disable=SC2086 # a pattern
	grep -Eh "$vm_bad_words" "$vm_dir"/vm$1.log "$vm_dir"/vm$1.dmesg
}

vm_run() {
	vm_launch || fail "hgshm-launch ended with status $?"
	! vm_faults '*' || fail "a guest's kernel log has the lines above"
	vm_check_host
}

vm_run_fails() {
	! vm_launch || fail "hgshm-launch ended with status 0"
	vm_check_host
}

vm_lines() {
	cat "$vm_dir/vm$1.out"
}

vm_dmesg() {
	cat "$vm_dir/vm$1.dmesg"
}

vm_result() {
	printf '%s\n' "$vm_dir/vm$1.result"
}

vm_says() {
	grep -Eq -e "$2" "$vm_dir/vm$1.out" || fail "VM $1 did not say: $2"
}
