#!/bin/sh
# SPDX-License-Identifier: MIT
# Each file says its licence, and that licence's text is there.
set -eu
. "${HGSHM_SOURCE:?run this by meson test}/tests/lint/files.sh"

source_files | {
	status=0
	while read -r file; do
		case $file in
		LICENSES/* | .gitignore | .editorconfig | *.md | tests/fuzz/corpus/*) continue ;;
		esac
		licences=$(sed -n '1,6s/.*SPDX-License-Identifier: *//p' "$file" | tr -d '\0' | head -n 1)
		if [ ! "$licences" ]; then
			echo "$file: no SPDX-License-Identifier in its first lines"
			status=1
			continue
		fi
		for name in $(echo "$licences" | grep -Eo '(GPL-2.0-only|GPL-2.0-or-later|MIT|Linux-syscall-note)'); do
			[ -f "LICENSES/$name.txt" ] || [ -f "LICENSES/$name" ] || {
				echo "$file: there is no LICENSES/$name.txt"
				status=1
			}
		done
	done
	exit $status
}
