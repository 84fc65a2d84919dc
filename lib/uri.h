/* SPDX-License-Identifier: MIT */
/* The URI that hgshm_open() is given, taken apart. */
#ifndef HGSHM_LIB_URI_H
#define HGSHM_LIB_URI_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include <hgshm/regs.h>

#define HGSHM_SOCKET_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

enum hgshm_place {
	HGSHM_PLACE_DEVICE,
	HGSHM_PLACE_JOIN,
	HGSHM_PLACE_FOUND,
};

/* Which members count depends on the place. A device's URI is its path as it stands. */
struct hgshm_uri {
	enum hgshm_place place;
	char socket[HGSHM_SOCKET_PATH_BYTES];	/* absolute */
	char shmid[HGSHM_SHMID_BYTES];		/* empty: not given */
	uint32_t index;				/* HGSHM_INDEX_NONE: not given */
	uint32_t mapidx;
	bool mapidx_ro;
	uint64_t size_bytes;
	uint32_t clients;
	bool memfd;
	bool unlink;
	bool mesh;
	bool mapidx_any;
};

int hgshm_uri_parse(struct hgshm_uri *uri, const char *text);

/* Whether it can name a memory object. */
bool hgshm_shmid_valid(const char *shmid);

#endif /* HGSHM_LIB_URI_H */
