#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""hgshm ls and hgshm rm, on a made-up /proc and /dev/shm, and on the real ones."""
import fcntl
import json
import os
import pathlib
import socket
import subprocess
import unittest

from commanding import CommandTest


class MadeUp(CommandTest):
    """A tree that looks like a host's, by --sysroot."""

    def setUp(self):
        super().setUp()
        self.root = self.top / "root"
        for folder in ("proc/net", "dev/shm", "tmp", "run"):
            (self.root / folder).mkdir(parents=True)
        self.listeners = ["Num       RefCount Protocol Flags    Type St Inode Path"]
        self.locks = []

    def process(self, pid, program, words=(), links=(), maps=(), threads=(), cwd="/"):
        folder = self.root / "proc" / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(program + "\n")
        (folder / "cmdline").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in words))
        (folder / "maps").write_text("".join(
            f"7f0000000000-7f0000100000 rw-s 00000000 00:1b 5       {path}\n" for path in maps))
        (folder / "cwd").symlink_to(cwd)
        for number, link in enumerate(links):
            (folder / "fd" / str(number)).symlink_to(link)
        for number, name in enumerate([program, *threads]):
            (folder / "task" / str(pid + number)).mkdir(parents=True)
            (folder / "task" / str(pid + number) / "comm").write_text(name + "\n")

    def memory(self, name, size=65536, mode=0o600):
        path = self.root / "dev/shm" / name
        path.write_bytes(b"x" * size)
        path.chmod(mode)
        return path

    def lock(self, path, pid):
        st = path.stat()
        self.locks.append(f"{len(self.locks) + 1}: FLOCK  ADVISORY  WRITE {pid} "
                          f"{os.major(st.st_dev):02x}:{os.minor(st.st_dev):02x}:{st.st_ino} 0 EOF")

    def listen(self, inode, path):
        self.listeners.append(
            f"0000000000000000: 00000002 00000000 00010000 0001 01 {inode} {path}")

    def groups(self):
        (self.root / "proc/net/unix").write_text("\n".join(self.listeners) + "\n")
        (self.root / "proc/locks").write_text("".join(line + "\n" for line in self.locks))
        said = self.succeed_json("ls", "--sysroot", self.root)
        self.text = self.succeed("ls", "--sysroot", self.root)
        self.sockets = said["stale_sockets"]
        return {group["name"]: group for group in said["groups"]}

    @staticmethod
    def members(group):
        return [(member["index"], member["pid"], member["kind"]) for member in group["members"]]

    def test_nothing(self):
        self.assertEqual(self.groups(), {})
        self.assertEqual(self.text, "no group on this host\n")

    def test_a_group_of_qemus(self):
        memory = self.memory("pipe,line")
        self.lock(memory, 100)
        self.process(100, "qemu-system-x86", (
            "qemu", "-chardev", "socket,id=other,path=/tmp/no", "-chardev",
            "socket,id=meet,path=meet.sock,server=on,wait=off", "-device",
            "hgshm,index=0,clients=4,shmid=pipe,,line,chardev=meet"), ["/dev/shm/pipe,line"],
            cwd="/run/vms")
        self.process(200, "qemu-system-x86", (
            "qemu", "--device",
            '{"driver":"hgshm","index":2,"shmid":"pipe,line","chardev":"c"}'),
            maps=["/dev/shm/pipe,line"])
        # a shell that only has the words in its own
        self.process(300, "sh", ("sh", "-device", "hgshm,shmid=pipe,,line,index=3"))
        group = self.groups()["pipe,line"]
        self.assertEqual(group["state"], "live")
        self.assertEqual(group["backing"], "shm")
        self.assertEqual(group["bytes"], 65536)
        self.assertEqual(group["socket"], "/run/vms/meet.sock")
        self.assertEqual(self.members(group), [(0, 100, "qemu"), (2, 200, "qemu")])
        self.assertRegex(self.text, r"pipe,line +live +64 KiB +shm +/run/vms/meet.sock "
                                    r" 0:qemu-system-x86\(100\), 2:qemu-system-x86\(200\)")

    def test_programs_with_the_library(self):
        memory = self.memory("frames")
        self.lock(memory, 50)
        self.listen(77, "/run/frames group.sock")
        self.process(50, "feeder", ("feeder",), ["/dev/shm/frames", "socket:[77]", "socket:[78]"],
                     threads=["hgshm:0"])
        self.process(60, "reader", ("reader",), maps=["/dev/shm/frames"], threads=["hgshm:3"])
        # it has the memory open, but is in no group
        self.process(70, "backup", ("backup",), ["/dev/shm/frames"])
        group = self.groups()["frames"]
        self.assertEqual(group["socket"], "/run/frames group.sock")
        self.assertEqual(self.members(group), [(0, 50, "library"), (3, 60, "library")])

    def test_sealed_slices(self):
        self.process(50, "feeder", ("feeder",), [f"/memfd:cam.{i} (deleted)" for i in range(3)],
                     threads=["hgshm:0"])
        self.process(60, "reader", ("reader",), ["/memfd:cam.0 (deleted)",
                                                 "/memfd:cam.2 (deleted)", "/memfd:other (deleted)"],
                     threads=["hgshm:2"])
        groups = self.groups()
        self.assertEqual(list(groups), ["cam"])
        self.assertEqual((groups["cam"]["state"], groups["cam"]["backing"]), ("live", "memfd"))
        self.assertEqual(self.members(groups["cam"]), [(0, 50, "library"), (2, 60, "library")])

    def test_orphans(self):
        self.memory("frames")
        self.process(60, "reader", ("reader",), maps=["/dev/shm/frames"], threads=["hgshm:3"])
        group = self.groups()["frames"]
        self.assertEqual(group["state"], "orphaned")
        self.assertEqual(self.members(group), [(3, 60, "library")])

    def test_leftovers(self):
        self.memory("hgshm-1")
        # not all of it is there, as a mapper's is
        os.truncate(self.memory("pulse-shm-1"), 1 << 20)
        # no mapper makes it so
        self.memory("hgshm-notes", mode=0o644)
        for name in ("hgshm-a.sock", "other.sock", "sub/hgshm.sock"):
            path = self.root / "tmp" / name
            path.parent.mkdir(exist_ok=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        (self.root / "tmp/hgshm.txt").touch()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.root / "run/hgshm-b.sock"))
        self.listen(5, "/run/hgshm-b.sock")
        groups = self.groups()
        self.assertEqual(list(groups), ["hgshm-1"])
        self.assertEqual(groups["hgshm-1"]["state"], "stale")
        self.assertEqual(self.sockets, ["/tmp/hgshm-a.sock", "/tmp/sub/hgshm.sock"])
        self.assertIn("stale socket  /tmp/hgshm-a.sock\n", self.text)

    def leave_socket(self, path):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))

    def test_sockets_that_are_listened_at_by_another_path(self):
        (self.root / "var").mkdir()
        (self.root / "var/run").symlink_to("../run")
        for name in ("run/hgshm-a.sock", "tmp/vm/hgshm-b.sock", "tmp/vm/hgshm-c.sock"):
            self.leave_socket(name)
        self.listen(5, "/var/run/hgshm-a.sock")
        self.listen(6, "vm/hgshm-b.sock")
        self.listen(7, "@/tmp/vm/hgshm-c.sock")
        self.groups()
        self.assertEqual(self.sockets, ["/tmp/vm/hgshm-c.sock"])

    def test_folders_that_are_links(self):
        """Others may let one point to what is not theirs."""
        self.leave_socket("run/deep/docker.sock")
        (self.root / "tmp/hgshm-1").symlink_to("../run/deep")
        self.groups()
        self.assertEqual(self.sockets, [])

    @unittest.skipIf(os.geteuid(), "only root can be another user")
    def test_sockets_of_another_user(self):
        self.leave_socket("tmp/hgshm-a.sock")
        self.leave_socket("tmp/hgshm-b.sock")
        os.chown(self.root / "tmp/hgshm-b.sock", 65534, 65534)
        self.memory("hgshm-1")
        self.groups()
        self.assertEqual(self.sockets, ["/tmp/hgshm-a.sock", "/tmp/hgshm-b.sock"])
        said = json.loads(self.run_as_nobody("ls", "--json", "--sysroot", self.root))
        self.assertEqual(said["stale_sockets"], ["/tmp/hgshm-b.sock"])
        self.assertEqual([group["state"] for group in said["groups"]], ["unknown"])

    def test_remove_all_that_is_stale(self):
        self.memory("hgshm-1")
        self.memory("hgshm-2")
        self.lock(self.memory("hgshm-3"), 100)
        self.memory("other")
        for name in ("hgshm-a.sock", "hgshm-b.sock"):
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(self.root / "tmp" / name))
        self.listen(5, "/tmp/hgshm-b.sock")
        self.groups()
        removed = self.succeed_json("rm", "--sysroot", self.root, "--stale")["removed"]
        self.assertEqual(removed, ["hgshm-1", "hgshm-2", "/tmp/hgshm-a.sock"])
        self.assertEqual(list(self.groups()), ["hgshm-3", "other"])
        self.assertEqual(sorted(os.listdir(self.root / "dev/shm")), ["hgshm-3", "other"])
        self.assertEqual(os.listdir(self.root / "tmp"), ["hgshm-b.sock"])
        self.assertEqual(self.succeed_json("rm", "--sysroot", self.root, "--stale"),
                         {"removed": []})

    def test_a_lock_of_somebody_unseen(self):
        self.lock(self.memory("hgshm-1"), 0)
        self.assertEqual(self.groups()["hgshm-1"]["state"], "live")

    def test_memory_with_a_name_of_ones_choice(self):
        """Whose mapper was killed: it looks like a group's, and nobody has it."""
        self.memory("pipeline")
        for name in ("opened", "mapped"):
            self.memory(name)
        self.process(70, "backup", ("backup",), ["/dev/shm/opened"], maps=["/dev/shm/mapped"])
        self.lock(self.memory("locked"), 0)
        self.memory("readable", mode=0o644)
        self.memory("half-a-page", size=6000)
        self.memory("empty", size=0)
        groups = self.groups()
        self.assertEqual({name: group["state"] for name, group in groups.items()},
                         {"pipeline": "unused"})
        words = ("rm", "--sysroot", self.root)
        self.assertEqual(self.succeed_json(*words, "--stale"), {"removed": []})
        self.refuse("no memory that looks like one's", *words, "opened")
        self.assertEqual(self.succeed_json(*words, "pipeline"), {"removed": ["pipeline"]})
        self.assertEqual(self.groups(), {})

    def test_memory_of_the_vm_itself(self):
        # a QEMU whose RAM is in /dev/shm as well
        self.memory("ram")
        self.lock(self.memory("frames"), 100)
        self.process(100, "qemu-system-x86", ("qemu", "-device", "hgshm,index=0,chardev=x"),
                     ["/dev/shm/ram", "/dev/shm/frames"])
        groups = self.groups()
        self.assertEqual(list(groups), ["frames"])
        self.assertEqual(self.members(groups["frames"]), [(0, 100, "qemu")])

    def test_names_that_would_spoil_the_output(self):
        name = 'hgshm-"\\\x1b\n\u00e9'
        self.memory(name)
        path = os.fsencode(self.root / "dev/shm") + b"/hgshm-\xff\xc0\x80\xed\xa0\x80"
        with open(path, "wb") as file:
            file.write(b"x" * 4096)
        os.chmod(path, 0o600)
        groups = self.groups()
        self.assertEqual(sorted(groups), sorted([name, "hgshm-" + "\ufffd" * 6]))
        self.assertIn('hgshm-"\\\\x1b\\x0a\u00e9', self.text)
        self.assertIn(r"hgshm-\xff\xc0\x80\xed\xa0\x80 ", self.text)

    def test_nonsense_in_proc(self):
        self.process(10, "qemu-system-x86", ("-device",))
        self.process(20, "qemu-system-x86", ("-device", "hgshm," + "shmid=" + "x" * 5000))
        self.process(30, "qemu-system-x86", ("-device", '{"driver":"hgshm","shmid":'))
        self.process(40, "other", (), ["socket:[", "/memfd:", "/memfd:.1", "/dev/shm/"],
                     threads=["hgshm:", "hgshm:99", "hgshm:-1"])
        self.listeners += ["", "x", "0: 1 2 3", "0000: 00000002 00000000 00010000 0001 01 9"]
        self.locks += ["", "1: FLOCK", "1: POSIX  ADVISORY  WRITE 1 00:00:1 0 EOF"]
        self.assertLessEqual(len(self.groups()), 1)


