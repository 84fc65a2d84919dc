#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a shell gives to hgshm: files that are closed or do not block, a terminal."""
import os
import pty
import signal
import subprocess
import unittest

from commanding import BOUND_S, CommandTest


class Closed(CommandTest):
    """No socket or memory of its own takes the place of a standard file that is closed."""

    def test_output_of_cat(self):
        with open("/dev/zero", "rb") as zeroes:
            put = self.start("put", self.found(), stdin=zeroes)
        self.wait_for_socket(put)
        cat = self.start("cat", self.socket, stdout=None, preexec_fn=lambda: os.close(1))
        self.assertEqual(cat.wait(timeout=BOUND_S), 1)
        self.assertEqual(cat.stderr.read(),
                         b"hgshm cat: standard output: Bad file descriptor\n")
        self.assertEqual(self.end(put)[0], 1)

    def test_input_of_put(self):
        cat = self.start("cat", self.found())
        self.wait_for_socket(cat)
        put = self.start("put", self.socket, preexec_fn=lambda: os.close(0))
        self.assertEqual(self.end(put),
                         (1, "", "hgshm put: standard input: Bad file descriptor\n"))
        self.assertEqual(self.end(cat), (1, "", "hgshm cat: member 1 gave up after 0 bytes: it "
                                                "could not read its input\n"))

    def test_output_of_wait(self):
        """Written while it is in the group, so that descriptors of its own are open."""
        wait = self.start("wait", self.found(), stdout=None, preexec_fn=lambda: os.close(1))
        self.read_line(wait.stderr)
        self.succeed("ring", "0", self.socket)
        self.assertEqual(wait.wait(timeout=BOUND_S), 1)
        self.assertEqual(wait.stderr.read(),
                         b"hgshm wait: standard output: Bad file descriptor\n")

    def test_errors(self):
        status = self.start("info", "nothing", preexec_fn=lambda: os.close(2)).wait(BOUND_S)
        self.assertEqual(status, 1)


class NotBlocking(CommandTest):
    def test_output_of_cat(self):
        """A pipe that is full is waited for."""
        count = 3_000_000
        taken, given = os.pipe()
        os.set_blocking(given, False)
        path = self.top / "zeroes"
        path.write_bytes(bytes(count))
        with open(path, "rb") as zeroes:
            put = self.start("put", self.found(), stdin=zeroes)
        self.wait_for_socket(put)
        cat = self.start("cat", self.socket, stdout=given)
        os.close(given)
        with open(taken, "rb") as pipe:
            self.assertEqual(len(pipe.read()), count)
        self.assertEqual(self.end_quietly(cat), 0)
        self.assertEqual(self.end(put), (0, "", ""))

    def test_input_of_put(self):
        """Nothing there yet is not the end."""
        taken, given = os.pipe()
        os.set_blocking(taken, False)
        put = self.start("put", self.found(), stdin=taken)
        os.close(taken)
        self.wait_for_socket(put)
        cat = self.start("cat", self.socket)
        with open(given, "wb", buffering=0) as pipe:
            for word in (b"one\n", b"two\n"):
                pipe.write(word)
                self.assertEqual(self.read_line(cat.stdout), word.decode().strip())
        self.assertEqual(self.end(put), (0, "", ""))
        self.assertEqual(self.end(cat), (0, "", ""))

    def end_quietly(self, process):
        status = process.wait(timeout=BOUND_S)
        self.assertEqual(process.stderr.read(), b"")
        return status


class Waiting(CommandTest):
    def test_for_the_group(self):
        """A reader that starts before the writer founds the group that it is to join."""
        cat = self.start("cat", "--wait", BOUND_S, self.socket)
        with self.assertRaises(subprocess.TimeoutExpired):
            cat.wait(timeout=0.5)
        self.assertEqual(self.run_command("put", "--wait", BOUND_S, self.found()), (0, "", ""))
        self.assertEqual(self.end(cat), (0, "", ""))

    def test_for_a_group_that_does_not_come(self):
        self.refuse("there is no such socket", "cat", "--wait", "0.3", self.socket)
        self.refuse("no group of this host", "put", "--wait", "0", "nothing")

    def test_until_it_is_stopped(self):
        cat = self.start("cat", "--wait", BOUND_S, self.socket)
        with self.assertRaises(subprocess.TimeoutExpired):
            cat.wait(timeout=0.5)
        # the signal itself if that came before it was ready for one
        self.assertIn(self.stop(cat), [(128 + signal.SIGTERM, "", ""), (-signal.SIGTERM, "", "")])


class Terminal(CommandTest):
    def test_who_it_is(self):
        """The mapper chooses the index, and a person has to know it for the other side."""
        mapper = self.start("wait", "--count", "0", self.found(clients=4))
        self.read_line(mapper.stderr)
        for command, other in (("put", "cat"), ("cat", "put")):
            screen, terminal = pty.openpty()
            process = self.start(command, "--wait", "0", "0", self.socket)
            self.assertNotIn("this is member", self.end(process)[2])
            process = self.start(command, "--wait", "0", "0", self.socket, stderr=terminal)
            os.close(terminal)
            with open(screen, "rb", buffering=0) as lines:
                self.assertEqual(self.read_line(lines).rstrip("\r"), f"hgshm {command}: this is "
                                 f"member 1; member 0 is to run: hgshm {other} 1")
                self.assertEqual(process.wait(timeout=BOUND_S), 1)
        self.stop(mapper)


if __name__ == "__main__":
    unittest.main()
