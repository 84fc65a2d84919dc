#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A VM that fails stops its group, with status 1 and a line that says which and why."""
import unittest

from launching import LaunchTest


class Failing(LaunchTest):
    def assert_group_fails(self, wanted, *options):
        self.play(0, "ready", "wait")
        status, out, err = self.launch_group("--clients", "3", *options)
        self.assertEqual(status, 1, err)
        self.assertIn(f"hgshm-launch: {wanted}", err)
        self.assertIn("logs are kept in ", err)
        for log in self.runtime.rglob("*.*"):
            self.assertRegex(log.name, r"^vm\d\.(out|qemu|log|dmesg|result)$|^hgshm\.")
            if log.is_file():
                log.unlink()
        for directory in self.runtime.iterdir():
            directory.rmdir()
        self.assert_nothing_left()
        return out, err

    def test_a_script_that_fails(self):
        self.play(2, "ready", "status=7")
        self.assert_group_fails("VM 2 failed: its script ended with status 7")

    def test_a_guest_that_stops_early(self):
        self.play(1, "ready")
        self.assert_group_fails("VM 1 failed: it stopped before its script had ended")

    def test_a_qemu_that_fails(self):
        self.play(1, "error=hgshm:bad-size", "exit=3")
        _, err = self.assert_group_fails("VM 1 failed: its QEMU ended with status 3")
        self.assertIn("VM 1: hgshm:bad-size\n", err)

    def test_a_qemu_that_is_killed(self):
        self.play(2, "ready", "die")
        self.assert_group_fails("VM 2 failed: its QEMU was killed by signal 9 (Killed)")

    def test_a_guest_that_talks_nonsense(self):
        self.play(2, "ready", "garbage", "wait")
        self.assert_group_fails("VM 2 failed: its guest sent a message that is none")

    def test_time_is_up(self):
        self.assert_group_fails("not ended after 1 s (--timeout); stopping", "--timeout", "1")

    def test_a_mapper_that_fails_at_once(self):
        self.play(0, "error=no-memory", "exit=1")
        status, _, err = self.launch_group("--clients", "3")
        self.assertEqual(status, 1)
        self.assertIn("VM 0: no-memory\n", err)
        self.assertEqual({event[0] for event in self.events()}, {"0"})

    def test_a_mapper_that_ends_before_there_is_a_group(self):
        self.play(0, "status=0")
        status, _, err = self.launch_group("--clients", "2")
        self.assertEqual(status, 1)
        self.assertIn("VM 0 ended before the others were started", err)

    def test_a_qemu_that_is_not_there(self):
        status, _, err = self.launch_group("--qemu", "/no/qemu")
        self.assertEqual(status, 1)
        self.assertIn("VM 0: can't run /no/qemu: No such file or directory; "
                      "choose a QEMU by --qemu\n", err)


unittest.main()
