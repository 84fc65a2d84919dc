# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Sourced by the tests of this suite. Gives:
#   need PROGRAM   skips the test where the program is not installed
#   source_files   names the files of the source tree, one a line

cd "${HGSHM_SOURCE:?run this by meson test}" || exit 1

need() {
	command -v "$1" >/dev/null || {
		echo "SKIP: $1 is not installed"
		exit 77
	}
}

# by git where there is a checkout, since that leaves out what nobody will get
source_files() {
	if [ -e .git ] && command -v git >/dev/null; then
		git ls-files --cached | while read -r source_file; do
			[ ! -f "$source_file" ] || printf '%s\n' "$source_file"
		done
	else
		find . -name build -prune -o -type f -print | sed 's|^\./||'
	fi
}
