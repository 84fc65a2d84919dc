#!/bin/sh
# SPDX-License-Identifier: MIT
# clang accepts what gcc compiles, with warnings as errors. The plug-in's own
# files are compiled with QEMU's headers, which are not ours to mend, as system
# headers.
set -eu
. "${HGSHM_SOURCE:?run this by meson test}/tests/lint/files.sh"
need clang
need python3

python3 - "${HGSHM_BUILD:?}/compile_commands.json" <<'END'
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

GCC_ONLY = {"-Wno-format-truncation", "-Wno-stringop-overflow"}


def check(command):
    words = shlex.split(command["command"])
    compiler = "clang++" if words[0].endswith("+") else "clang"
    keep = []
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MQ"):
            skip = True
        elif word not in ("-c", "-MD") and word not in GCC_ONLY:
            keep.append(word)
    done = subprocess.run([compiler, "-fsyntax-only", *keep], cwd=command["directory"],
                          capture_output=True, text=True)
    return f"{command['file']}\n{done.stderr}" if done.returncode else ""


with open(sys.argv[1], encoding="utf-8") as file:
    commands = json.load(file)
if not commands:
    sys.exit("compile_commands.json names no file")
with ThreadPoolExecutor(os.cpu_count()) as pool:
    problems = [problem for problem in pool.map(check, commands) if problem]
print("\n".join(problems), end="")
sys.exit(1 if problems else 0)
END
