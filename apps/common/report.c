/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "report.h"

static double seconds_of(uint64_t ns)
{
	return (double)ns / NS_PER_SECOND;
}

static double mb_per_second(const struct job_report *report)
{
	return report->ns ? report->bytes / 1e6 / seconds_of(report->ns) : 0;
}

static uint64_t sum(const uint64_t *values, unsigned int count)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < count; i++)
		total += values[i];
	return total;
}

static void print_top(FILE *out, const struct job_report *report, const struct results *results)
{
	if (!results->top_used)
		return;
	if (results->top_used > 1)
		fprintf(out, "the %u most frequent of %" PRIu64 "\n", results->top_used,
			report->distinct);
	for (unsigned int i = 0; i < results->top_used; i++)
		fprintf(out, "%12" PRIu64 "  %.*s\n", results->top[i].count,
			(int)results->top[i].key_bytes, results->top[i].key);
	fputc('\n', out);
}

static void print_worker(FILE *out, const struct worker_report *worker, const uint64_t *sent,
			 const uint64_t *received)
{
	fprintf(out, "%-20s %7" PRIu64 " %9.1f %8.3f", worker->name, worker->chunks,
		worker->bytes / 1e6, seconds_of(worker->busy_ns));
	if (sent)
		fprintf(out, " %10" PRIu64 " %10" PRIu64, *sent, *received);
	fputc('\n', out);
}

void report_print(FILE *out, const struct job_request *request, const struct job_report *report,
		  const struct results *results, const struct doorbells *doorbells)
{
	struct worker_report total = { .name = "all" };
	uint64_t sent = 0, received = 0;

	print_top(out, report, results);
	fprintf(out, "%-20s %7s %9s %8s", "worker", "chunks", "MB", "busy s");
	if (doorbells) {
		fprintf(out, " %10s %10s", "rings to", "rings from");
		sent = sum(doorbells->sent, report->workers);
		received = sum(doorbells->received, report->workers);
	}
	fputc('\n', out);
	for (unsigned int w = 0; w < report->workers; w++) {
		const struct worker_report *worker = report->worker + w;

		print_worker(out, worker, doorbells ? doorbells->sent + w : NULL,
			     doorbells ? doorbells->received + w : NULL);
		total.chunks += worker->chunks;
		total.bytes += worker->bytes;
		total.busy_ns += worker->busy_ns;
	}
	print_worker(out, &total, doorbells ? &sent : NULL, &received);
	fprintf(out, "\n%s: %.1f MB in %.3f s, %.1f MB/s, %" PRIu64 " %s\n", request->job->name,
		report->bytes / 1e6, seconds_of(report->ns), mb_per_second(report),
		report->records, request->job->records);
	if (doorbells)
		fprintf(out, "doorbells: %" PRIu64 " to workers, %" PRIu64 " from workers\n", sent,
			received);
	fflush(out);
}

int report_summary(const char *path, const char *transport, const struct job_request *request,
		   const struct job_report *report, const struct results *results,
		   const struct doorbells *doorbells, struct problem *problem)
{
	FILE *out = fopen(path, "we");
	int error;

	if (!out)
		return problem_set(problem, -errno, "--summary %s: %s", path, strerror(errno));
	fprintf(out, "transport=%s\njob=%s\nparams=%s\n", transport, request->job->name,
		request->params);
	fprintf(out, "bytes=%" PRIu64 "\nseconds=%.6f\nmb_per_second=%.3f\n", report->bytes,
		seconds_of(report->ns), mb_per_second(report));
	fprintf(out, "records=%" PRIu64 "\ndistinct=%" PRIu64 "\n", report->records,
		report->distinct);
	fprintf(out, "workers=%u\nchunks=%" PRIu64 "\nchunk_bytes=%zu\n", report->workers,
		report->chunks, request->chunk_bytes);
	if (doorbells)
		fprintf(out, "doorbells_sent=%" PRIu64 "\ndoorbells_received=%" PRIu64 "\n",
			sum(doorbells->sent, report->workers),
			sum(doorbells->received, report->workers));
	fprintf(out, "result_crc32c=0x%08x\n", results->crc32c);
	error = ferror(out) ? EIO : 0;
	if (fclose(out) && !error)
		error = errno;
	if (error)
		return problem_set(problem, -error, "--summary %s: %s", path, strerror(error));
	return 0;
}
