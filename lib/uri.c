/* SPDX-License-Identifier: MIT */
/* URIs: "join:PATH?name=value&name=value" and "found:...", or a device's path. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "uri.h"

#define SIZE_DEFAULT_BYTES	(UINT64_C(64) << 20)
#define SIZE_MAX_BYTES		(UINT64_C(1) << 46)
#define CLIENTS_DEFAULT		2
#define WORD_BYTES		4096

struct parameter {
	const char *name;
	enum hgshm_place place;
	int (*set)(struct hgshm_uri *uri, const char *name, const char *value);
};

struct parse {
	struct hgshm_uri *uri;
	unsigned int seen;	/* bit i: parameters[i] */
	bool mapidx_any_given;
};

static int bad_value(const char *name, const char *value, const char *wanted)
{
	return hgshm_fail(-EINVAL, "%s=%.64s is not valid; give %s", name, value, wanted);
}

static int parse_number(const char *text, uint32_t *number)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		value = value * 10 + (*text - '0');
		if (value >= HGSHM_INDEX_NONE)
			return -EINVAL;
	}
	*number = value;
	return 0;
}

static int parse_flag(const char *name, const char *value, bool *flag)
{
	if (!strcmp(value, "on") || !strcmp(value, "1"))
		*flag = true;
	else if (!strcmp(value, "off") || !strcmp(value, "0"))
		*flag = false;
	else
		return bad_value(name, value, "on or off");
	return 0;
}

static int set_index(struct hgshm_uri *uri, const char *name, const char *value)
{
	if (parse_number(value, &uri->index))
		return bad_value(name, value, "a number from 1 to 63, or leave it out");
	if (uri->index == 0 || uri->index >= HGSHM_CLIENTS_MAX)
		return hgshm_fail(-ERANGE, "index=%u is out of range; give 1 to %d", uri->index,
				  HGSHM_CLIENTS_MAX - 1);
	return 0;
}

static int set_mapidx(struct hgshm_uri *uri, const char *name, const char *value)
{
	if (!strcmp(value, "none")) {
		uri->mapidx = HGSHM_INDEX_NONE;
		return 0;
	}
	if (parse_number(value, &uri->mapidx))
		return bad_value(name, value, "a number below the mapper's clients, or none");
	if (uri->mapidx >= HGSHM_CLIENTS_MAX)
		return hgshm_fail(-ERANGE, "mapidx=%u is out of range; give a number below the "
				  "mapper's clients", uri->mapidx);
	return 0;
}

static int set_mapidx_ro(struct hgshm_uri *uri, const char *name, const char *value)
{
	return parse_flag(name, value, &uri->mapidx_ro);
}

bool hgshm_shmid_valid(const char *shmid)
{
	size_t length = strlen(shmid);

	if (!length || length >= HGSHM_SHMID_BYTES || shmid[0] == '.')
		return false;
	for (; *shmid; shmid++)
		if (*shmid <= ' ' || *shmid > '~' || *shmid == '/')
			return false;
	return true;
}

static int set_shmid(struct hgshm_uri *uri, const char *name, const char *value)
{
	if (!hgshm_shmid_valid(value))
		return hgshm_fail(-EINVAL, "shmid='%.96s' can't name a memory object; give 1 to %d "
				  "printable characters without '/' or a dot at the start", value,
				  HGSHM_SHMID_BYTES - 1);
	strcpy(uri->shmid, value);
	return 0;
}

static int set_size(struct hgshm_uri *uri, const char *name, const char *value)
{
	static const char suffixes[] = "kmgt";
	const char *wanted = "bytes, with k, m, g or t if you like, as in size=512m";
	const char *at = value;
	uint64_t bytes = 0;

	if (!isdigit((unsigned char)*at))
		return bad_value(name, value, wanted);
	for (; isdigit((unsigned char)*at); at++) {
		bytes = bytes * 10 + (*at - '0');
		if (bytes > SIZE_MAX_BYTES)
			return bad_value(name, value, wanted);
	}
	if (*at) {
		const char *suffix = strchr(suffixes, tolower((unsigned char)*at));
		unsigned int shift;

		if (!suffix || at[1])
			return bad_value(name, value, wanted);
		shift = 10 * (suffix - suffixes + 1);
		if (bytes > SIZE_MAX_BYTES >> shift)
			return bad_value(name, value, wanted);
		bytes <<= shift;
	}
	uri->size_bytes = bytes;
	return 0;
}

