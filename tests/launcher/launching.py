# SPDX-License-Identifier: MIT
"""What the tests of hgshm-launch share: a directory, a QEMU that is a script, a run.

The script in QEMU's place leaves behind what a killed QEMU would: its sockets and,
for VM 0, the shared memory. What each one does stands in the directory, in
play-INDEX (see fake-qemu); it notes in the file events what happened.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

LAUNCH = os.environ["HGSHM_LAUNCH"]
FAKE_QEMU = pathlib.Path(__file__).with_name("fake-qemu")


class LaunchTest(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hgshm-launch-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.program = LAUNCH
        for name in ("vmlinuz", "initrd.img", "script"):
            (self.top / name).write_text(name)
        self.shmid = f"hgshm-test-{self.top.name}"
        self.memory = pathlib.Path("/dev/shm") / self.shmid
        self.addCleanup(self.memory.unlink, missing_ok=True)
        self.runtime = self.top / "runtime"
        self.runtime.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(self.runtime),
            "HGSHM_GUEST": str(self.top),
            "HGSHM_QEMU": str(FAKE_QEMU),
            "HGSHM_ACCEL": "tcg",
            "FAKE_QEMU_DIR": str(self.top),
        }

    def play(self, index, *steps):
        (self.top / f"play-{index}").write_text(" ".join(steps))

    def start(self, *options):
        process = subprocess.Popen(
            [self.program, *map(str, options)], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True)
        self.addCleanup(self.reap, process)
        return process

    @staticmethod
    def reap(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate()
        process.stdout.close()
        process.stderr.close()

    def launch(self, *options):
        process = self.start(*options)
        out, err = process.communicate(timeout=40)
        return process.returncode, out, err

    def launch_group(self, *options):
        return self.launch("--shmid", self.shmid, "--run", self.top / "script", *options)

    def events(self):
        file = self.top / "events"
        return file.read_text().splitlines() if file.exists() else []

    def assert_nothing_left(self):
        self.assertFalse(self.memory.exists(), "the shared memory is left")
        self.assertEqual([str(path) for path in self.runtime.rglob("*")], [])
        for pid in (event.split()[2] for event in self.events() if " pid " in event):
            self.assertFalse(os.path.exists(f"/proc/{pid}"), f"process {pid} is left")
