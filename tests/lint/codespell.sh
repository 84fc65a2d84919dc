#!/bin/sh
# SPDX-License-Identifier: MIT
# codespell knows no word of ours as misspelt.
set -eu
. "${HGSHM_SOURCE:?run this by meson test}/tests/lint/files.sh"
need codespell

source_files | grep -v -e '^LICENSES/' -e '^tests/fuzz/corpus/.*/' | tr '\n' '\0' |
	xargs -0 codespell --quiet-level 3 --ignore-words-list filp,hda,iput,nd
