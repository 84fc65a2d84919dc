# SPDX-License-Identifier: MIT
# A thin front: the work is done by scripts/, meson and Kbuild.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

all:
	@scripts/setup
	@scripts/build $(BUILD) "$(PREFIX)"

demo: all
	@scripts/demo $(BUILD)

check:
	@scripts/setup --check
	@scripts/build $(BUILD) "$(PREFIX)"
	@scripts/check $(BUILD)

qemu-tree: all
	@scripts/setup --check
	@scripts/qemu-tree $(BUILD)

debug-kernel:
	@scripts/setup --debug
	@guest/build-debug-kernel

check-debug: all
	@scripts/setup --debug
	@scripts/check-debug $(BUILD)

check-newest:
	@scripts/setup --check
	@scripts/check-newest $(BUILD)

bench: all
	@scripts/setup --check
	@scripts/bench $(BUILD)

install: all
	@scripts/install $(BUILD) "$(PREFIX)" "$(DESTDIR)"

uninstall:
	@scripts/uninstall "$(PREFIX)" "$(DESTDIR)"

clean:
	rm -rf $(BUILD)

help:
	@echo 'make          install what is missing, build everything into $(BUILD)/'
	@echo 'make demo     four VMs count words over shared memory, and over TCP'
	@echo 'make check    run every test; the last line is the count'
	@echo 'make bench    figures beside those of others, each a ratio of one run'
	@echo 'make qemu-tree  build a QEMU with the device in it, run its tests on it'
	@echo 'make check-debug  run the VM tests on a kernel with KASAN, lockdep and the like'
	@echo 'make debug-kernel  build that kernel into the cache, which takes minutes'
	@echo 'make check-newest  compile the plug-in against the newest QEMU source'
	@echo 'make install  install below PREFIX ($(PREFIX)), staged by DESTDIR'
	@echo 'make uninstall  remove what make install has put there'
	@echo 'make clean    remove $(BUILD)/; downloads stay in ~/.cache/hgshm'

.PHONY: all bench check check-debug check-newest clean debug-kernel demo help install \
	qemu-tree uninstall
