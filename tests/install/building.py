#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs of others build against what is installed, and run."""
import json
import os
import re
import unittest

from installing import SOURCE, InstalledTest, run

PROGRAM = """
#include <hgshm/hgshm.h>
#include <hgshm/ring.h>
#include <stdio.h>

int main(void)
{
	struct hgshm *h;
	struct hgshm_info info;
	struct hgshm_ring_info ring_info;

	if (hgshm_open(&h, "found:group.sock?size=1m&clients=3", NULL))
		return 1;
	if (hgshm_get_info(h, &info) || hgshm_ring_get_info(NULL, &ring_info) == 0)
		return 1;
	printf("%u of %u by %s\\n", info.index, info.clients, hgshm_version());
	hgshm_close(h);
	return 0;
}
"""

COMPILERS = [("gcc", "c", "c11"), ("clang", "c", "c11"), ("g++", "cc", "c++17"),
             ("clang++", "cc", "c++17")]


class Building(InstalledTest):
    def version(self):
        return self.installation.pkg_config("--modversion")[0]

    def test_each_header_alone(self):
        names = [header.name for header in self.installation.headers]
        self.assertEqual(names, sorted(
            path.name for folder in ("include/hgshm", "lib/include/hgshm")
            for path in (SOURCE / folder).glob("*.h")))
        for compiler, suffix, standard in COMPILERS:
            for name in names:
                source = self.top / f"alone.{suffix}"
                source.write_text(f"#include <hgshm/{name}>\n#include <hgshm/{name}>\n"
                                  "extern int not_empty;\n")
                self.succeed(compiler, f"-std={standard}", "-Wall", "-Wextra", "-pedantic",
                             "-Werror", *self.installation.pkg_config("--cflags"),
                             "-fsyntax-only", source)

    def test_programs(self):
        for compiler, suffix, standard in COMPILERS:
            for static in (False, True):
                with self.subTest(compiler=compiler, static=static):
                    source = self.top / f"program.{suffix}"
                    source.write_text(PROGRAM)
                    program = self.compile(compiler, source, f"-std={standard}", static=static)
                    needed = run("readelf", "-d", program).stdout
                    self.assertEqual("libhgshm.so.0" in needed, not static)
                    self.assertEqual(self.run_program(program), f"0 of 3 by {self.version()}\n")

    def test_names_of_the_library(self):
        library = self.installation.library
        dynamic = self.succeed("readelf", "-d", "--wide", library)
        self.assertIn("soname: [libhgshm.so.0]", dynamic)
        needed = re.findall(r"Shared library: \[([^]]+)\]", dynamic)
        # the dynamic loader is a part of libc
        self.assertEqual([name for name in needed if not name.startswith("ld-linux")],
                         ["libc.so.6"])
        self.assertEqual(library.readlink().name, "libhgshm.so.0")
        self.assertEqual((library.parent / "libhgshm.so.0").readlink().name,
                         f"libhgshm.so.{self.version()}")
        self.assertTrue((library.parent / "libhgshm.a").is_file())

    def test_static_names(self):
        """Who links the archive into a program gets no name that is not ours."""
        out = self.succeed("nm", "--extern-only", "--defined-only", "--format=posix",
                           self.installation.library.parent / "libhgshm.a")
        names = {line.split()[0] for line in out.splitlines() if len(line.split()) > 1}
        self.assertIn("hgshm_open", names)
        self.assertEqual({name for name in names if not name.startswith("hgshm_")}, set())

    def test_pkg_config(self):
        text = self.installation.pkg_config_file.read_text(encoding="utf-8")
        self.assertNotIn(str(SOURCE), text)
        self.assertNotIn("-pthread", self.installation.pkg_config("--libs"))
        self.assertEqual(self.version(), run("meson", "introspect", "--projectinfo",
                                             SOURCE / "meson.build").stdout.split('"version": "')[1]
                         .split('"')[0])

    def test_quick_start(self):
        """The program of README.md, as it stands there."""
        text = (SOURCE / "README.md").read_text(encoding="utf-8")
        blocks = re.findall(r"(?:^(?:    .*|)\n)+", text, re.MULTILINE)
        code = [block for block in blocks if "int main" in block]
        self.assertEqual(len(code), 1)
        lines = [line[4:] for line in code[0].strip("\n").split("\n")]
        lines = lines[:lines.index("}") + 1]
        body = lines[lines.index("{") + 1:lines.index("}")]
        self.assertLessEqual(len([line for line in body if line]), 10)
        source = self.top / "quick.c"
        source.write_text("\n".join(lines) + "\n")
        for compiler in ("gcc", "clang"):
            program = self.compile(compiler, source, "-std=c11")
            self.assertEqual(self.run_program(program), "slice 0 has 33554432 bytes: hello\n")

    def test_qemu_with_the_plugin(self):
        """The command finds hgshm-qemu beside itself, and that the plug-in."""
        if not list(self.installation.top.rglob("hgshm.so")):
            self.skipTest("this build has no plug-in")
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("HGSHM_")}
        done = run(self.installation.program, "doctor", "--host", "--json", env=environment)
        check = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "qemu"]
        self.assertEqual(check[0]["result"], "ok", check)

    def test_command_is_there(self):
        self.assertEqual(self.succeed(self.installation.program, "--version"),
                         f"hgshm {self.version()}\n")
        completion = next(self.installation.top.rglob("bash-completion/completions/hgshm"))
        self.assertEqual(completion.read_bytes(), (SOURCE / "completions/hgshm").read_bytes())


if __name__ == "__main__":
    unittest.main()
