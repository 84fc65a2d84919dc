#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Version map, headers, shared object and manual pages name the same functions."""
import re
import unittest

from installing import SOURCE, InstalledTest


def mapped(text):
    versions = re.findall(r"^(\w[\w.]*) \{\nglobal:\n(.*?)(?:^local:.*?)?^\}", text,
                          re.MULTILINE | re.DOTALL)
    return {name for _, names in versions for name in re.findall(r"\w+", names)}


def declared(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return set(re.findall(r"^(?:[a-z][\w ]*[ *])(hgshm_\w+)\([^;{}]*\);", text, re.MULTILINE))


def described(text):
    return set(re.findall(r"^/\*\*\n \* (hgshm_\w+)\(\) - ", text, re.MULTILINE))


def silent_on_blocking(text):
    """Functions whose kernel-doc does not say whether they block."""
    comments = re.findall(r"^/\*\*\n \* (hgshm_\w+)\(\) - (.*?)\*/", text,
                          re.MULTILINE | re.DOTALL)
    return [name for name, words in comments
            if not re.search(r"\b[Bb]locks?\b|\b[Ww]aits?\b|@timeout_ns", re.sub(r"\s+\*\s+", " ",
                                                                             words))]


def differences(one, other):
    return sorted(one ^ other)


class Exports(InstalledTest):
    def setUp(self):
        super().setUp()
        self.map = (SOURCE / "lib/libhgshm.map").read_text(encoding="utf-8")
        self.headers = "".join(header.read_text(encoding="utf-8")
                               for header in self.installation.headers
                               if header.name in ("hgshm.h", "ring.h"))

    def test_headers(self):
        self.assertGreater(len(mapped(self.map)), 20)
        self.assertEqual(differences(mapped(self.map), declared(self.headers)), [])
        self.assertEqual(differences(declared(self.headers), described(self.headers)), [])

    def test_blocking(self):
        self.assertEqual(silent_on_blocking(self.headers), [])
        less = self.headers.replace("it is not armed. Does not block.", "it is not armed.")
        self.assertEqual(silent_on_blocking(less), ["hgshm_ring_disarm"])

    def test_no_other_header_declares_any(self):
        for header in self.installation.headers:
            if header.name not in ("hgshm.h", "ring.h"):
                self.assertEqual(declared(header.read_text(encoding="utf-8")), set(), header)

    def test_shared_object(self):
        out = self.succeed("nm", "--dynamic", "--defined-only", "--extern-only",
                           self.installation.library)
        symbols = {line.split()[2] for line in out.splitlines()}
        versions = {symbol for symbol in symbols if symbol.startswith("HGSHM_")}
        self.assertEqual(versions, set(re.findall(r"^(HGSHM_[\d.]+) \{", self.map, re.MULTILINE)))
        names = {symbol.split("@")[0] for symbol in symbols - versions}
        self.assertEqual(differences(names, mapped(self.map)), [])

    def test_pages(self):
        pages = {page.stem for page in (self.installation.man / "man3").iterdir()}
        self.assertEqual(differences(pages, mapped(self.map)), [])
        for name in mapped(self.map):
            page = self.installation.man / "man3" / f"{name}.3"
            text = page.read_text(encoding="utf-8")
            link = re.search(r"^\.so (.*)$", text, re.MULTILINE)
            if link:
                text = (self.installation.man / link[1]).read_text(encoding="utf-8")
            synopsis = re.search(r"^\.SH SYNOPSIS\n(.*?)^\.SH", text, re.MULTILINE | re.DOTALL)
            self.assertIn(f"{name}(", synopsis[1])

    def test_that_differences_are_seen(self):
        whole = mapped(self.map)
        self.assertEqual(differences(mapped(self.map.replace("\thgshm_wait;\n", "")), whole),
                         ["hgshm_wait"])
        more = self.headers.replace("int hgshm_fd(struct hgshm *h);",
                                    "int hgshm_fd(struct hgshm *h);\nvoid hgshm_new(void);")
        self.assertEqual(differences(declared(more), whole), ["hgshm_new"])
        fewer = self.headers.replace(" * hgshm_poke() - ", " * poke - ")
        self.assertEqual(differences(described(fewer), whole), ["hgshm_poke"])


if __name__ == "__main__":
    unittest.main()
