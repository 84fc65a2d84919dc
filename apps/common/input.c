/* SPDX-License-Identifier: MIT */
/* Reading the input in chunks. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"
#include "interrupt.h"

/*
 * Only for what can do it: a pipe would be opened, refused, and closed again, and its writer
 * would be killed for having no reader.
 */
static bool may_be_direct(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static int open_file(struct input *input, struct problem *problem)
{
	if (!strcmp(input->path, "-")) {
		input->path = "standard input";
		input->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	} else if (may_be_direct(input->path)) {
		input->fd = open(input->path, O_RDONLY | O_CLOEXEC | O_DIRECT);
		input->direct = input->fd >= 0;
		if (input->fd < 0 && errno == EINVAL)
			input->fd = open(input->path, O_RDONLY | O_CLOEXEC);
	} else {
		input->fd = open(input->path, O_RDONLY | O_CLOEXEC);
	}
	if (input->fd < 0)
		return problem_set(problem, -errno, "--input %s: %s", input->path,
				   strerror(errno));
	return 0;
}

static int find_size(struct input *input, struct problem *problem)
{
	uint64_t bytes = 0;
	struct stat st;

	if (fstat(input->fd, &st) < 0)
		return problem_set(problem, -errno, "--input %s: %s", input->path,
				   strerror(errno));
	if (S_ISDIR(st.st_mode))
		return problem_set(problem, -EISDIR, "--input %s: is a directory, must be a file "
				   "or a block device", input->path);
	if (S_ISREG(st.st_mode))
		bytes = st.st_size;
	else if (S_ISBLK(st.st_mode) && ioctl(input->fd, BLKGETSIZE64, &bytes) < 0)
		bytes = 0;
	if (bytes && input->limit_bytes != UINT64_MAX && bytes < input->limit_bytes)
		return problem_set(problem, -ENODATA, "--input-bytes %llu: %s has only %llu bytes",
				   (unsigned long long)input->limit_bytes, input->path,
				   (unsigned long long)bytes);
	input->total_bytes = input->limit_bytes != UINT64_MAX ? input->limit_bytes : bytes;
	return 0;
}

int input_open(struct input *input, const char *path, uint64_t limit_bytes, size_t chunk_bytes,
	       const bool *separator, struct problem *problem)
{
	int ret;

	*input = (struct input){
		.path = path,
		.fd = -1,
		.separator = separator,
		.chunk_bytes = chunk_bytes,
		.limit_bytes = limit_bytes ? limit_bytes : UINT64_MAX,
	};
	input->tail = malloc(chunk_bytes);
	if (!input->tail)
		return problem_set(problem, -ENOMEM, "no memory for a chunk of %zu bytes",
				   chunk_bytes);
	ret = open_file(input, problem);
	if (!ret)
		ret = find_size(input, problem);
	if (ret)
		input_close(input);
	return ret;
}

void input_close(struct input *input)
{
	free(input->tail);
	input->tail = NULL;
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}

static bool leave_direct(struct input *input)
{
	int flags = fcntl(input->fd, F_GETFL);

	input->direct = false;
	return flags >= 0 && fcntl(input->fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

/* Reads until it has wanted bytes or the file ends. */
static ssize_t read_fully(struct input *input, unsigned char *to, size_t wanted,
			  struct problem *problem)
{
	size_t have = 0;

	while (have < wanted) {
		ssize_t got = read(input->fd, to + have, wanted - have);

		if (got == 0)
			break;
		if (got > 0) {
			have += got;
			/* an odd length is the file's end, or a file that can't do it */
			if (input->direct && got % INPUT_ALIGN_BYTES && have < wanted &&
			    !leave_direct(input))
				return problem_set(problem, -EIO, "--input %s: can't turn "
						   "O_DIRECT off", input->path);
			continue;
		}
		if (errno == EINTR && !interrupted)
			continue;
		if (input->direct && (errno == EINVAL || errno == EFAULT || errno == EOPNOTSUPP) &&
		    leave_direct(input))
			continue;
		return problem_set(problem, -errno, "--input %s at byte %llu: %s", input->path,
				   (unsigned long long)(input->read_bytes + have),
				   strerror(errno));
	}
	return have;
}

/* Reads what is new of a chunk; sets ended where nothing follows. */
static ssize_t read_new(struct input *input, unsigned char *to, struct problem *problem)
{
	uint64_t left = input->limit_bytes - input->read_bytes;
	size_t wanted = left < input->chunk_bytes ? left : input->chunk_bytes;
	size_t asked = wanted;
	ssize_t got;

	/* O_DIRECT takes whole blocks only; what is read past the limit is dropped */
	if (input->direct)
		asked = (wanted + INPUT_ALIGN_BYTES - 1) & ~(size_t)(INPUT_ALIGN_BYTES - 1);
	got = read_fully(input, to, asked, problem);
	if (got < 0)
		return got;
	if ((size_t)got < wanted && input->limit_bytes != UINT64_MAX)
		return problem_set(problem, -ENODATA, "--input-bytes %llu: %s has only %llu bytes",
				   (unsigned long long)input->limit_bytes, input->path,
				   (unsigned long long)(input->read_bytes + got));
	input->ended = (size_t)got < wanted || left == wanted;
	if ((size_t)got > wanted)
		got = wanted;
	input->read_bytes += got;
	return got;
}

/* How many of the new bytes belong to whole records. */
static size_t cut(const struct input *input, const unsigned char *data, size_t bytes)
{
	if (!input->separator)
		return bytes;
	while (bytes && !input->separator[data[bytes - 1]])
		bytes--;
	return bytes;
}

int input_next(struct input *input, unsigned char *buffer, struct chunk *chunk,
	       struct problem *problem)
{
	unsigned char *data = buffer + input->chunk_bytes;
	size_t whole_bytes, tail_bytes = input->tail_bytes;
	uint64_t data_offset = input->read_bytes;
	ssize_t got;

	if (input->ended)
		return 0;
	got = read_new(input, data, problem);
	if (got < 0)
		return got;
	whole_bytes = input->ended ? (size_t)got : cut(input, data, got);
	if (!whole_bytes && !input->ended)
		return problem_set(problem, -EMSGSIZE, "--input %s: the record at byte %llu is "
				   "longer than --chunk-bytes %zu", input->path,
				   (unsigned long long)(data_offset - tail_bytes),
				   input->chunk_bytes);
	chunk->offset = input->chunk_bytes - tail_bytes;
	chunk->bytes = tail_bytes + whole_bytes;
	chunk->stream_offset = data_offset - tail_bytes;
	memcpy(data - tail_bytes, input->tail, tail_bytes);
	input->tail_bytes = got - whole_bytes;
	memcpy(input->tail, data + whole_bytes, input->tail_bytes);
	return chunk->bytes ? 1 : 0;
}
