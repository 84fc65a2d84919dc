#!/bin/sh
# SPDX-License-Identifier: MIT
# Names that stay, made by udev from the rule that is shipped, for the two devices of
# VM 0; and the files in sysfs, which the rule reads: that they are those of the
# document, say what INFO says, and tell when a VM goes.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

udevd=/lib/systemd/systemd-udevd
if [ ! -x "$udevd" ] || [ ! -x /bin/udevadm ]; then
	echo "SKIP: udev is not installed"
	exit 77
fi

second=$vm_shmid-second
cat >"$vm_dir/qemu" <<END
#!/bin/sh
case " \$* " in
*" -name hgshm0 "*)
	set -- "\$@" -chardev "socket,id=second,path=$vm_dir/second,server=on,wait=off" \\
		-device hgshm,size=16m,chardev=second,shmid=$second,unlink=1,index=0,clients=4
	;;
esac
exec "$HGSHM_QEMU" "\$@"
END
chmod +x "$vm_dir/qemu"
HGSHM_QEMU=$vm_dir/qemu

sed -n 's|^What:.*/sys/class/hgshm/hgshmN/||p' "$HGSHM_SOURCE/docs/abi/sysfs-class-hgshm" |
	sort >"$vm_dir/documented"
[ -s "$vm_dir/documented" ] || fail "docs/abi names no file"

vm_options --clients 3 --size 12m --memory 256m --network none --mapidx 2:none
vm_add "$@" "$udevd" /bin/udevadm "$vm_dir/documented:/documented" \
	"$HGSHM_SOURCE/driver/60-hgshm.rules:/lib/udev/rules.d/60-hgshm.rules"
vm_script all <<'END'
exec 8<>/dev/hgshm0
barrier up

# what each device has anyway is not of the driver
(cd /sys/class/hgshm/hgshm0 && find . -maxdepth 1 -type f) | sed 's|^\./||' |
	grep -v -x -e dev -e uevent | sort >/tmp/files
diff /documented /tmp/files || fail "other files than the document says, above"

vm-sysfs check
case $HGSHM_INDEX in
0) vm-sysfs rung 1 ;;
1) vm-doorbells all ;;
esac
barrier rung
if [ "$HGSHM_INDEX" = 2 ]; then
	barrier listening
	exit 0
fi
# an open file of sysfs that tells when VM 2 goes, and the rest when it listens
mkfifo /tmp/told
exec 7<>/tmp/told
vm-sysfs gone 2 >&7 &
read -r word <&7
[ "$word" = listening ] || fail "vm-sysfs said: $word"
barrier listening
wait $! || fail "vm-sysfs gone: $(timeout 1 cat <&7)"
exec 7<&-

[ "$HGSHM_INDEX" = 0 ] || exit 0
DEVICE=/dev/hgshm1 vm-sysfs check
systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle

# leads_to LINK NODE
leads_to() {
	[ "$(readlink -f "$1")" = "$2" ] || fail "$1 leads to '$(readlink -f "$1")', not $2"
}
for number in 0 1; do
	sys=/sys/class/hgshm/hgshm$number
	leads_to "/dev/hgshm/by-id/$(cat $sys/shmid)" /dev/hgshm$number
	pci=$(readlink -f $sys/device)
	leads_to "/dev/hgshm/by-path/${pci##*/}" /dev/hgshm$number
done
[ "$(find /dev/hgshm -type l | wc -l)" = 4 ] || fail "other links: $(find /dev/hgshm)"

# bound again in the other order, the names are the same
first=$(cat /sys/class/hgshm/hgshm0/shmid)
second=$(cat /sys/class/hgshm/hgshm1/shmid)
first_pci=$(readlink -f /sys/class/hgshm/hgshm0/device)
first_pci=${first_pci##*/}
second_pci=$(readlink -f /sys/class/hgshm/hgshm1/device)
second_pci=${second_pci##*/}
exec 8<&-
echo "$first_pci" >/sys/bus/pci/drivers/hgshm/unbind
udevadm settle
[ ! -L "/dev/hgshm/by-id/$first" ] || fail "the name of a device that is gone stays"
[ ! -L "/dev/hgshm/by-path/$first_pci" ] || fail "the path of a device that is gone stays"
echo "$second_pci" >/sys/bus/pci/drivers/hgshm/unbind
echo "$second_pci" >/sys/bus/pci/drivers/hgshm/bind
echo "$first_pci" >/sys/bus/pci/drivers/hgshm/bind
udevadm settle
leads_to "/dev/hgshm/by-id/$second" /dev/hgshm0
leads_to "/dev/hgshm/by-id/$first" /dev/hgshm1
leads_to "/dev/hgshm/by-path/$second_pci" /dev/hgshm0
leads_to "/dev/hgshm/by-path/$first_pci" /dev/hgshm1
DEVICE=/dev/hgshm0 vm-sysfs check
DEVICE=/dev/hgshm1 vm-sysfs check
udevadm control --exit
END
vm_run

vm_says 0 "^shmid $vm_shmid\$"
vm_says 0 "^shmid $second\$"
[ ! -e "/dev/shm/$second" ] || fail "left: /dev/shm/$second"
