#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Help, usage errors, and that help, manual page and completion know the same options."""
import os
import pathlib
import re
import subprocess
import unittest

from commanding import CommandTest, HGSHM

SOURCE = pathlib.Path(os.environ["HGSHM_SOURCE"])
COMPLETION = SOURCE / "completions/hgshm"
COMMANDS = ["info", "peers", "ring", "wait", "put", "cat", "ls", "rm", "doctor"]
COMMON = {"--help", "--usage", "--version"}


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z]+", text))


class Help(CommandTest):
    def help_options(self, command):
        """Of the list of options; the prose names those of other commands as well."""
        lines = self.succeed(command, "--help").splitlines()
        return options_in("\n".join(line[:30] for line in lines if re.match(r" {2,6}-", line)))

    def test_help(self):
        text = self.succeed("--help")
        self.assertEqual(re.findall(r"^  ([a-z]+) {2,}\S", text, re.MULTILINE)[:9], COMMANDS)
        self.assertEqual(self.succeed("help"), text)
        for command in COMMANDS:
            text = self.succeed(command, "--help")
            self.assertTrue(text.startswith(f"Usage: hgshm {command}"), text)
            self.assertIn("--json", text)
            self.assertLessEqual(max(map(len, text.splitlines())), 80)

    def test_version(self):
        text = self.succeed("--version")
        self.assertRegex(text, r"^hgshm \d+\.\d+\.\d+\n$")
        self.assertEqual(self.succeed("info", "--version"), text)

    def test_wrong_words(self):
        self.refuse("hgshm: inof: there is no such command; hgshm --help lists them", "inof",
                    status=2)
        status, out, err = self.run_command()
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, self.succeed("--help"))
        for words, wanted in (
                (("info", "--nonsense"), "unrecognized option '--nonsense'"),
                (("info", "a", "b"), "b: one PLACE at a time"),
                (("ring",), "whom? Give the index of a member, or all"),
                (("ring", "64"), "N=64: a number from 0 to 63 is wanted"),
                (("ring", "one"), "N=one: a number"),
                (("wait", "--timeout", "soon"), "--timeout=soon: seconds are wanted"),
                (("wait", "--count", "-1"), "--count=-1: a number"),
                (("wait", "--from", "x"), "--from=x: a number"),
                (("put", "--wait", ""), "--wait=: seconds are wanted"),
                (("cat", "--silence", "-1"), "--silence=-1: seconds"),
                (("put", "1", "a", "b"), "b: one PLACE at a time"),
                (("doctor", "--size", "big"), "--size=big: bytes are wanted"),
                (("doctor", "--host", "--guest"), "--host and --guest: one of them"),
                (("ls", "x"), "Too many arguments"),
                (("doctor", "x"), "Too many arguments")):
            status, out, err = self.run_command(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(wanted, err.splitlines()[0])
            self.assertIn(f"hgshm {words[0]}", err.splitlines()[0])

    def test_no_room_for_the_output(self):
        for words in (("--help",), ("ls",), ("info", self.found())):
            with open("/dev/full", "wb") as full:
                process = self.start(*words, stdout=full)
            self.assertEqual(process.wait(timeout=60), 1, words)

    def test_manual_page(self):
        page = (SOURCE / "man/hgshm.1").read_text(encoding="utf-8")
        page = re.sub(r"\\f[BIR]", "", page).replace("\\-", "-")
        synopsis = page[page.index(".SH SYNOPSIS"):page.index(".SH DESCRIPTION")]
        known = set()
        for command in COMMANDS:
            line = re.search(rf"^hgshm {command} .*$", synopsis, re.MULTILINE)
            self.assertIsNotNone(line, command)
            options = self.help_options(command)
            self.assertEqual(options_in(line[0]), options - COMMON, command)
            known |= options
        self.assertEqual(options_in(page), known)

    def test_manual_page_tells_the_json(self):
        """Each command's paragraph names each member of what it writes."""
        page = (SOURCE / "man/hgshm.1").read_text(encoding="utf-8")
        section = page[page.index(".SH JSON"):page.index(".SH EXIT STATUS")]
        mapper = self.start("wait", "--count", "0", self.found(clients=3))
        self.read_line(mapper.stderr)
        (self.top / "proc/net").mkdir(parents=True)
        (self.top / "proc/net/unix").touch()
        for command, *words in (("info", self.socket), ("peers", self.socket),
                                ("ring", "0", self.socket), ("ls",), ("doctor",),
                                ("rm", "--stale", "--sysroot", self.top)):
            out = self.run_command(command, "--json", *words)[1]
            paragraph = re.search(rf"^\.B {command}\n(.*?)(?=^\.|\Z)", section,
                                  re.MULTILINE | re.DOTALL)[1]
            for key in re.findall(r'"(\w+)":', out):
                self.assertRegex(paragraph, rf"\b{key}\b", command)
        self.stop(mapper)

    def test_completion_knows_the_options(self):
        script = f'. "{COMPLETION}"; for c in {" ".join(COMMANDS)}; do echo $c $(_hgshm_options $c)' \
                 "; done"
        out = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
        said = {line.split()[0]: set(line.split()[1:]) for line in out.stdout.splitlines()}
        self.assertEqual(said, {command: self.help_options(command) for command in COMMANDS})


class Completion(CommandTest):
    """By bash itself, without any package around it."""

    def complete(self, *words, **more):
        script = (f'. "{COMPLETION}"; complete -p hgshm >/dev/null || exit 9; '
                  'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hgshm; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        environment = {**os.environ,
                       "PATH": f"{pathlib.Path(HGSHM).parent}:{os.environ['PATH']}"}
        out = subprocess.run(["bash", "-u", "-c", script, "bash", "hgshm", *words], check=True,
                             env=environment, capture_output=True, text=True, **more)
        self.assertEqual(out.stderr, "")
        return [word for word in out.stdout.split("\n") if word]

    def test_commands(self):
        self.assertEqual(self.complete(""), [*COMMANDS, "--help", "--version"])
        self.assertEqual(self.complete("p"), ["peers", "put"])
        self.assertEqual(self.complete("zz"), [])

    def test_options(self):
        self.assertEqual(self.complete("peers", "--w"), ["--watch"])
        self.assertEqual(self.complete("cat", "--s"), ["--silence"])
        self.assertEqual(self.complete("wait", "--timeout", ""), [])
        (self.top / "folder").mkdir()
        (self.top / "file").touch()
        self.assertEqual(self.complete("ls", "--sysroot", "f", cwd=self.top), ["folder/"])

    def test_places(self):
        mapper = self.start("wait", "--count", "0", self.found())
        self.read_line(mapper.stderr)
        for command in ("info", "peers", "wait", "put", "cat"):
            self.assertEqual(self.complete(command, self.name[:-1]), [self.name])
            self.assertIn(str(self.socket), self.complete(command, str(self.socket)[:-3]))
        self.assertEqual(self.complete("ring", "al"), ["all"])
        self.assertEqual(self.complete("ring", "all", self.name[:-1]), [self.name])
        self.assertEqual(self.complete("rm", self.name[:-1]), [])
        self.stop(mapper)

    def test_leftovers(self):
        self.object.write_bytes(b"x")
        self.object.chmod(0o600)
        self.assertEqual(self.complete("rm", self.name[:-1]), [self.name])

    def test_names_with_spaces(self):
        (self.top / "a b").mkdir()
        self.assertEqual(self.complete("info", f"{self.top}/a"), [f"{self.top}/a\\ b/"])


if __name__ == "__main__":
    unittest.main()
