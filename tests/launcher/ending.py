#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""However a group ends, nothing of it is left: files, memory, processes."""
import os
import select
import signal
import time
import unittest

from launching import LaunchTest


class Ending(LaunchTest):
    def start_group(self, *options):
        """Starts two VMs and returns when both are up."""
        process = self.start("--shmid", self.shmid, "--clients", "2",
                             "--run", self.top / "script", *options)
        up = {process.stdout.readline().strip() for _ in range(2)}
        self.assertEqual(up, {"VM 0: up", "VM 1: up"})
        return process

    def pids(self):
        return [int(event.split()[2]) for event in self.events() if " pid " in event]

    def test_all_end_by_themselves(self):
        status, out, err = self.launch_group("--clients", "3")
        self.assertEqual((status, out, err), (0, "", ""))
        self.assert_nothing_left()

    def test_the_mapper_is_ready_before_the_others_start(self):
        self.play(0, "say=early", "alone", "ready", "barrier=all", "status=0")
        self.launch_group("--clients", "3")
        events = [event for event in self.events() if " passed" not in event]
        ready = events.index("0 ready")
        self.assertTrue(all(event.startswith("0 ") for event in events[:ready]), events)
        self.assertEqual({event[0] for event in events}, {"0", "1", "2"})

    def test_barriers_hold_all_and_keep_the_order(self):
        self.play(0, "ready", "say=a0", "barrier=one", "say=b0", "barrier=two", "status=0")
        self.play(1, "ready", "say=a1", "barrier=one", "barrier=two", "say=c1", "status=0")
        self.play(2, "ready", "barrier=one", "status=0")
        status, out, err = self.launch_group("--clients", "3")
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(set(lines[:2]), {"VM 0: a0", "VM 1: a1"})
        self.assertEqual(lines[2:], ["VM 0: b0", "VM 1: c1"])
        self.assertEqual(sum("passed" in event for event in self.events()), 5)

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for index in range(2):
                self.play(index, "ready", "say=up", "wait")
            process = self.start_group()
            process.send_signal(number)
            _, err = process.communicate(timeout=10)
            self.assertEqual((process.returncode, err), (128 + number, ""))
            self.assert_nothing_left()
            (self.top / "events").unlink()

    def test_a_signal_at_any_moment(self):
        for delay_ms in range(0, 80, 4):
            for index in range(2):
                self.play(index, "ready", "wait")
            process = self.start("--shmid", self.shmid, "--clients", "2",
                                 "--run", self.top / "script")
            time.sleep(delay_ms / 1000)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
            # before it catches signals it has made nothing, and just dies
            self.assertIn(process.returncode, (128 + signal.SIGINT, -signal.SIGINT))
            self.assertEqual(err, "")
            self.assert_nothing_left()
            (self.top / "events").unlink(missing_ok=True)

    def test_what_qemu_says_of_its_end_is_not_shown(self):
        self.play(1, "ready", "barrier=all", "wait-for-0", "error=warning:mapper-gone", "status=0")
        status, _, err = self.launch_group("--clients", "2", "--log-dir", self.top / "logs")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual((self.top / "logs/vm1.qemu").read_text(), "warning:mapper-gone\n")

    def test_one_that_ignores_being_asked_is_killed(self):
        for index in range(2):
            self.play(index, "ready", "deaf", "say=up", "wait")
        process = self.start_group()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assert_nothing_left()

    def test_a_killed_launcher_takes_its_vms_along(self):
        for index in range(2):
            self.play(index, "ready", "say=up", "wait")
        process = self.start_group("--dir", self.top / "meeting")
        watched = [os.pidfd_open(pid) for pid in self.pids()]
        process.kill()
        process.communicate(timeout=10)
        for fd in watched:
            # readable when the process has ended
            with os.fdopen(fd, closefd=True) as pidfd:
                self.assertEqual(len(select.select([pidfd], [], [], 20)[0]), 1)

    def test_kept_memory(self):
        status, _, _ = self.launch_group("--clients", "2", "--unlink", "0")
        self.assertEqual(status, 0)
        self.assertTrue(self.memory.exists())

    def test_logs_stay_where_they_were_asked_for(self):
        logs = self.top / "logs"
        self.play(1, "ready", "say=hello", "status=0")
        status, out, _ = self.launch_group("--clients", "2", "--log-dir", logs)
        self.assertEqual((status, out), (0, "VM 1: hello\n"))
        self.assertIn("hello\n", (logs / "vm1.out").read_text())
        self.assert_nothing_left()

    def test_one_vm_leaves_the_mappers_files_alone(self):
        meeting = self.top / "meeting"
        meeting.mkdir()
        (meeting / "hgshm.sock").write_text("")
        self.memory.write_text("")
        status, _, err = self.launch_group("--index", "1", "--dir", meeting)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue((meeting / "hgshm.sock").exists())
        self.assertTrue(self.memory.exists())


unittest.main()
