#!/bin/sh
# SPDX-License-Identifier: MIT
# No shell script has what shellcheck warns of.
set -eu
. "${HGSHM_SOURCE:?run this by meson test}/tests/lint/files.sh"
need shellcheck

scripts=$(source_files | while read -r file; do
	case $file in
	*.sh) printf '%s\n' "$file" ;;
	*)
		case $(sed -n -e '1p' -e '2{/shellcheck shell=/p}' -e '3{/shellcheck shell=/p}' "$file" | tr -d '\0') in
		'#!/bin/sh'* | '#!/bin/bash'* | *'shellcheck shell='*) printf '%s\n' "$file" ;;
		esac
		;;
	esac
done)
[ "$scripts" ] || { echo "no shell script was found"; exit 1; }
# SC2100 takes a name with a minus for arithmetic.
# shellcheck disable=SC2086 # a list of words
shellcheck -x -S warning -e SC2100 $scripts
