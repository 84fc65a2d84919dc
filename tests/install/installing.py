# SPDX-License-Identifier: MIT
"""An installation of this build below a folder of the test's own, as a package has it."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["HGSHM_SOURCE"])
BUILD = pathlib.Path(os.environ["HGSHM_BUILD"])
BOUND_S = 120


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=BOUND_S, check=False, **more)


class Installation:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hgshm-install-"))
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.top)
        if done.returncode:
            self.remove()
            raise RuntimeError(f"meson install: {done.stdout}{done.stderr}")
        self.pkg_config_file = next(self.top.rglob("libhgshm.pc"))
        self.library = next(self.top.rglob("libhgshm.so"))
        self.headers = sorted(self.top.rglob("include/hgshm/*.h"))
        self.man = next(self.top.rglob("man3")).parent
        self.program = next(path for path in self.top.rglob("bin/hgshm"))

    def remove(self):
        shutil.rmtree(self.top)

    def pkg_config(self, *options):
        environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(self.pkg_config_file.parent),
                       "PKG_CONFIG_SYSROOT_DIR": str(self.top)}
        done = run("pkg-config", *options, "libhgshm", env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.split()


class InstalledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installation = Installation()
        cls.addClassCleanup(cls.installation.remove)

    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hgshm-build-"))
        self.addCleanup(shutil.rmtree, self.top)

    def succeed(self, *words, **more):
        done = run(*words, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), f"{words}: {done.stdout}")
        return done.stdout

    def compile(self, compiler, source, *options, static=False):
        """A program by what pkg-config says and nothing else."""
        program = self.top / "program"
        libraries = ["-static", *self.installation.pkg_config("--libs", "--static")] if static \
            else self.installation.pkg_config("--libs")
        self.succeed(compiler, *options, "-Wall", "-Wextra", "-pedantic", "-Werror",
                     *self.installation.pkg_config("--cflags"), source, "-o", program, *libraries)
        return program

    def run_program(self, program):
        """In a folder of its own, and it leaves nothing behind."""
        folder = self.top / "run"
        folder.mkdir(exist_ok=True)
        before = set(os.listdir("/dev/shm"))
        out = self.succeed(program, cwd=folder, env={
            **os.environ, "LD_LIBRARY_PATH": str(self.installation.library.parent)})
        self.assertEqual(os.listdir(folder), [])
        left = [name for name in set(os.listdir("/dev/shm")) - before
                if re.match(r"hgshm-[0-9a-f]{8}-", name) and not self.is_held(name)]
        self.assertEqual(left, [])
        return out

    @staticmethod
    def is_held(name):
        """By a program of another test that runs at the same time."""
        return run("flock", "--nonblock", "--shared", f"/dev/shm/{name}", "true").returncode != 0
