/* SPDX-License-Identifier: MIT */
/* A server for ivshmem-doorbell, as QEMU's docs/specs/ivshmem-spec describes it. */
#ifndef IVSHMEM_SERVER_H
#define IVSHMEM_SERVER_H

#include <stddef.h>

/**
 * struct ivshmem_server - a server for two clients of one vector each
 * @listener: its socket
 * @memory: the shared memory, a memfd
 * @clients: connections; they stay open
 * @doorbells: the eventfd that interrupts each client
 * @count: clients so far
 */
struct ivshmem_server {
	int listener;
	int memory;
	int clients[2];
	int doorbells[2];
	unsigned int count;
};

/** ivshmem_server_open() - listen at @path, with @bytes of memory */
void ivshmem_server_open(struct ivshmem_server *s, const char *path, size_t bytes);

/** ivshmem_server_admit() - take the next client and tell all of all; blocks */
void ivshmem_server_admit(struct ivshmem_server *s);

/** ivshmem_server_close() - close everything */
void ivshmem_server_close(struct ivshmem_server *s);

#endif
