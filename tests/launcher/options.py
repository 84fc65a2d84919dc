#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Bad options: status 2, a line that names the option and its value, nothing started."""
import os
import shutil
import unittest

from launching import LAUNCH, LaunchTest


class Options(LaunchTest):
    def assert_refused(self, wanted, *options):
        status, out, err = self.launch(*options)
        self.assertEqual(status, 2, err)
        self.assertEqual(out, "")
        self.assertIn(wanted, err.splitlines()[0])
        self.assertEqual(self.events(), [])
        self.assert_nothing_left()

    def test_numbers(self):
        self.assert_refused("--clients=0: a number from 1 to 64", "--clients", "0")
        self.assert_refused("--clients=65:", "--clients", "65")
        self.assert_refused("--clients=four:", "--clients", "four")
        self.assert_refused("--clients=4x:", "--clients", "4x")
        self.assert_refused("--clients=-1:", "--clients=-1")
        self.assert_refused("--clients=:", "--clients=")
        self.assert_refused("--index=64:", "--index", "64")
        self.assert_refused("--unlink=2:", "--unlink", "2")
        self.assert_refused("--mtu=67:", "--mtu", "67")
        self.assert_refused("--timeout=x:", "--timeout", "x")
        self.assert_refused("--cpus=0:", "--cpus", "0")
        self.assert_refused("--guestmmap=2:", "--guestmmap", "1:2")

    def test_indices(self):
        self.assert_refused("--index=4: there is no such VM with --clients=4", "--index", "4")
        self.assert_refused("--memory=3:...: there is no VM 3 with --clients=3",
                            "--clients", "3", "--memory", "3:1g")
        self.assert_refused("--mapidx=4: a number from 0 to 3", "--mapidx", "4")

    def test_words(self):
        self.assert_refused("--accel=xen: it is auto, kvm or tcg", "--accel", "xen")
        self.assert_refused("--network=tap: it is star or none", "--network", "tap")
        self.assert_refused("--shmid=a/b:", "--shmid", "a/b")
        self.assert_refused("hda:", "hda")
        self.environment["HGSHM_ACCEL"] = "fast"
        self.assert_refused("HGSHM_ACCEL=fast: it is auto, kvm or tcg")

    def test_files(self):
        for option in ("--disk", "--run", "--kernel", "--initrd"):
            self.assert_refused(f"{option}=/no/file: No such file", option, "/no/file")
        self.assert_refused("--disk=/no/file: No such file", "--disk", "1:/no/file")

    def test_no_guest_image(self):
        # a copy of the program, which has no image near it
        self.program = shutil.copy(LAUNCH, self.top / "bin")
        self.environment["HGSHM_GUEST"] = ""
        status, _, err = self.launch("--kernel", "/dev/null")
        self.assertEqual(status, 1)
        self.assertIn("there is no guest image; run make", err)
        self.assertEqual(self.events(), [])
        self.assert_nothing_left()

    def test_a_directory_too_long_for_sockets(self):
        status, _, err = self.launch("--dir", "/tmp/" + "d" * 100)
        self.assertEqual(status, 1)
        self.assertIn("too long for the name of a socket", err)

    def test_a_directory_that_is_not_ours(self):
        ours = self.runtime / f"hgshm-{os.getuid()}"
        ours.mkdir()
        ours.chmod(0o777)
        status, _, err = self.launch("--index", "0")
        ours.rmdir()
        self.assertEqual(status, 1)
        self.assertIn("is not a directory that only you can write to", err)
        self.assertEqual(self.events(), [])


unittest.main()
