#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""--print shows what would be run, so that a shell can run it; nothing is started."""
import re
import subprocess
import unittest

from launching import LaunchTest


class Print(LaunchTest):
    def commands(self, *options):
        """The arguments of each VM's QEMU, after a shell has read what was printed."""
        before = list(self.runtime.iterdir())
        status, out, err = self.launch("--print", "--qemu", "report", *options)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(self.events(), [])
        self.assertEqual(list(self.runtime.iterdir()), before)
        # measured anew each time
        out = re.sub("tsc_early_khz=[0-9]{6,}", "tsc_early_khz=N", out)
        report = "report() { printf '%s\\0' \"$@\"; printf '\\n\\0'; }\n"
        read = subprocess.run(["sh", "-eu"], input=report + out, env=self.environment,
                              capture_output=True, text=True, check=True).stdout
        return [vm.split("\0")[:-1] for vm in read.split("\n\0")[:-1]]

    @staticmethod
    def value(command, option, start):
        """The one value of an option that starts so."""
        found = [value for name, value in zip(command, command[1:])
                 if name == option and value.startswith(start)]
        assert len(found) == 1, (option, start, command)
        return found[0]

    def test_device_properties(self):
        mapper, second, third = self.commands(
            "--clients", "3", "--size", "96m", "--shmid", "some", "--socket", "/tmp/meet",
            "--mapidx", "2:none", "--mapidx", "2", "--guestmmap", "1:0", "--props", "1:mapidx-ro=on")
        # VM 2's own value wins over the later one for every VM
        self.assertEqual(self.value(mapper, "-device", "hgshm,"),
                         "hgshm,size=96m,chardev=hgshm,guestmmap=1,unlink=1,shmid=some,"
                         "index=0,clients=3")
        self.assertEqual(self.value(mapper, "-chardev", "socket,id=hgshm,"),
                         "socket,id=hgshm,path=/tmp/meet,server=on,wait=off,nodelay=on")
        self.assertEqual(self.value(second, "-device", "hgshm,"),
                         "hgshm,shmid=some,chardev=hgshm,guestmmap=0,index=1,mapidx=2,"
                         "mapidx-ro=on")
        self.assertEqual(self.value(second, "-chardev", "socket,id=hgshm,"),
                         "socket,id=hgshm,path=/tmp/meet")
        self.assertEqual(self.value(third, "-device", "hgshm,"),
                         "hgshm,shmid=some,chardev=hgshm,guestmmap=1,index=2")

    def test_machine(self):
        first, second = self.commands(
            "--clients", "2", "--memory", "1:1g", "--cpus", "2", "--append", "a=b c",
            "--disk", f"0:{self.top}/script", "--", "-device", "usb-ehci")
        self.assertEqual(self.value(first, "-m", ""), "512m")
        self.assertEqual(self.value(second, "-m", ""), "1g")
        self.assertEqual(self.value(second, "-smp", ""), "2")
        self.assertEqual(self.value(first, "-accel", ""), "tcg,thread=multi")
        self.assertTrue(self.value(first, "-append", "").endswith(
            "hgshm.index=0 hgshm.clients=2 hgshm.shell a=b c"))
        self.assertIn(f"file={self.top}/script", self.value(first, "-drive", ""))
        self.assertNotIn("-drive", second)
        for command in (first, second):
            self.assertEqual(command[-2:], ["-device", "usb-ehci"])

    def test_accelerators(self):
        (vm,) = self.commands("--clients", "1", "--accel", "kvm")
        self.assertEqual(self.value(vm, "-accel", ""), "kvm")
        self.assertEqual(self.value(vm, "-cpu", ""), "host")
        self.assertNotIn("tsc_early_khz", self.value(vm, "-append", ""))
        self.environment["HGSHM_ACCEL"] = "kvm"
        (vm,) = self.commands("--clients", "1")
        self.assertEqual(self.value(vm, "-accel", ""), "kvm")
        (vm,) = self.commands("--clients", "1", "--accel", "tcg")
        self.assertEqual(self.value(vm, "-accel", ""), "tcg,thread=multi")

    def test_network(self):
        vms = self.commands("--clients", "64")
        cards = [value for value in vms[0] if value.startswith("virtio-net-pci")]
        self.assertEqual(len(cards), 63)
        places = {card.split("addr=")[1] for card in cards}
        self.assertEqual(len(places), 63)
        for index in range(1, 64):
            wire = self.value(vms[index], "-netdev", "")
            self.assertIn("server=off", wire)
            self.assertIn(wire.replace("server=off", "server=on"), vms[0])
        macs = [value.split("mac=")[1][:17] for vm in vms for value in vm
                if value.startswith("virtio-net-pci")]
        self.assertEqual(len(set(macs)), 126)
        (first, second) = self.commands("--clients", "2", "--network", "none")
        self.assertNotIn("-netdev", first + second)

    def test_one_vm_meets_the_others_of_its_directory(self):
        group = self.commands("--dir", self.top / "somewhere")
        for index in range(4):
            (vm,) = self.commands("--dir", self.top / "somewhere", "--index", index)
            self.assertEqual(vm, group[index])
        (other,) = self.commands("--dir", self.top / "elsewhere", "--index", "0")
        self.assertNotEqual(self.value(other, "-device", "hgshm,"),
                            self.value(group[0], "-device", "hgshm,"))

    def test_odd_names(self):
        odd = self.top / "a 'b', $c"
        odd.mkdir()
        script = odd / "run,me"
        script.write_text("")
        (vm,) = self.commands("--clients", "1", "--dir", odd, "--run", script)
        escaped = str(odd).replace(",", ",,")
        self.assertEqual(self.value(vm, "-fw_cfg", ""),
                         f"name=opt/hgshm/run,file={escaped}/run,,me")
        self.assertIn(f"path={escaped}/hgshm.sock", self.value(vm, "-chardev", "socket,id=hgshm"))

    def test_joined_initrds(self):
        (self.top / "one").write_text("one")
        (self.top / "two").write_text("two")
        meeting = self.top / "meeting"
        (vm,) = self.commands("--clients", "1", "--dir", meeting, "--initrd",
                              self.top / "one", "--initrd", self.top / "two")
        joined = self.value(vm, "-initrd", "")
        with open(joined, encoding="utf-8") as file:
            self.assertEqual(file.read(), "onetwo")


unittest.main()