static int set_clients(struct hgshm_uri *uri, const char *name, const char *value)
{
	if (parse_number(value, &uri->clients))
		return bad_value(name, value, "a number from 1 to 64");
	if (uri->clients < HGSHM_CLIENTS_MIN || uri->clients > HGSHM_CLIENTS_MAX)
		return hgshm_fail(-EINVAL, "clients=%u is out of range; give %d to %d",
				  uri->clients, HGSHM_CLIENTS_MIN, HGSHM_CLIENTS_MAX);
	return 0;
}

static int set_backing(struct hgshm_uri *uri, const char *name, const char *value)
{
	uri->memfd = !strcmp(value, "memfd");
	if (!uri->memfd && strcmp(value, "shm"))
		return bad_value(name, value, "shm or memfd");
	return 0;
}

static int set_unlink(struct hgshm_uri *uri, const char *name, const char *value)
{
	return parse_flag(name, value, &uri->unlink);
}

static int set_mesh(struct hgshm_uri *uri, const char *name, const char *value)
{
	return parse_flag(name, value, &uri->mesh);
}

static int set_mapidx_any(struct hgshm_uri *uri, const char *name, const char *value)
{
	return parse_flag(name, value, &uri->mapidx_any);
}

static const struct parameter parameters[] = {
	{ "index", HGSHM_PLACE_JOIN, set_index },
	{ "mapidx", HGSHM_PLACE_JOIN, set_mapidx },
	{ "mapidx-ro", HGSHM_PLACE_JOIN, set_mapidx_ro },
	{ "shmid", HGSHM_PLACE_JOIN, set_shmid },
	{ "size", HGSHM_PLACE_FOUND, set_size },
	{ "clients", HGSHM_PLACE_FOUND, set_clients },
	{ "backing", HGSHM_PLACE_FOUND, set_backing },
	{ "shmid", HGSHM_PLACE_FOUND, set_shmid },
	{ "unlink", HGSHM_PLACE_FOUND, set_unlink },
	{ "mapidx-any", HGSHM_PLACE_FOUND, set_mapidx_any },
	{ "mesh", HGSHM_PLACE_FOUND, set_mesh },
};

