/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define LIVE_NS (100 * NS_PER_MS)
#define LINES_NS NS_PER_SECOND
#define ERASE_LINE "\r\033[K"

void progress_begin(struct progress *progress, FILE *out, enum progress_mode mode)
{
	if (mode == PROGRESS_AUTO)
		mode = isatty(fileno(out)) ? PROGRESS_LIVE : PROGRESS_LINES;
	*progress = (struct progress){
		.out = out,
		.mode = mode,
		.start_ns = clock_ns(),
	};
	progress->shown_ns = progress->start_ns;
}

void progress_show(void *arg, uint64_t done_bytes, uint64_t total_bytes)
{
	struct progress *progress = arg;
	int64_t now_ns = clock_ns();
	double seconds = (double)(now_ns - progress->start_ns) / NS_PER_SECOND;
	char share[48] = "";

	if (progress->mode == PROGRESS_NEVER ||
	    now_ns - progress->shown_ns < (progress->mode == PROGRESS_LIVE ? LIVE_NS : LINES_NS))
		return;
	progress->shown_ns = now_ns;
	if (total_bytes)
		snprintf(share, sizeof(share), " of %.1f MB, %.0f %%", total_bytes / 1e6,
			 100.0 * done_bytes / total_bytes);
	else
		snprintf(share, sizeof(share), " MB");
	if (progress->mode == PROGRESS_LIVE)
		fputs(ERASE_LINE, progress->out);
	fprintf(progress->out, "%.1f%s, %.1f MB/s%s", done_bytes / 1e6, share,
		done_bytes / 1e6 / seconds, progress->mode == PROGRESS_LIVE ? "" : "\n");
	progress->line_open = progress->mode == PROGRESS_LIVE;
	fflush(progress->out);
}

void progress_end(struct progress *progress)
{
	if (progress->line_open)
		fputs(ERASE_LINE, progress->out);
	progress->line_open = false;
	fflush(progress->out);
}
