# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What fetch-headers and fetch-backport share: the headers of a QEMU source tree, and
# a private apt. The caller has set $work, a folder that goes at its end, and
# $configure_meson, the option that says which meson, or nothing.
#
# shellcheck disable=SC2034,SC2154 # variables between the two
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C

say()
{
	echo "${0##*/}: $*" >&2
}

die()
{
	say "$*"
	exit 1
}

# shellcheck source=scripts/debian-archive.sh
. "$(dirname "$0")/../scripts/debian-archive.sh"

# Debian's source archives leave firmware out that QEMU's build files name, though
# nothing of it is used for headers.
put_placeholders()
{
	for name in $(sed -n "s/^ *'\(edk2-[a-z0-9_-]*\.fd\)',*$/\1.bz2/p" "$1/pc-bios/meson.build") \
		$(sed -n "s/^ *'\([a-z0-9-]*\.dtb\)',*$/dtb\/\1/p" "$1/pc-bios/dtb/meson.build" 2> "$work/log"); do
		[ -e "$1/pc-bios/$name" ] || : > "$1/pc-bios/$name"
	done
}

run_configure()
{
	mkdir "$1/build"
	cd "$1/build"
	# shellcheck disable=SC2086 # one option, or none
	../configure $configure_meson --target-list=x86_64-softmmu \
		--without-default-features --enable-modules --enable-kvm \
		--enable-tcg --enable-qom-cast-debug --disable-install-blobs \
		--with-pkgversion="$2"
	ninja -t targets all |
		sed -n -e 's/^\(\(qapi\|trace\)\/[^:]*\.h\): CUSTOM_COMMAND.*/\1/p' \
			-e 's/^\(config-poison\.h\|qemu-version\.h\): CUSTOM_COMMAND.*/\1/p' |
		xargs ninja
}

# configure_headers TREE VERSION PACKAGE-TEXT: generates a tree's headers, and the
# one that says which QEMU they are of
configure_headers()
{
	source_says=$(cat "$1/VERSION")
	[ "$source_says" = "$2" ] ||
		die "the fetched source is QEMU $source_says, but the binary is $2"
	put_placeholders "$1"
	say "configuring it (headers only, about 20 s)"
	(set -e; run_configure "$1" "$3") > "$work/log" 2>&1 || {
		tail -n 40 "$work/log" >&2
		rm -rf "$1"
		die "QEMU's configure failed; its last lines stand above"
	}
	cat > "$1/build/hgshm-qemu-version.h" <<-VERSION
		/* Written by ${0##*/}: the QEMU whose headers these are. */
		#define HGSHM_QEMU_VERSION "$2"
		#define HGSHM_QEMU_PACKAGE "$3"
	VERSION
	touch "$1/build/.hgshm-configured"
}

# "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)": the version, and
# what stands in brackets
read_version()
{
	version_line=$("$1" --version | head -n 1)
	qemu_version=$(echo "$version_line" | sed -n 's/^QEMU emulator version \([0-9][0-9.]*\).*/\1/p')
	package_text=$(echo "$version_line" | sed -n 's/^[^(]*(\(.*\))$/\1/p')
	[ -n "$qemu_version" ] || die "$1 does not say its version: '$version_line'"
}
