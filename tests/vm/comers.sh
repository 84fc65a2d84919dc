#!/bin/sh
# SPDX-License-Identifier: MIT
# VMs that come and go while a guest looks on. They are QEMUs whose CPUs never run: to
# be there, a VM needs no guest. The guest asks for each by a port of its own.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

second=$vm_shmid-second

# What the guest asks for, line by line, until its QEMU ends.
cat >"$vm_dir/attend" <<END
#!/bin/sh
set -eu
# held until the last one is gone
exec 9>"$vm_dir/attending"
flock 9

come() {
	"$HGSHM_QEMU" -machine pc -accel tcg -m 16 -S -display none -nodefaults \\
		-no-user-config \\
		-chardev "socket,id=c,path=$vm_dir/second" \\
		-device "hgshm,index=\$1,chardev=c,shmid=$second" \\
		<"/dev/null" >>"$vm_dir/vm0.qemu" 2>&1 &
	eval "vm_\$1=\$!"
}
go() {
	eval "pid=\\\$vm_\$1; unset vm_\$1"
	kill -KILL "\$pid"
	wait "\$pid" || [ \$? = 137 ]
}
while read -r what index; do
	case \$what in
	come) come "\$index" ;;
	go) go "\$index" ;;
	flap)
		go "\$index"
		come "\$index"
		;;
	esac
done
for index in 1 2 3; do
	eval "pid=\\\${vm_\$index-}"
	[ -z "\$pid" ] || go "\$index"
done
END
cat >"$vm_dir/qemu" <<END
#!/bin/sh
set -eu
mkfifo "$vm_dir/ask.in" "$vm_dir/ask.out"
# open at both ends, so that nobody waits for the other; QEMU inherits it, and its
# end is the end of what is asked
exec 9<>"$vm_dir/ask.out"
"$vm_dir/attend" <"$vm_dir/ask.out" 9<&- &
exec "$HGSHM_QEMU" "\$@" \\
	-chardev "socket,id=second,path=$vm_dir/second,server=on,wait=off" \\
	-device hgshm,size=16m,chardev=second,shmid=$second,unlink=1,index=0,clients=4 \\
	-chardev "pipe,id=ask,path=$vm_dir/ask" \\
	-device virtserialport,chardev=ask,name=hgshm.ask
END
chmod +x "$vm_dir/qemu" "$vm_dir/attend"
HGSHM_QEMU=$vm_dir/qemu

vm_options --clients 1 --size 4m --memory 192m --network none
vm_add "$@"
vm_script 0 <<'END'
DEVICE=/dev/hgshm1 vm-comers
END
vm_run
flock "$vm_dir/attending" true
[ ! -e "/dev/shm/$second" ] || fail "left: /dev/shm/$second"
