/* SPDX-License-Identifier: MIT */
/* Writes JSON, one value a line, without keeping it in memory. */
#ifndef HGSHM_JSON_H
#define HGSHM_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool comma;	/* the next member of the innermost object or array needs one */
	unsigned int depth;
};

/* The key is NULL for elements of an array and for the outermost value, which ends a line. */
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);

/* What is not UTF-8 becomes U+FFFD. NULL becomes null. */
void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t number);
void json_real(struct json *json, const char *key, double number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* An array of the numbers of the bits that are set. */
void json_bits(struct json *json, const char *key, uint64_t bits);

#endif /* HGSHM_JSON_H */
