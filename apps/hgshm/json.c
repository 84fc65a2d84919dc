/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "json.h"
#include "utf8.h"

static void write_string(FILE *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	putc('"', out);
	while (*at) {
		int length = utf8_length(at);

		if (length > 1)
			fwrite(at, 1, length, out);
		else if (!length)
			fputs("\\ufffd", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7F)
			fprintf(out, "\\u%04x", *at);
		else
			putc(*at, out);
		at += length ? length : 1;
	}
	putc('"', out);
}

static void member(struct json *json, const char *key)
{
	if (json->comma)
		putc(',', json->out);
	json->comma = true;
	if (key) {
		write_string(json->out, key);
		putc(':', json->out);
	}
}

static void begin(struct json *json, const char *key, char bracket)
{
	member(json, key);
	putc(bracket, json->out);
	json->comma = false;
	json->depth++;
}

static void end(struct json *json, char bracket)
{
	putc(bracket, json->out);
	json->depth--;
	json->comma = json->depth > 0;
	if (!json->depth)
		putc('\n', json->out);
}

void json_object(struct json *json, const char *key)
{
	begin(json, key, '{');
}

void json_object_end(struct json *json)
{
	end(json, '}');
}

void json_array(struct json *json, const char *key)
{
	begin(json, key, '[');
}

void json_array_end(struct json *json)
{
	end(json, ']');
}

void json_string(struct json *json, const char *key, const char *text)
{
	if (!text) {
		json_null(json, key);
		return;
	}
	member(json, key);
	write_string(json->out, text);
}

void json_number(struct json *json, const char *key, uint64_t number)
{
	member(json, key);
	fprintf(json->out, "%" PRIu64, number);
}

void json_real(struct json *json, const char *key, double number)
{
	member(json, key);
	fprintf(json->out, "%.6f", number);
}

void json_bool(struct json *json, const char *key, bool value)
{
	member(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	member(json, key);
	fputs("null", json->out);
}

void json_bits(struct json *json, const char *key, uint64_t bits)
{
	json_array(json, key);
	for (unsigned int i = 0; i < 64; i++)
		if (bits >> i & 1)
			json_number(json, NULL, i);
	json_array_end(json);
}
