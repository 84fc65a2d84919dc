#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""hgshm doctor: on made-up machines, each with one thing amiss, and with programs for QEMU."""
import json
import os
import re
import resource
import shutil
import subprocess
import unittest

from commanding import CommandTest


HUGE_PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB"


def without_room(text):
    """How much room there is changes between two looks."""
    return re.sub(r"[0-9.e+]+ [KMGTP]?i?B free", "some free", text)


class Machine(CommandTest):
    def setUp(self):
        super().setUp()
        self.root = self.top / "root"
        self.write("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx sse\n")
        self.write("proc/net/unix", "Num\n")
        self.write("proc/locks", "")
        self.write("dev/kvm", "")
        self.huge_pages(64, 64)
        (self.root / "dev/shm").mkdir(mode=0o777)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def huge_pages(self, all_pages, free, promised=0):
        for name, count in (("nr", all_pages), ("free", free), ("resv", promised)):
            self.write(f"{HUGE_PAGES}/{name}_hugepages", f"{count}\n")

    def examine(self, *words, status=0):
        got, out, err = self.run_command("doctor", "--sysroot", self.root, *words)
        self.assertEqual((got, err), (status, ""), out)
        said = self.run_command("doctor", "--sysroot", self.root, "--json", *words)
        self.assertEqual(said[0], status)
        said = json.loads(said[1])
        self.checks = {check["name"]: check for check in said["checks"]}
        for check in said["checks"]:
            self.assertIn(without_room(check["found"]), without_room(out))
            self.assertEqual(check["mend"] is None, check["result"] == "ok", check)
        self.assertEqual(said["problems"],
                         sum(check["result"] == "problem" for check in said["checks"]))
        self.assertEqual(status, 1 if said["problems"] else 0)
        return said["side"], {check["name"]: check["result"] for check in said["checks"]}

    def problem(self, name, mend, *words):
        results = self.examine(*words, status=1)[1]
        self.assertEqual([key for key, value in results.items() if value == "problem"], [name])
        self.assertIn(mend, self.checks[name]["mend"])


class Host(Machine):
    def test_all_well(self):
        side, results = self.examine()
        self.assertEqual(side, "host")
        del results["memlock"]
        self.assertEqual(results, {"cpu": "ok", "kvm": "ok", "shm": "ok", "huge pages": "ok",
                                   "leftovers": "ok"})

    def test_no_virtualization(self):
        self.write("proc/cpuinfo", "flags : fpu svml novmx\nbugs : svm vmx\n")
        self.problem("cpu", "firmware")
        self.write("proc/cpuinfo", "flags : fpu svm\n")
        self.examine()

    def test_no_kvm(self):
        (self.root / "dev/kvm").unlink()
        self.problem("kvm", "modprobe kvm_intel")

    def test_no_right_to_kvm(self):
        (self.root / "dev/kvm").chmod(0)
        words = ("doctor", "--sysroot", self.root)
        if os.geteuid():
            status, out, _ = self.run_command(*words)
        else:
            with self.assertRaises(subprocess.CalledProcessError) as caught:
                self.run_as_nobody(*words)
            status, out = caught.exception.returncode, caught.exception.stdout
        self.assertEqual(status, 1)
        self.assertRegex(out, "(?m)^problem  kvm +/dev/kvm: Permission denied\n"
                              " +mend: add the user to its group: adduser USER kvm")

    def test_no_shm(self):
        (self.root / "dev/shm").rmdir()
        self.problem("shm", "mount -t tmpfs")

    def test_little_shm(self):
        self.problem("shm", "remount,size=", "--size", "512t")
        self.assertIn("512 TiB is wanted", self.checks["shm"]["found"])

    def test_huge_pages(self):
        self.huge_pages(all_pages=10, free=3)
        self.assertEqual(self.examine()[1]["huge pages"], "advice")
        self.assertIn("vm.nr_hugepages=39,", self.checks["huge pages"]["mend"])
        self.assertEqual(self.examine("--size", "6m")[1]["huge pages"], "ok")
        self.huge_pages(all_pages=10, free=3, promised=1)
        self.assertEqual(self.examine("--size", "6m")[1]["huge pages"], "advice")
        self.assertIn("2 of 2 MiB are free", self.checks["huge pages"]["found"])
        self.assertIn("vm.nr_hugepages=11,", self.checks["huge pages"]["mend"])
        shutil.rmtree(self.root / HUGE_PAGES)
        self.assertEqual(self.examine()[1]["huge pages"], "advice")

    def test_memlock(self):
        """64 KiB may be locked, by a limit that any user may set, and that root is not held to."""
        hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        for size, result in (("64k", "ok"), ("65k", "advice")):
            words = ("doctor", "--sysroot", self.root, "--size", size)
            more = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_MEMLOCK,
                                                             (65536, hard))}
            if os.geteuid():
                self.assertIn(f"{result:8} memlock ", self.succeed(*words, **more))
            else:
                self.assertIn("ok       memlock ", self.succeed(*words, **more))
                (self.root / "dev/kvm").chmod(0o666)
                (self.root / "dev/shm").chmod(0o777)
                self.assertIn(f"{result:8} memlock ", self.run_as_nobody(*words, **more))

    def test_leftovers(self):
        self.write("dev/shm/hgshm-1", "x").chmod(0o600)
        self.assertEqual(self.examine()[1]["leftovers"], "advice")
        self.assertIn("1 stale memory", self.checks["leftovers"]["found"])


