#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The manual pages that are installed: they format, lead where they say, and their examples run."""
import re
import unittest

from installing import InstalledTest, run

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE", "ERRORS", "EXAMPLE", "SEE ALSO"]


def plain(text):
    """What a formatter would print of the lines of an example."""
    text = re.sub(r"^\\&", "", text, flags=re.MULTILINE)
    return text.replace("\\-", "-").replace("\\e", "\\")


class Pages(InstalledTest):
    def pages(self, section):
        return sorted((self.installation.man / f"man{section}").iterdir())

    def test_format(self):
        for section in (1, 3, 4, 7):
            self.assertTrue(self.pages(section), section)
            for page in self.pages(section):
                done = run("groff", "-man", "-ww", "-z", "-Tutf8", page,
                           cwd=self.installation.man)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), page)

    def test_sections(self):
        for page in self.pages(3):
            text = page.read_text(encoding="utf-8")
            link = re.search(r"^\.so (man3/.*)$", text, re.MULTILINE)
            if link:
                target = (self.installation.man / link[1]).read_text(encoding="utf-8")
                self.assertRegex(target, rf"\.SH NAME\n.*\b{page.stem}\b.* \\- ")
            else:
                self.assertEqual(re.findall(r"^\.SH (.*)$", text, re.MULTILINE), SECTIONS, page)
            # kernel-doc's own marks have become fonts
            body = re.sub(r"\.EX.*?\.EE|\.SH SYNOPSIS.*?\.SH", "", text, flags=re.DOTALL)
            mark = re.search(r"[@%&](hgshm|HGSHM)_?\w+|``|\*\w|[^\W_]\*|&struct", body)
            self.assertIsNone(mark, f"{page}: {mark}")

    def test_references(self):
        there = {f"{page.stem}({section})" for section in (1, 3, 4, 7)
                 for page in self.pages(section)}
        for section in (1, 3, 7):
            for page in self.pages(section):
                text = re.sub(r"\\f[BIRP]", "", page.read_text(encoding="utf-8"))
                text = re.sub(r"^\.BR (\S+) (\(\d\))", r"\1\2", text, flags=re.MULTILINE)
                for name in re.findall(r"\b(?:lib)?hgshm\w*\(\d\)", text):
                    self.assertIn(name, there, page)

    def test_examples(self):
        count = 0
        for page in [*self.pages(3), self.installation.man / "man7/libhgshm.7"]:
            text = page.read_text(encoding="utf-8")
            example = re.search(r"^\.SH EXAMPLE\n(.*?)^\.SH", text, re.MULTILINE | re.DOTALL)
            if not example:
                self.assertIn(".so man3/", text)
                continue
            code, prints = re.findall(r"^\.EX\n(.*?)^\.EE", example[1], re.MULTILINE | re.DOTALL)
            source = self.top / "example.c"
            source.write_text(plain(code))
            for compiler in ("gcc", "clang"):
                with self.subTest(page=page.name, compiler=compiler):
                    program = self.compile(compiler, source, "-std=c11")
                    self.assertEqual(self.run_program(program), plain(prints))
            count += 1
        self.assertGreaterEqual(count, 18)


if __name__ == "__main__":
    unittest.main()
