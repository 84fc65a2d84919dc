# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# A private apt, for packages that are fetched and not installed. Sourced by
# scripts that have the function die, and $work, a folder that goes at their end.
#
# shellcheck disable=SC2154 # work is the caller's

# quietly WHAT COMMAND...: runs it, shows what it said only if it fails
quietly()
{
	what=$1
	shift
	"$@" > "$work/log" 2>&1 || {
		tail -n 40 "$work/log" >&2
		die "$what"
	}
}

# Lines "URI RELEASE COMPONENT" of the Debian archives that the system uses.
debian_archives()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' 'Origin: Debian' | sort -u
}

# The same line for the backports of the release that runs.
backports_archive()
{
	backports_codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	backports_line=$(debian_archives | awk -v release="$backports_codename" \
		'$2 == release { print $1, release "-backports main"; exit }')
	[ -n "$backports_line" ] ||
		die "apt knows no Debian archive of $backports_codename; run apt-get update"
	echo "$backports_line"
}

# Lines "URI RELEASE COMPONENT" on stdin become sources of type $1.
as_sources()
{
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	signed_by=
	[ ! -e "$keyring" ] || signed_by="[signed-by=$keyring] "
	sed "s|^|$1 $signed_by|"
}

# private_apt_tool TOOL ARGUMENT...: apt-get or apt-cache with package lists of its
# own; $work/sources.list says where from
private_apt_tool()
{
	private_tool=$1
	shift
	mkdir -p "$work/lists/partial" "$work/parts"
	"$private_tool" -q -o Dir::Etc::sourcelist="$work/sources.list" \
		-o Dir::Etc::sourceparts="$work/parts" \
		-o Dir::State::lists="$work/lists" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o Acquire::Retries=3 -o APT::Sandbox::User=root \
		-o APT::Get::List-Cleanup=0 "$@"
}

private_apt()
{
	private_apt_tool apt-get "$@"
}