class Guest(Machine):
    def setUp(self):
        super().setUp()
        self.device("0000:00:01.0", 0xBABE, 0x07B9, "hgshm")
        self.device("0000:00:02.0", 0x1AF4, 0x1001, "virtio-pci")
        (self.root / "sys/module/hgshm").mkdir(parents=True)
        self.write("dev/hgshm0", "")
        self.write("dev/hgshm", "")

    def device(self, address, vendor, device, driver):
        folder = f"sys/bus/pci/devices/{address}"
        self.write(f"{folder}/vendor", f"0x{vendor:04x}\n")
        self.write(f"{folder}/device", f"0x{device:04x}\n")
        if driver:
            (self.root / folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")

    def test_all_well(self):
        side, results = self.examine()
        self.assertEqual(side, "guest")
        del results["memlock"]
        self.assertEqual(results, {"driver": "ok", "device": "ok", "node": "ok"})
        self.assertEqual(self.examine("--host")[0], "host")

    def test_no_driver(self):
        (self.root / "sys/module/hgshm").rmdir()
        (self.root / "sys/bus/pci/devices/0000:00:01.0/driver").unlink()
        (self.root / "dev/hgshm0").unlink()
        results = self.examine(status=1)[1]
        self.assertEqual([results[name] for name in ("driver", "device", "node")], ["problem"] * 3)
        self.assertIn("modprobe hgshm", self.checks["driver"]["mend"])

    def test_a_driver_that_refuses(self):
        (self.root / "sys/bus/pci/devices/0000:00:01.0/driver").unlink()
        self.problem("device", "dmesg says why")

    def test_no_device(self):
        (self.root / "sys/bus/pci/devices/0000:00:01.0/vendor").write_text("0x8086\n")
        # it has a node, which somebody may have made
        self.assertEqual(self.examine(status=1)[0], "guest")
        (self.root / "dev/hgshm0").unlink()
        self.assertEqual(self.examine()[0], "host")
        results = self.examine("--guest", status=1)[1]
        self.assertEqual((results["device"], results["node"]), ("problem", "problem"))


class Qemu(CommandTest):
    """What hgshm-qemu says decides; here it is a script."""

    def qemu(self, script):
        program = self.top / "hgshm-qemu"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        environment = {**os.environ, "HGSHM_QEMU": str(program)}
        _, out, _ = self.run_command("doctor", "--host", "--json", env=environment)
        return [check for check in json.loads(out)["checks"] if check["name"] == "qemu"][0]

    def test_well(self):
        check = self.qemu('case $1 in --version) echo "QEMU 7"; echo Copyright;; *) echo '
                          '"hgshm options:"; echo "  clients=<uint32>";; esac')
        self.assertEqual((check["result"], check["found"]), ("ok", "QEMU 7 takes the plug-in"))

    def test_another_version(self):
        words = "hgshm: the plug-in was built for QEMU 7.2.22, but this is QEMU 10.0"
        check = self.qemu(f"echo '{words}' >&2; exit 1")
        self.assertEqual((check["result"], check["found"]), ("problem", words))
        self.assertIn("make install", check["mend"])

    def test_no_device_in_it(self):
        check = self.qemu('case $1 in --version) echo "QEMU 7";; *) echo "no hgshm device";; esac')
        self.assertEqual((check["result"], check["found"]), ("problem", "no hgshm device"))

    def test_none(self):
        environment = {**os.environ, "HGSHM_QEMU": str(self.top / "nothing")}
        _, out, _ = self.run_command("doctor", "--host", env=environment)
        self.assertIn(f"problem  qemu        {self.top}/nothing: No such file or directory", out)

    def test_much_output(self):
        check = self.qemu("head -c 1000000 /dev/zero | tr '\\0' x; exit 1")
        self.assertEqual(check["result"], "problem")


if __name__ == "__main__":
    unittest.main()
