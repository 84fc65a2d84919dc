#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make install and make uninstall, staged: the list of what is there, and that all of it goes."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from installing import BUILD, SOURCE, run

GUEST = BUILD.parent / "guest"


@unittest.skipUnless((GUEST / "initrd.img").is_file(), "this build has no guest image to install")
class Staging(unittest.TestCase):
    def setUp(self):
        self.stage = pathlib.Path(tempfile.mkdtemp(prefix="hgshm install "))
        self.addCleanup(shutil.rmtree, self.stage)
        options = json.loads(run("meson", "introspect", "--buildoptions", BUILD).stdout)
        self.prefix = next(option["value"] for option in options if option["name"] == "prefix")
        self.root = self.stage / self.prefix.lstrip("/")

    def install(self):
        done = run(SOURCE / "scripts/install", BUILD.parent, self.prefix, self.stage,
                   preexec_fn=lambda: os.umask(0o077))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, f"install: installed below {self.stage}{self.prefix}\n")

    def uninstall(self):
        return run(SOURCE / "scripts/uninstall", self.prefix, self.stage)

    def files(self):
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*")
                      if path.is_symlink() or path.is_file())

    def test_all_that_comes_goes(self):
        self.install()
        listed = (self.root / "share/hgshm/installed").read_text(encoding="utf-8").splitlines()
        self.assertEqual(sorted([*listed, "share/hgshm/installed"]), self.files())
        self.assertIn("bin/hgshm", listed)
        self.assertIn("share/hgshm/guest/initrd.img", listed)
        done = self.uninstall()
        self.assertEqual((done.returncode, done.stderr),
                         (0, f"uninstall: removed from {self.stage}{self.prefix}\n"))
        self.assertEqual(self.files(), [])
        self.assertEqual([path for path in self.root.rglob("*") if "hgshm" in path.name], [])
        done = self.uninstall()
        self.assertEqual(done.returncode, 1)
        self.assertIn("share/hgshm/installed is missing", done.stderr)

    def test_what_is_not_ours_stays(self):
        self.install()
        others = ["bin/other", "include/hgshm/mine.h", "share/man/man3/other.3"]
        for name in others:
            (self.root / name).touch()
        self.assertEqual(self.uninstall().returncode, 0)
        self.assertEqual(self.files(), others)

    def test_for_all_users(self):
        """Whatever the umask of who installs."""
        self.install()
        for path in self.root.rglob("*"):
            mode = path.stat().st_mode
            self.assertEqual(mode & 0o044, 0o044, path)
            if path.is_dir() or path.parent.name == "bin":
                self.assertEqual(mode & 0o011, 0o011, path)


if __name__ == "__main__":
    unittest.main()
