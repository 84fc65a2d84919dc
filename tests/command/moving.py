#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Members that are processes of this host: info, peers, rings, and bytes from one to another."""
import hashlib
import json
import os
import signal
import subprocess
import unittest

from commanding import BOUND_S, CommandTest


class Moving(CommandTest):
    def found_group(self, **parameters):
        """A mapper that only waits; returns its process."""
        process = self.start("wait", "--count", "0", self.found(**parameters))
        self.assertIn("waiting as member 0", self.read_line(process.stderr))
        return process

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                self.stop(process)
        self.assertFalse(self.object.exists(), "the memory is left")
        self.assertFalse(self.socket.exists(), "the socket is left")

    def test_info(self):
        info = self.succeed_json("info", self.found(clients=4, size="4m"))
        self.assertEqual((info["shmid"], info["index"], info["clients"]), (self.name, 0, 4))
        self.assertEqual((info["size_bytes"], info["slice_bytes"]), (4 << 20, 1 << 20))
        self.assertEqual((info["memory_bytes"], info["peers"]), (4 << 20, [0]))
        self.assertEqual((info["mapidx"], info["stale"]), (None, False))
        text = self.succeed("info", self.found(clients=4, size="4m"))
        self.assertIn(f"group      {self.name}\nindex      0 of 4, the mapper\n", text)
        self.assertIn("slice      1 MiB\n", text)

    def test_places(self):
        """A path, the group's name, a URI; and where a path has what means something in one."""
        self.socket = self.top / "a%20b?c&d #.sock"
        mapper = self.start("wait", "--count", "0", f"found:{self.top}/a%2520b%3Fc%26d %23.sock"
                            f"?shmid={self.name}&size=1m&clients=3")
        self.assertIn("waiting as member 0 of 3", self.read_line(mapper.stderr))
        self.assertTrue(self.socket.is_socket())
        for place in (self.socket, self.name):
            self.assertEqual(self.succeed_json("info", place)["index"], 1)
        uri = f"join:{self.top}/a%2520b%3Fc%26d %23.sock?index=2"
        self.assertEqual(self.succeed_json("info", uri)["index"], 2)
        self.assertEqual(self.succeed_json("info", self.socket.name, cwd=self.top)["index"], 1)
        self.stop(mapper)

    def test_list(self):
        mapper = self.found_group(clients=3, backing="shm")
        client = self.start("wait", f"join:{self.socket}?index=2")
        self.read_line(client.stderr)
        found = [group for group in self.succeed_json("ls")["groups"]
                 if group["name"] == self.name]
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["state"], found[0]["backing"], found[0]["bytes"]),
                         ("live", "shm", 1 << 20))
        self.assertEqual(found[0]["socket"], str(self.socket))
        self.assertEqual([(member["index"], member["pid"], member["kind"])
                          for member in found[0]["members"]],
                         [(0, mapper.pid, "library"), (2, client.pid, "library")])
        self.assertIn("is live; stop who is in", self.run_command("rm", self.name)[2])
        mapper.kill()
        mapper.wait()
        self.assertEqual([group["state"] for group in self.succeed_json("ls")["groups"]
                          if group["name"] == self.name], ["orphaned"])
        self.stop(client)
        self.assertEqual(self.succeed_json("rm", self.name, self.socket)["removed"],
                         [self.name, str(self.socket)])

    def test_list_memfd(self):
        mapper = self.found_group(clients=3, backing="memfd")
        found = [group for group in self.succeed_json("ls")["groups"]
                 if group["name"] == self.name]
        self.assertEqual([(group["state"], group["backing"], group["socket"]) for group in found],
                         [("live", "memfd", str(self.socket))])
        self.assertEqual(found[0]["bytes"], (1 << 20) // 3 // 4096 * 4096 * 3)
        self.stop(mapper)

    def test_ring(self):
        mapper = self.found_group(clients=4)
        client = self.start("wait", "--from", "0", f"join:{self.socket}?index=3")
        self.read_line(client.stderr)
        self.assertEqual(self.succeed_json("ring", "0", f"join:{self.socket}?index=2"),
                         {"rang": [0]})
        self.assertEqual(self.read_line(mapper.stdout), "2 rang 1 time")
        self.assertEqual(self.succeed("ring", "all", f"join:{self.socket}?index=1"),
                         "rang 0 3\n")
        self.assertEqual(self.read_line(mapper.stdout), "1 rang 1 time")
        self.refuse("is not there", "ring", "2", f"join:{self.socket}?index=1")
        self.refuse("clients=4", "ring", "7", self.socket)
        # member 3 heeds the mapper alone
        self.assertIsNone(client.poll())

    def test_wait(self):
        mapper = self.start("wait", "--json", "--count", "2", self.found())
        self.read_line(mapper.stderr)
        self.succeed("ring", "0", self.socket)
        self.assertEqual(json.loads(self.read_line(mapper.stdout)), {"from": 1, "count": 1})
        self.succeed("ring", "0", self.socket)
        status, out, _ = self.end(mapper)
        self.assertEqual((status, json.loads(out)), (0, {"from": 1, "count": 1}))

    def test_wait_in_vain(self):
        status, out, err = self.run_command("wait", "--timeout", "0.05", self.found())
        self.assertEqual((status, out), (3, ""))
        self.assertEqual(err.splitlines()[1], "hgshm wait: nobody rang in time")

    def test_signals(self):
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            mapper = self.found_group()
            status, out, err = self.stop(mapper, signo)
            self.assertEqual((status, out, err), (128 + signo, "", ""))
            self.assertFalse(self.object.exists())

    def test_peers(self):
        watcher = self.start("peers", "--watch", "--json", self.found(clients=4))
        self.assertEqual(json.loads(self.read_line(watcher.stdout))["peers"], [0])
        client = self.start("wait", f"join:{self.socket}?index=2")
        came = json.loads(self.read_line(watcher.stdout))
        self.assertEqual((came["event"], came["index"]), ("came", 2))
        self.read_line(client.stderr)
        self.assertEqual(self.succeed("peers", f"join:{self.socket}?index=3"),
                         " 0  there  the mapper\n 1  -\n 2  there\n 3  there  this place\n")
        client.kill()
        # member 3 may have come and gone too fast to be seen
        went = came
        while went["index"] != 2 or went["event"] == "came":
            went = json.loads(self.read_line(watcher.stdout))
        self.assertGreater(went["epoch"], came["epoch"])
        self.assertEqual(self.stop(watcher)[0], 128 + signal.SIGTERM)

    def test_peers_for_a_while(self):
        self.assertEqual(self.succeed("peers", "--watch", "--timeout", "0.05", self.found()),
                         " 0  there  this place, the mapper\n 1  -\n")

    def test_a_mapper_that_goes(self):
        mapper = self.found_group()
        watcher = self.start("peers", "--watch", self.socket)
        for line in (" 0  there  the mapper", " 1  there  this place"):
            self.assertEqual(self.read_line(watcher.stdout), line)
        self.stop(mapper)
        self.assertEqual(self.read_line(watcher.stdout), " 0  went")

    def move(self, bytes_count, **parameters):
        """put in the mapper, cat in member 1; both reports."""
        path = self.top / "sent"
        with open(path, "wb") as file:
            left = bytes_count
            while left:
                chunk = os.urandom(min(left, 1 << 20))
                file.write(chunk)
                left -= len(chunk)
        wanted = hashlib.sha256(path.read_bytes()).hexdigest()
        with open(path, "rb") as file:
            put = self.start("put", "--json", "1", self.found(**parameters), stdin=file)
            info = self.wait_for_socket(put)
            self.assertEqual(info["index"], 1)
            cat = self.start("cat", "--json", "0", f"join:{self.socket}?index=1")
            digest = hashlib.sha256()
            for chunk in iter(lambda: cat.stdout.read(1 << 16), b""):
                digest.update(chunk)
            reports = []
            for process in (cat, put):
                status, _, err = self.end(process)
                self.assertEqual(status, 0, err)
                reports.append(json.loads(err))
        self.assertEqual(digest.hexdigest(), wanted)
        for report in reports:
            self.assertEqual(report["bytes"], bytes_count)
        self.assertEqual(reports[0]["crc32c"], reports[1]["crc32c"])

    def test_move_nothing(self):
        self.move(0)

    def test_move_a_byte(self):
        self.move(1)

    def test_move_more_than_the_ring(self):
        self.move(30_000_001, size="16m")

    def test_move_through_the_smallest_slices(self):
        self.move(100_003, size="16k")

    def test_move_sealed(self):
        self.move(3_000_000, backing="memfd")

    def test_move_between_clients(self):
        """By slice 0, which all of them see; and the reader may be first."""
        self.found_group(clients=4, size="4m")
        cat = self.start("cat", "3", f"join:{self.socket}?index=2")
        put = self.start("put", "2", f"join:{self.socket}?index=3", stdin=subprocess.PIPE)
        put.stdin.write(b"from three to two\n")
        put.stdin.close()
        put.stdin = None
        self.assertEqual(self.end(put), (0, "", ""))
        self.assertEqual(self.end(cat), (0, "from three to two\n", ""))

    def pair(self, *cat_words):
        """A put and a cat that have met, and moved a line."""
        put = self.start("put", self.found(), stdin=subprocess.PIPE)
        self.wait_for_socket(put)
        cat = self.start("cat", *cat_words, self.socket)
        put.stdin.write(b"line\n")
        put.stdin.flush()
        self.assertEqual(self.read_line(cat.stdout), "line")
        return put, cat

    def test_a_writer_that_is_killed(self):
        put, cat = self.pair()
        put.kill()
        self.assertEqual(self.end(cat), (1, "", "hgshm cat: member 0 left the group before all "
                                                "was moved, after 5 bytes\n"))
        put.wait()
        self.object.unlink()
        self.socket.unlink()

    def test_a_writer_that_is_stopped(self):
        put, cat = self.pair()
        self.assertEqual(self.stop(put)[0], 128 + signal.SIGTERM)
        status, _, err = self.end(cat)
        self.assertEqual(status, 1)
        self.assertRegex(err, "hgshm cat: member 0 (gave up after 5 bytes: it was stopped|"
                              "left the group)")

    def test_a_writer_that_hangs(self):
        put, cat = self.pair("--silence", "2")
        put.send_signal(signal.SIGSTOP)
        status, _, err = self.end(cat)
        put.send_signal(signal.SIGCONT)
        self.assertEqual((status, err), (1, "hgshm cat: member 0 shows no sign of life any more, "
                                            "after 5 bytes\n"))
        self.assertIn("member 1 ", self.end(put)[2])

    def test_a_writer_that_has_nothing_to_say(self):
        """It gives signs of life: no end to it after a silence longer than the bound."""
        put, cat = self.pair("--silence", "1.5")
        with self.assertRaises(subprocess.TimeoutExpired):
            cat.wait(timeout=4)
        put.stdin.close()
        put.stdin = None
        self.assertEqual(self.end(put)[0], 0)
        self.assertEqual(self.end(cat), (0, "", ""))

    def full_pair(self, *put_words):
        """A put that sends without end to a cat whose output nobody takes any more."""
        with open("/dev/zero", "rb") as zeroes:
            put = self.start("put", *put_words, self.found(), stdin=zeroes)
        self.wait_for_socket(put)
        cat = self.start("cat", self.socket)
        self.assertEqual(cat.stdout.read(1), b"\0")
        return put, cat

    def test_a_reader_that_hangs(self):
        put, cat = self.full_pair("--silence", "2")
        cat.send_signal(signal.SIGSTOP)
        status, _, err = self.end(put)
        cat.send_signal(signal.SIGCONT)
        self.assertEqual(status, 1)
        self.assertRegex(err, "hgshm put: member 1 shows no sign of life any more, after [0-9]+ ")

    def test_a_reader_that_is_slow(self):
        """Nobody takes what it writes, for longer than the bound; but it lives."""
        put, _ = self.full_pair("--silence", "1.5")
        with self.assertRaises(subprocess.TimeoutExpired):
            put.wait(timeout=4)
        self.assertEqual(self.stop(put)[0], 128 + signal.SIGTERM)

    def test_a_reader_that_is_killed(self):
        put, cat = self.pair()
        cat.kill()
        self.assertEqual(self.end(put), (1, "", "hgshm put: member 1 left the group before all "
                                                "was moved, after 5 bytes\n"))

    def test_a_reader_that_has_enough(self):
        put = self.start("put", self.found(), stdin=subprocess.PIPE)
        self.wait_for_socket(put)
        cat = self.start("cat", self.socket)
        put.stdin.write(b"line\n")
        put.stdin.flush()
        self.assertEqual(self.read_line(cat.stdout), "line")
        cat.stdout.close()
        cat.stdout = None
        put.stdin.write(b"line\n")
        put.stdin.flush()
        self.assertEqual(cat.wait(timeout=BOUND_S), 1)
        status, _, err = self.end(put)
        self.assertEqual(status, 1)
        self.assertRegex(err, "member 1 (closed|left the group) before all was moved")

    def test_nobody_comes(self):
        self.refuse("member 1 did not come in time; run hgshm cat 0 there", "put", "--wait", "0.1",
                    self.found())
        self.refuse("member 1 did not come in time; run hgshm put 0 there", "cat", "--wait", "0.1",
                    self.found())

    def test_with_whom(self):
        self.refuse("with which member? This is the mapper of clients=4, so give N from 1 to 3",
                    "put", self.found(clients=4))
        self.refuse("leaves 512 for each ring, must be at least 768; give the group a larger size",
                    "put", self.found(size="8k"))
        self.refuse("N=0: that is this member itself", "cat", "0", self.found())
        self.refuse("N=9: the group has clients=2, so give 0 to 1", "cat", "9", self.found())

    def test_no_such_place(self):
        self.refuse(f"{self.socket}", "info", self.socket)
        self.refuse("nothing: no device, no socket and no group of this host", "info", "nothing")
        self.refuse("PLACE is empty", "info", "")
        self.refuse("\\x1b[31m\\x0a: no device", "info", "\x1b[31m\n")
        self.refuse("size=lots", "info", f"found:{self.socket}?size=lots")
        self.refuse("/dev/hgshm99", "info", "/dev/hgshm99")
        self.refuse("/dev/null is not an hgshm device", "info", "/dev/null")
        (self.top / "file").touch()
        self.refuse(f"{self.top}/file is no socket", "info", self.top / "file")
        self.refuse(f"{self.top} is no socket", "info", self.top)

    def test_a_full_disk(self):
        put = self.start("put", self.found(), stdin=subprocess.PIPE)
        self.wait_for_socket(put)
        put.stdin.write(b"x" * 10)
        put.stdin.flush()
        with open("/dev/full", "wb") as full:
            cat = self.start("cat", self.socket, stdout=full)
        self.assertEqual(cat.wait(timeout=BOUND_S), 1)
        self.assertIn(b"standard output: No space left on device", cat.stderr.read())
        self.assertEqual(self.end(put)[0], 1)


if __name__ == "__main__":
    unittest.main()