class Real(CommandTest):
    def listed(self):
        groups = self.succeed_json("ls")["groups"]
        return {group["name"]: group for group in groups}.get(self.name)

    def leave_object(self):
        self.object.write_bytes(b"x" * 4096)
        self.object.chmod(0o600)

    def test_a_stale_object(self):
        self.leave_object()
        self.assertEqual(self.listed()["state"], "stale")
        self.assertEqual(self.succeed_json("rm", self.name), {"removed": [self.name]})
        self.assertFalse(self.object.exists())
        self.assertIsNone(self.listed())

    def test_a_live_object(self):
        self.leave_object()
        with open(self.object, "rb") as mapper:
            fcntl.flock(mapper, fcntl.LOCK_EX)
            self.assertEqual(self.listed()["state"], "live")
            self.refuse(f"{self.name}: it is live; stop who is in, or give --force",
                        "rm", self.name)
            self.assertTrue(self.object.exists())
            self.assertEqual(self.succeed("rm", "--force", self.name), f"removed {self.name}\n")
        self.assertFalse(self.object.exists())

    def test_a_foreign_name(self):
        other = pathlib.Path(f"/dev/shm/test-{self.top.name}")
        self.addCleanup(other.unlink, missing_ok=True)
        other.write_bytes(b"x")
        self.refuse("no memory that looks like one's", "rm", other.name)
        self.assertTrue(other.exists())
        self.succeed("rm", "--force", other.name)
        self.assertFalse(other.exists())

    def test_sockets(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket))
            listener.listen()
            self.refuse("somebody listens there", "rm", self.socket)
        self.assertTrue(self.socket.exists())
        self.assertIn(str(self.socket), self.succeed_json("ls")["stale_sockets"])
        self.assertEqual(self.succeed("rm", self.socket.name, cwd=self.top),
                         f"removed {self.socket.name}\n")
        self.assertFalse(self.socket.exists())

    def test_one_that_can_not_be_removed(self):
        """It does not keep the others, and each is told of in a line."""
        self.leave_object()
        status, out, err = self.run_command("rm", "--json", self.top / "x", self.name,
                                            "hgshm-\x1b\n")
        self.assertEqual((status, json.loads(out)), (1, {"removed": [self.name]}))
        self.assertEqual(err.splitlines()[0], f"hgshm rm: {self.top}/x: No such file or directory")
        self.assertRegex(err.splitlines()[1], r"^hgshm rm: hgshm-\\x1b\\x0a: no group of this host")
        self.assertEqual(len(err.splitlines()), 2)
        self.assertFalse(self.object.exists())

    def test_a_name_that_blocks(self):
        os.mkfifo(self.object)
        self.refuse("no group of this host", "rm", self.name)
        self.succeed("rm", "--force", self.name)
        self.assertFalse(self.object.exists())

    def test_a_link_to_memory(self):
        self.leave_object()
        link = pathlib.Path(f"{self.object}-link")
        self.addCleanup(link.unlink, missing_ok=True)
        link.symlink_to(self.object)
        self.refuse("no group of this host", "rm", link.name)
        self.refuse("Too many levels of symbolic links", "rm", "--force", link.name)
        self.assertTrue(self.object.exists() and link.is_symlink())

    def test_a_socket_whose_path_is_long(self):
        folder = self.top / ("x" * 200)
        folder.mkdir()
        os.chdir(folder)
        self.addCleanup(os.chdir, "/")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("group.sock")
        self.succeed("rm", folder / "group.sock")
        self.assertEqual(os.listdir(folder), [])

    def test_what_is_no_socket(self):
        file = self.top / "file"
        file.touch()
        self.refuse("not a socket; give a group by its name alone", "rm", file)
        self.refuse("No such file", "rm", self.top / "nothing")
        self.refuse("no group of this host", "rm", "nothing")
        self.refuse("No such file", "rm", "--force", "nothing")
        self.assertTrue(file.exists())

    def test_options(self):
        self.refuse("what? Give", "rm", status=2)
        self.refuse("--stale: it takes no names", "rm", "--stale", "x", status=2)
        self.refuse("--force: with names", "rm", "--stale", "--force", status=2)
        self.refuse("a name is empty", "rm", "")