#define PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX. A NUL would hide what follows it. */
static int decode(const char *from, size_t bytes, char *to, size_t to_bytes)
{
	size_t used = 0;

	for (size_t i = 0; i < bytes; i++) {
		char c = from[i];

		if (c == '%') {
			int high = i + 2 < bytes ? hex_digit(from[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(from[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return hgshm_fail(-EINVAL, "uri: '%.3s' is no byte; give %%01 to "
						  "%%FF, and %%25 for a percent sign", from + i);
			c = high << 4 | low;
			i += 2;
		}
		if (used + 1 >= to_bytes)
			return hgshm_fail(-ENAMETOOLONG, "uri: '%.32s...' is too long; it must "
					  "have less than %zu bytes", from, to_bytes);
		to[used++] = c;
	}
	to[used] = '\0';
	return 0;
}

static int unknown_parameter(enum hgshm_place place, const char *name)
{
	return hgshm_fail(-EINVAL, "uri: there is no parameter '%.64s'; %s", name,
			  place == HGSHM_PLACE_JOIN ?
			  "join has index, mapidx, mapidx-ro, shmid" :
			  "found has size, clients, backing, shmid, unlink, mapidx-any, mesh");
}

static int set_parameter(struct parse *parse, char *word)
{
	char *equals = strchr(word, '=');
	char value[WORD_BYTES];
	int ret;

	if (!equals)
		return hgshm_fail(-EINVAL, "uri: parameter '%.64s' has no value; give %.64s=VALUE",
				  word, word);
	*equals = '\0';
	ret = decode(equals + 1, strlen(equals + 1), value, sizeof(value));
	if (ret)
		return ret;
	for (unsigned int i = 0; i < PARAMETERS; i++) {
		if (parameters[i].place != parse->uri->place || strcmp(parameters[i].name, word))
			continue;
		if (parse->seen & 1u << i)
			return hgshm_fail(-EINVAL, "uri: %s is given twice; leave one out", word);
		parse->seen |= 1u << i;
		parse->mapidx_any_given |= parameters[i].set == set_mapidx_any;
		return parameters[i].set(parse->uri, word, value);
	}
	return unknown_parameter(parse->uri->place, word);
}

static int set_parameters(struct parse *parse, const char *text)
{
	while (*text) {
		size_t bytes = strcspn(text, "&");
		char word[WORD_BYTES];
		int ret;

		if (bytes >= sizeof(word))
			return hgshm_fail(-ENAMETOOLONG, "uri: a parameter has %zu bytes", bytes);
		memcpy(word, text, bytes);
		word[bytes] = '\0';
		ret = set_parameter(parse, word);
		if (ret)
			return ret;
		text += bytes;
		text += *text == '&';
	}
	return 0;
}

/* The socket is looked for again later, from wherever the process is by then. */
static int set_socket(struct hgshm_uri *uri, const char *text, size_t bytes)
{
	char path[WORD_BYTES], folder[WORD_BYTES] = "";
	int ret = decode(text, bytes, path, sizeof(path));

	if (ret)
		return ret;
	if (!*path)
		return hgshm_fail(-EINVAL, "uri: the socket's path is missing, as in "
				  "join:/run/group.sock");
	if (path[0] != '/' && !getcwd(folder, sizeof(folder)))
		return hgshm_fail(-errno, "the working directory: %s", strerror(errno));
	if (strlen(folder) + !!*folder + strlen(path) >= sizeof(uri->socket))
		return hgshm_fail(-ENAMETOOLONG, "socket '%.128s': its whole path has more than "
				  "the %zu bytes that a socket can have", path,
				  sizeof(uri->socket) - 1);
	strcpy(uri->socket, folder);
	if (*folder)
		strcat(uri->socket, "/");
	strcat(uri->socket, path);
	return 0;
}

static int check_found(struct hgshm_uri *uri, const struct parse *parse)
{
	uint64_t least_bytes = (uint64_t)uri->clients * HGSHM_SLICE_ALIGN_BYTES;

	if (uri->size_bytes < least_bytes)
		return hgshm_fail(-EINVAL, "size=%llu is too small for clients=%u; give at least "
				  "%llu, a page of %d bytes for each",
				  (unsigned long long)uri->size_bytes, uri->clients,
				  (unsigned long long)least_bytes, HGSHM_SLICE_ALIGN_BYTES);
	if (!parse->mapidx_any_given)
		uri->mapidx_any = !uri->memfd;
	return 0;
}

int hgshm_uri_parse(struct hgshm_uri *uri, const char *text)
{
	struct parse parse = { .uri = uri };
	size_t scheme_bytes = text ? strcspn(text, ":/?") : 0;
	const char *path, *query;
	int ret;

	*uri = (struct hgshm_uri){
		.index = HGSHM_INDEX_NONE,
		.size_bytes = SIZE_DEFAULT_BYTES,
		.clients = CLIENTS_DEFAULT,
		.unlink = true,
		.mesh = true,
	};
	if (!text || text[scheme_bytes] != ':')
		return 0;
	if (scheme_bytes == 4 && !strncmp(text, "join", scheme_bytes))
		uri->place = HGSHM_PLACE_JOIN;
	else if (scheme_bytes == 5 && !strncmp(text, "found", scheme_bytes))
		uri->place = HGSHM_PLACE_FOUND;
	else
		return hgshm_fail(-EINVAL, "uri '%.64s' is of no known kind; give /dev/hgshmN, "
				  "join:SOCKET or found:SOCKET", text);
	path = text + scheme_bytes + 1;
	query = path + strcspn(path, "?");
	ret = set_socket(uri, path, query - path);
	if (!ret && *query)
		ret = set_parameters(&parse, query + 1);
	if (!ret && uri->place == HGSHM_PLACE_FOUND)
		ret = check_found(uri, &parse);
	return ret;
}
