/* SPDX-License-Identifier: MIT */
/* Opening and closing a handle. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "member.h"
#include "uri.h"

#define SPIN_MAX_US 1000000

static int read_options(const struct hgshm_options *given, struct hgshm_options *options)
{
	const unsigned char *bytes = (const unsigned char *)given;

	*options = (struct hgshm_options){
		.struct_bytes = sizeof(*options),
		.spin_us = HGSHM_SPIN_DEFAULT_US,
	};
	if (!given)
		return 0;
	if (given->struct_bytes < sizeof(*options))
		return hgshm_fail(-EINVAL, "options: struct_bytes is %zu, must be at least %zu",
				  given->struct_bytes, sizeof(*options));
	if (given->struct_bytes > HGSHM_OPTIONS_BYTES_MAX)
		return hgshm_fail(-E2BIG, "options: struct_bytes is %zu, can be at most %d",
				  given->struct_bytes, HGSHM_OPTIONS_BYTES_MAX);
	for (size_t i = sizeof(*options); i < given->struct_bytes; i++)
		if (bytes[i])
			return hgshm_fail(-E2BIG,
					  "options: byte %zu is set, this library knows %zu bytes",
					  i, sizeof(*options));
	if (given->flags)
		return hgshm_fail(-EINVAL, "options: unknown flags 0x%x", given->flags);
	if (given->spin_us > SPIN_MAX_US)
		return hgshm_fail(-EINVAL, "options: spin_us is %u, must be at most %d",
				  given->spin_us, SPIN_MAX_US);
	memcpy(options, given, sizeof(*options));
	return 0;
}

/* A driver is not an enemy, but lengths from it become pointer arithmetic here. */
static int check_info(const struct hgshm_info *info)
{
	unsigned __int128 wanted_bytes;

	if (info->version != HGSHM_VERSION)
		return hgshm_fail(-EPROTO,
				  "the device has interface version %u, this library knows %u",
				  info->version, HGSHM_VERSION);
	if (info->clients < HGSHM_CLIENTS_MIN || info->clients > HGSHM_CLIENTS_MAX)
		return hgshm_fail(-EPROTO, "the device says clients=%u, must be %d to %d",
				  info->clients, HGSHM_CLIENTS_MIN, HGSHM_CLIENTS_MAX);
	if (info->index >= info->clients)
		return hgshm_fail(-EPROTO, "the device says index=%u of clients=%u", info->index,
				  info->clients);
	if (info->mapidx != HGSHM_INDEX_NONE && info->mapidx >= info->clients)
		return hgshm_fail(-EPROTO, "the device says mapidx=%u of clients=%u", info->mapidx,
				  info->clients);
	if (!(info->features & HGSHM_FEATURE_GUEST_MMAP))
		return 0;
	wanted_bytes = info->slice_bytes;
	if (info->index == 0)
		wanted_bytes *= info->clients;
	if (wanted_bytes > info->memory_bytes || info->memory_bytes > SIZE_MAX)
		return hgshm_fail(-EPROTO,
				  "the device says %llu bytes of memory for slices of %llu bytes",
				  (unsigned long long)info->memory_bytes,
				  (unsigned long long)info->slice_bytes);
	if (info->peer_bytes && info->peer_bytes < info->slice_bytes)
		return hgshm_fail(-EPROTO,
				  "the device says %llu bytes of peer memory for a slice of %llu",
				  (unsigned long long)info->peer_bytes,
				  (unsigned long long)info->slice_bytes);
	return 0;
}

int hgshm_open_transport(struct hgshm **out, const struct hgshm_transport *transport, void *state,
			 const struct hgshm_options *given)
{
	struct hgshm_options options;
	struct hgshm_info info;
	struct hgshm *h;
	int ret;

	ret = read_options(given, &options);
	if (ret)
		return ret;
	memset(&info, 0, sizeof(info));
	ret = transport->get_info(state, &info);
	if (ret)
		return ret;
	ret = check_info(&info);
	if (ret)
		return ret;
	h = calloc(1, sizeof(*h));
	if (!h)
		return hgshm_fail(-ENOMEM, "no memory for a handle");
	h->transport = transport;
	h->state = state;
	h->spin_us = options.spin_us;
	h->index = info.index;
	h->clients = info.clients;
	h->mapidx = info.peer_bytes ? info.mapidx : HGSHM_INDEX_NONE;
	h->slice_bytes = info.slice_bytes;
	h->region_bytes[HGSHM_REGION_MEMORY] = info.memory_bytes;
	h->region_bytes[HGSHM_REGION_PEER] = info.peer_bytes;
	h->mappable = info.features & HGSHM_FEATURE_GUEST_MMAP;
	h->peer_readonly = info.features & HGSHM_FEATURE_PEER_READONLY;
	pthread_mutex_init(&h->map_lock, NULL);
	*out = h;
	return 0;
}

static int take_place(const char *text, const struct hgshm_transport **transport, void **state)
{
	struct hgshm_member *member;
	struct hgshm_uri uri;
	int ret;

	ret = hgshm_uri_parse(&uri, text);
	if (ret)
		return ret;
	if (uri.place == HGSHM_PLACE_DEVICE)
		return hgshm_device_open(text, transport, state);
	if (uri.place == HGSHM_PLACE_JOIN)
		ret = hgshm_join_open(&uri, &member);
	else
		ret = hgshm_found_open(&uri, &member);
	if (ret)
		return ret;
	*transport = &hgshm_member_transport;
	*state = member;
	return 0;
}

int hgshm_open(struct hgshm **out, const char *uri, const struct hgshm_options *given)
{
	const struct hgshm_transport *transport;
	struct hgshm_options options;
	void *state;
	int ret;

	if (!out)
		return hgshm_fail(-EINVAL, "hgshm_open: out is NULL");
	/* before anybody is met */
	ret = read_options(given, &options);
	if (!ret)
		ret = take_place(uri, &transport, &state);
	if (ret)
		return ret;
	ret = hgshm_open_transport(out, transport, state, given);
	if (ret)
		transport->close(state);
	return ret;
}

void hgshm_close(struct hgshm *h)
{
	if (!h)
		return;
	for (int i = 0; i < HGSHM_REGIONS; i++)
		if (h->region[i])
			h->transport->unmap(h->state, h->region[i], h->region_bytes[i]);
	h->transport->close(h->state);
	pthread_mutex_destroy(&h->map_lock);
	free(h);
}

int hgshm_get_info(struct hgshm *h, struct hgshm_info *info)
{
	struct hgshm_info fresh;
	int ret;

	if (!h || !info)
		return hgshm_fail(-EINVAL, "hgshm_get_info: an argument is NULL");
	memset(&fresh, 0, sizeof(fresh));
	ret = h->transport->get_info(h->state, &fresh);
	if (ret)
		return ret;
	*info = fresh;
	return 0;
}