@unittest.skipIf(os.geteuid(), "only root can be another user")
class OtherUser(CommandTest):
    """Another user than that of the group."""

    def refuse_nobody(self, wanted, *words):
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            self.run_as_nobody(*words)
        self.assertEqual((caught.exception.returncode, caught.exception.stdout), (1, ""))
        self.assertIn(wanted, caught.exception.stderr)

    def test_join(self):
        mapper = self.start("wait", "--count", "0", self.found(clients=3))
        self.read_line(mapper.stderr)
        self.refuse_nobody("this user may not join there; let its owner chmod", "info", self.socket)
        self.socket.chmod(0o666)
        self.refuse_nobody("is another user's; run this as that user, or the mapper with "
                           "backing=memfd", "info", self.socket)
        self.refuse_nobody("somebody listens there", "rm", self.socket)
        self.stop(mapper)

    def test_join_sealed(self):
        mapper = self.start("wait", "--count", "0", self.found(clients=3, backing="memfd"))
        self.read_line(mapper.stderr)
        self.socket.chmod(0o666)
        said = json.loads(self.run_as_nobody("info", "--json", self.socket))
        self.assertEqual((said["index"], said["peers"]), (1, [0, 1]))
        self.stop(mapper)

    def test_remove(self):
        self.object.write_bytes(bytes(4096))
        self.object.chmod(0o600)
        self.refuse_nobody("it is unknown, only root can see who has it", "rm", self.name)
        self.refuse_nobody("Permission denied", "rm", "--force", self.name)
        self.assertTrue(self.object.exists())


class Sysroot(CommandTest):
    def test_a_tree_that_is_none(self):
        status, _, err = self.run_command("ls", "--sysroot", self.top)
        self.assertEqual(status, 1)
        self.assertIn(f"{self.top}/proc/net/unix: No such file", err)


if __name__ == "__main__":
    unittest.main()
