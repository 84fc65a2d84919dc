#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""hgshm cat and put against another side that does not keep to what they agreed upon."""
import ctypes
import os
import struct
import unittest

from commanding import BOUND_S, CommandTest

LIBRARY = ctypes.CDLL(os.environ["HGSHM_LIBRARY"])
LIBRARY.hgshm_strerror.restype = ctypes.c_char_p
PRODUCER, CONSUMER = 0, 1
BOUND = ctypes.c_int64(BOUND_S * 10 ** 9)
MARK = 0x31545348
DATA, ALIVE, END, BROKEN = 1, 2, 3, 4


def message(kind, payload=b"", mark=MARK):
    return struct.pack("=II", mark, kind) + payload


def end(length, crc):
    return message(END, struct.pack("=QQ", length, crc))


class Lying(CommandTest):
    def check(self, result):
        self.assertGreaterEqual(result, 0, LIBRARY.hgshm_strerror(result))

    def found_here(self):
        """This process is the mapper."""
        self.handle = ctypes.c_void_p()
        self.check(LIBRARY.hgshm_open(ctypes.byref(self.handle), self.found().encode(), None))
        self.addCleanup(self.leave)

    def leave(self):
        LIBRARY.hgshm_close(self.handle)
        self.handle = None

    def open_ring(self, side):
        ring = ctypes.c_void_p()
        self.check(LIBRARY.hgshm_ring_open(ctypes.byref(ring), self.handle, 1, side, BOUND, None))
        return ring

    def cat_of(self, *messages, close=True):
        """What cat says of these messages, and what it wrote."""
        self.found_here()
        cat = self.start("cat", self.socket)
        ring = self.open_ring(PRODUCER)
        for one in messages:
            self.check(LIBRARY.hgshm_ring_send(ring, one, ctypes.c_size_t(len(one)), BOUND))
        if close:
            LIBRARY.hgshm_ring_close(ring)
        status, out, err = self.end(cat)
        if not close:
            LIBRARY.hgshm_ring_close(ring)
        self.assertLessEqual(len(err.splitlines()), 1)
        return status, out, err

    def test_the_truth(self):
        # the CRC-32C of "123456789" as its definition gives it
        self.assertEqual(self.cat_of(message(DATA, b"12345"), message(ALIVE), message(DATA, b"6789"),
                                     message(DATA), end(9, 0xE3069283)), (0, "123456789", ""))

    def test_another_checksum(self):
        status, out, err = self.cat_of(message(DATA, b"123456789"), end(9, 0xE3069282))
        self.assertEqual((status, out), (1, "123456789"))
        self.assertIn("length or checksum differ after 9 bytes", err)

    def test_another_length(self):
        self.assertIn("length or checksum differ", self.cat_of(message(DATA, b"123456789"),
                                                               end(8, 0xE3069283))[2])

    def test_half_an_end(self):
        self.assertIn("length or checksum differ", self.cat_of(end(0, 0)[:-1])[2])

    def test_no_end(self):
        status, out, err = self.cat_of(message(DATA, b"some"))
        self.assertEqual((status, out), (1, "some"))
        self.assertIn("closed before all was moved, after 4 bytes", err)

    def test_nonsense(self):
        for nonsense in (b"", b"1234567", message(DATA, b"x", mark=MARK + 1), message(0),
                         message(77)):
            status, out, err = self.cat_of(nonsense, close=False)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("sends something else than hgshm put", err)
            self.leave()

    def test_broken_in_control_characters(self):
        self.assertIn("gave up after 0 bytes: ?[31mred?",
                      self.cat_of(message(BROKEN, b"\x1b[31mred\n"))[2])

    def test_broken_without_end(self):
        status, _, err = self.cat_of(message(BROKEN, b"y" * 3000))
        self.assertEqual(status, 1)
        self.assertLess(len(err), 200)

    def test_a_ring_that_is_spoilt(self):
        """The writer's index runs away, as no writer's does."""
        self.found_here()
        cat = self.start("cat", self.socket)
        ring = self.open_ring(PRODUCER)
        memory, size = ctypes.c_void_p(), ctypes.c_size_t()
        self.check(LIBRARY.hgshm_ring_place(self.handle, 0, 1, ctypes.byref(memory),
                                            ctypes.byref(size)))
        self.check(LIBRARY.hgshm_ring_send(ring, message(DATA, b"x"), ctypes.c_size_t(9), BOUND))
        self.assertEqual(cat.stdout.read(1), b"x")
        ctypes.c_uint64.from_address(memory.value + 0x80).value = 1 << 40
        self.check(LIBRARY.hgshm_poke(self.handle, 1))
        status, out, err = self.end(cat)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(len(err.splitlines()), 1)
        LIBRARY.hgshm_ring_close(ring)

    def test_a_reader_that_closes_too_early(self):
        self.found_here()
        with open("/dev/zero", "rb") as zeroes:
            put = self.start("put", self.socket, stdin=zeroes)
        ring = self.open_ring(CONSUMER)
        self.check(LIBRARY.hgshm_ring_wait(ring, ctypes.c_size_t(0), BOUND))
        LIBRARY.hgshm_ring_close(ring)
        status, _, err = self.end(put)
        self.assertEqual(status, 1)
        self.assertIn("member 0 closed before all was moved", err)

    def test_a_reader_that_leaves_the_end(self):
        """It closes before the last message is read: put must not call that done."""
        self.found_here()
        put = self.start("put", self.socket)
        ring = self.open_ring(CONSUMER)
        self.check(LIBRARY.hgshm_ring_wait(ring, ctypes.c_size_t(0), BOUND))
        LIBRARY.hgshm_ring_close(ring)
        self.check(LIBRARY.hgshm_poke(self.handle, 1))
        status, _, err = self.end(put)
        self.assertEqual(status, 1)
        self.assertIn("closed before all was moved, after 0 bytes", err)


if __name__ == "__main__":
    unittest.main()
