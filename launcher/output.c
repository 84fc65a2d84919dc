// SPDX-License-Identifier: MIT
#include "output.h"

#include <ctype.h>

static void show_line(struct output *out)
{
	fprintf(out->stream, "VM %u: %.*s\n", out->index, (int)out->line_bytes, out->line);
	out->line_bytes = 0;
}

static void take_into_line(struct output *out, char byte)
{
	bool completes_crlf = out->after_cr && byte == '\n';

	out->after_cr = byte == '\r';
	if (completes_crlf || (byte == '\r' && !out->line_bytes))
		return;
	if (byte == '\n' || byte == '\r') {
		show_line(out);
		return;
	}
	if (iscntrl((unsigned char)byte) && byte != '\t')
		byte = '?';
	out->line[out->line_bytes++] = byte;
	if (out->line_bytes == sizeof(out->line))
		show_line(out);
}

void output_byte(struct output *out, char byte)
{
	if (out->log)
		fputc(byte, out->log);
	if (out->muted)
		return;
	if (out->prefix)
		take_into_line(out, byte);
	else
		fputc(byte, out->stream);
}

void output_flush(struct output *out)
{
	if (out->log)
		fflush(out->log);
	fflush(out->stream);
}

void output_end(struct output *out)
{
	if (out->line_bytes)
		show_line(out);
	output_flush(out);
	if (out->log)
		fclose(out->log);
	out->log = NULL;
}
