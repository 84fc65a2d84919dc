# SPDX-License-Identifier: MIT
"""What the tests of the command share: a folder, a name of their own, and runs of it."""
import json
import os
import pathlib
import selectors
import shutil
import signal
import subprocess
import tempfile
import unittest

HGSHM = os.environ["HGSHM_COMMAND"]
BOUND_S = 60


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hgshm-command-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.name = f"hgshm-test-{self.top.name}"
        self.object = pathlib.Path("/dev/shm") / self.name
        self.addCleanup(self.object.unlink, missing_ok=True)
        self.socket = self.top / "group.sock"
        self.processes = []

    def found(self, **parameters):
        """The URI of a group that the test's own process founds."""
        parameters = {"shmid": self.name, "size": "1m", **parameters}
        words = "&".join(f"{name.replace('_', '-')}={value}" for name, value in parameters.items())
        return f"found:{self.socket}?{words}"

    def start(self, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
              stderr=subprocess.PIPE, **more):
        process = subprocess.Popen([HGSHM, *map(str, words)], stdin=stdin, stdout=stdout,
                                   stderr=stderr, **more)
        self.processes.append(process)
        self.addCleanup(self.reap, process)
        return process

    @staticmethod
    def reap(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def run_as_nobody(self, *words, **more):
        """Only where this user is root; its output. The test's own folder is private, and the
        build's may be."""
        program = shutil.copy(HGSHM, self.top / "hgshm")
        self.top.chmod(0o755)
        done = subprocess.run([program, *map(str, words)], check=True, capture_output=True,
                              text=True, user=65534, group=65534, extra_groups=[],
                              timeout=BOUND_S, **more)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def end(self, process):
        out, err = process.communicate(timeout=BOUND_S)
        return process.returncode, out.decode(), err.decode()

    def run_command(self, *words, **more):
        return self.end(self.start(*words, **more))

    def succeed(self, *words, **more):
        status, out, err = self.run_command(*words, **more)
        self.assertEqual(status, 0, f"{words}: {err}")
        self.assertEqual(err, "")
        return out

    def succeed_json(self, *words, **more):
        out = self.succeed(*words, "--json", **more)
        self.assertEqual(out.count("\n"), 1, out)
        return json.loads(out)

    def refuse(self, wanted, *words, status=1, **more):
        """It fails, with one line that has the wanted words; a usage error has two."""
        got, out, err = self.run_command(*words, **more)
        self.assertEqual(got, status, err)
        self.assertEqual(out, "")
        lines = err.splitlines()
        self.assertIn(wanted, lines[0])
        self.assertTrue(lines[0].startswith("hgshm"), lines[0])
        self.assertEqual(len(lines), 1 if status != 2 or " " not in lines[0].split(":")[0] else 2,
                         err)
        return err

    def read_line(self, pipe):
        """A line from a process that goes on; fails when none comes in time."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            line = b""
            while not line.endswith(b"\n"):
                self.assertTrue(selector.select(BOUND_S), f"no line, only {line!r}")
                byte = os.read(pipe.fileno(), 1)
                self.assertTrue(byte, f"it ended after {line!r}")
                line += byte
        return line.decode().rstrip("\n")

    def stop(self, process, signo=signal.SIGTERM):
        process.send_signal(signo)
        return self.end(process)

    def wait_for_socket(self, process):
        """The mapper is there once others are let in."""
        while True:
            self.assertIsNone(process.poll(), "the mapper ended")
            status, out, err = self.run_command("info", self.socket, "--json")
            if status == 0:
                return json.loads(out)
            self.assertRegex(err, "there is no such socket|no mapper listens there")
