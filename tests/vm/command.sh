#!/bin/sh
# SPDX-License-Identifier: MIT
# The command hgshm in guests: who is who, rings, bytes from VM to VM, and what is
# said when the other side is stopped, killed, has enough, or is powered off.
set -eu
. "$HGSHM_SOURCE/tests/vm/lib.sh"

vm_options --clients 3 --size 12m --network none
vm_script all <<'END'
# in_background FILE COMMAND...: until it has written a line to FILE
in_background() {
	file=$1
	shift
	mkfifo "$file.fifo"
	"$@" 2>"$file.fifo" >"$file" &
	pid=$!
	exec 7<"$file.fifo"
	read -r said <&7
}

# fails STATUS WORDS COMMAND...: it ends with that status and a line that has the words
fails() {
	wanted=$1
	words=$2
	shift 2
	status=0
	"$@" 2>/tmp/failed || status=$?
	[ "$status" = "$wanted" ] || fail "$*: status $status: $(cat /tmp/failed)"
	grep -qF -e "$words" /tmp/failed || fail "$*: it says: $(cat /tmp/failed)"
	[ "$(wc -l </tmp/failed)" = 1 ] || fail "$*: more than a line: $(cat /tmp/failed)"
}

barrier up
hgshm info | grep -qE "^index +$HGSHM_INDEX of 3" || fail "info: $(hgshm info)"
hgshm info /dev/hgshm0 --json | grep -q "\"index\":$HGSHM_INDEX,\"clients\":3," || fail "info --json"
[ "$(hgshm peers --json | cut -d , -f 3-5)" = '"peers":[0,1,2]' ] || fail "peers: $(hgshm peers --json)"
hgshm ls | grep -qE "^device  /dev/hgshm0  member $HGSHM_INDEX of 3  12 MiB  hgshm-test-" || fail "ls: $(hgshm ls)"
hgshm ls --json | grep -q '"devices":\[{"path":"/dev/hgshm0","error":null,"name":"hgshm-test-' || fail "ls --json: $(hgshm ls --json)"
hgshm doctor || fail "doctor ended with status $?"
fails 1 '/dev/hgshm7' hgshm info /dev/hgshm7
fails 1 itself hgshm ring "$HGSHM_INDEX"
status=0
hgshm wait --timeout 0 2>/tmp/waited || status=$?
[ "$status" = 3 ] || fail "wait --timeout 0: status $status"
[ "$(tail -n 1 /tmp/waited)" = "hgshm wait: nobody rang in time" ] || fail "wait: $(cat /tmp/waited)"

# VM 1 waits, VM 0 rings it, and everybody
if [ "$HGSHM_INDEX" = 1 ]; then
	in_background /tmp/rang hgshm wait --from 0 --count 2
	[ "$said" = "hgshm wait: waiting as member 1 of 3" ] || fail "wait says: $said"
fi
barrier waiting
if [ "$HGSHM_INDEX" = 0 ]; then
	[ "$(hgshm ring 1)" = "rang 1" ] || fail "ring 1"
fi
barrier rang
if [ "$HGSHM_INDEX" = 0 ]; then
	[ "$(hgshm ring all)" = "rang 1 2" ] || fail "ring all"
fi
if [ "$HGSHM_INDEX" = 1 ]; then
	wait "$pid" || fail "wait ended with status $?"
	grep -q '^0 rang ' /tmp/rang || fail "wait: $(cat /tmp/rang)"
fi
barrier rung

# mapper to VM, VM to mapper, VM to VM by slice 0; the reader comes first, or last
transfer() {
	if [ "$HGSHM_INDEX" = "$1" ]; then
		head -c "$3" /dev/urandom >/tmp/sent
		hgshm put "$2" </tmp/sent || fail "put $2: status $?"
		echo "$1 to $2: $(sha256sum </tmp/sent)"
		rm /tmp/sent
	elif [ "$HGSHM_INDEX" = "$2" ]; then
		hgshm cat "$1" >/tmp/got || fail "cat $1: status $?"
		echo "$1 to $2: $(sha256sum </tmp/got)"
		rm /tmp/got
	fi
	barrier "moved-$1-$2-$3"
}
transfer 0 1 20000003
transfer 1 0 3000000
transfer 1 2 5000001
transfer 2 0 0
transfer 2 1 1

# a writer that is stopped, and one that is killed
barrier stopping
case $HGSHM_INDEX in
1)
	mkfifo /tmp/feed
	# both ways, so that it is there whether or not a put reads
	exec 6<>/tmp/feed
	hgshm put 2 </tmp/feed 2>/tmp/put &
	pid=$!
	echo something >&6
	barrier fed
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 143 ] || fail "a put that is stopped ends with status $status"
	hgshm put 2 </tmp/feed 2>/tmp/put &
	pid=$!
	echo "something else" >&6
	barrier fed-again
	kill -KILL "$pid"
	barrier killed
	;;
2)
	mkfifo /tmp/catch
	hgshm cat 1 >/tmp/catch 2>/tmp/cat &
	pid=$!
	read -r word </tmp/catch
	barrier fed
	status=0
	wait "$pid" || status=$?
	[ "$status" = 1 ] || fail "cat ended with status $status: $(cat /tmp/cat)"
	grep -q 'member 1 gave up after 10 bytes: it was stopped' /tmp/cat || fail "cat: $(cat /tmp/cat)"
	hgshm cat 1 --silence 3 >/tmp/catch 2>/tmp/cat &
	pid=$!
	read -r word </tmp/catch
	barrier fed-again
	barrier killed
	status=0
	wait "$pid" || status=$?
	[ "$status" = 1 ] || fail "cat ended with status $status: $(cat /tmp/cat)"
	grep -q 'member 1 shows no sign of life any more, after 15 bytes' /tmp/cat || fail "cat: $(cat /tmp/cat)"
	;;
*)
	barrier fed
	barrier fed-again
	barrier killed
	;;
esac
barrier told

# a reader that has enough, and a VM that goes away, which another sees
seen=
case $HGSHM_INDEX in
0)
	fails 1 'member 2 closed before all was moved' hgshm put 2 </dev/zero
	barrier enough
	mkfifo /tmp/watched
	hgshm peers --watch >/tmp/watched 9>&- &
	watcher=$!
	exec 5</tmp/watched
	fails 1 'member 1 left the group before all was moved' hgshm put 1 </dev/zero
	until [ "$seen" = "1 went" ]; do
		read -r index word <&5 || fail "peers --watch ended before it saw VM 1 go"
		seen="$index $word"
	done
	kill "$watcher"
	status=0
	wait "$watcher" || status=$?
	[ "$status" = 143 ] || fail "a peers --watch that is stopped ends with status $status"
	echo "all told"
	;;
1)
	barrier enough
	mkfifo /tmp/last
	exec 5<>/tmp/last
	# it must not keep the port open by which init tells how this ended
	hgshm cat 0 >/tmp/last 2>/dev/null 9>&- &
	head -c 1 <&5 >/dev/null
	# powered off with the writer at it
	;;
2)
	hgshm cat 0 2>/dev/null | head -c 1000 >/dev/null
	barrier enough
	;;
esac
END
vm_run

for pair in "0 1" "1 0" "1 2" "2 0" "2 1"; do
	from=${pair% *}
	to=${pair#* }
	sent=$(vm_lines "$from" | grep "^$from to $to: ")
	[ "$sent" ] || fail "VM $from says nothing of what it sent to VM $to"
	[ "$(vm_lines "$to" | grep "^$from to $to: ")" = "$sent" ] || fail "bytes differ: $sent"
done
vm_says 0 '^all told$'
vm_says 1 '^ok +driver'
