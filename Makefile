# SPDX-License-Identifier: MIT
# A thin front: the work is done by scripts/, meson and Kbuild.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

all:
	@scripts/setup
	@scripts/build $(BUILD) $(PREFIX)

demo: all
	@scripts/demo $(BUILD)

check:
	@scripts/setup --check
	@scripts/build $(BUILD) $(PREFIX)
	@scripts/check $(BUILD)

install: all
	@scripts/install $(BUILD) $(PREFIX) $(DESTDIR)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make          install what is missing, build everything into $(BUILD)/'
	@echo 'make demo     four VMs count words over shared memory, and over TCP'
	@echo 'make check    run every test; the last line is the count'
	@echo 'make install  install below PREFIX ($(PREFIX)), staged by DESTDIR'
	@echo 'make clean    remove $(BUILD)/; downloads stay in ~/.cache/hgshm'

.PHONY: all check clean demo help install
