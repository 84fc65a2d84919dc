// SPDX-License-Identifier: MIT
/*
 * Fuzz the driver:
 *
 *   ioctl-fuzz SECONDS SEED [UNBIND BIND]
 *
 * Processes of several threads each make calls at random, see fuzz.h. Meanwhile the
 * shell commands UNBIND and BIND, if given, run in turn. Fails if a call that must
 * not succeed does, fails with an error that the contract does not give, or writes
 * on failure; if some call never succeeded; or if the device does not work at the
 * end. What the kernel thinks of it stands in its log.
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "device.h"

#define PROCESSES	2
#define THREADS		3
#define KICK_MS		20	/* how often who blocks in a call is interrupted */
#define AWAY_MS		40	/* how long the device is away at most, beside what that takes */

static const char *const call_names[FUZZ_CALLS] = {
	[FUZZ_OPEN] = "open",
	[FUZZ_CLOSE] = "close",
	[FUZZ_INFO] = "INFO",
	[FUZZ_POKE] = "POKE",
	[FUZZ_IRQ_ENABLE] = "IRQ_ENABLE",
	[FUZZ_SET_SIGNAL] = "SET_SIGNAL",
	[FUZZ_SET_EVENTFD] = "SET_EVENTFD",
	[FUZZ_EXPORT_DMABUF] = "EXPORT_DMABUF",
	[FUZZ_MMAP] = "mmap",
	[FUZZ_TOUCH] = "touch",
	[FUZZ_PIN] = "pin",
	[FUZZ_SYNC_DMABUF] = "sync of a dma-buf",
	[FUZZ_READ] = "read",
	[FUZZ_POLL] = "poll",
	[FUZZ_SYSFS] = "sysfs",
};

int fuzz_devices[FUZZ_DEVICES];

struct fuzz_total {
	uint64_t calls;
	uint64_t successes;
};

static __thread struct fuzzer *self;
static struct fuzzer *fuzzers;	/* of all processes */
static int64_t end_ms;
static atomic_uint threads_ended;

int fuzz_device(struct fuzzer *f)
{
	return fuzz_devices[fuzz_below(f, FUZZ_DEVICES)];
}

bool fuzz_count(struct fuzzer *f, enum fuzz_call call, bool success)
{
	f->calls[call]++;
	f->successes[call] += success;
	return success;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static struct fuzz_total total_of(enum fuzz_call call)
{
	struct fuzz_total total = { 0 };

	for (int i = 0; i < PROCESSES * THREADS; i++) {
		total.calls += fuzzers[i].calls[call];
		total.successes += fuzzers[i].successes[call];
	}
	return total;
}

static bool all_succeeded(void)
{
	for (int call = 0; call < FUZZ_CALLS; call++)
		if (!total_of(call).successes)
			return false;
	return true;
}

/* A busy machine needs longer until each call has succeeded once. */
static bool has_ended(void)
{
	int64_t over_ms = now_ms() - end_ms;

	return over_ms >= 0 && (all_succeeded() || over_ms >= DEVICE_PATIENCE_MS);
}

static void on_bad_access(int signo, siginfo_t *info, void *context)
{
	if (!self || !self->armed) {
		/* not of the memory: this program is wrong, and ends as such */
		dprintf(STDOUT_FILENO, "signal %d at %p\n", signo, info->si_addr);
		abort();
	}
	siglongjmp(self->after_fault, 1);
}

static void on_signal(int signo)
{
}

static void catch_signals(void)
{
	static const int harmless[] = { SIGUSR1, SIGUSR2, FUZZ_SIGNAL_LAST };
	struct sigaction bad = { .sa_sigaction = on_bad_access, .sa_flags = SA_SIGINFO };
	/* no SA_RESTART: a call that blocks must end */
	struct sigaction none = { .sa_handler = on_signal };

	sigaction(SIGBUS, &bad, NULL);
	sigaction(SIGSEGV, &bad, NULL);
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		sigaction(harmless[i], &none, NULL);
}

static void open_device(struct fuzzer *f)
{
	static const int modes[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY };
	int mode = modes[fuzz_below(f, 4)] | (fuzz_once_in(f, 4) ? 0 : O_NONBLOCK);
	int *slot = &fuzz_devices[fuzz_below(f, FUZZ_DEVICES)];
	int fd = open(device_path(), mode | O_CLOEXEC);
	int old;

	if (!fuzz_count(f, FUZZ_OPEN, fd >= 0)) {
		CHECK(errno == ENOENT || errno == ENODEV || errno == ENXIO || errno == EMFILE ||
		      errno == EINTR);
		return;
	}
	old = __atomic_exchange_n(slot, fd, __ATOMIC_SEQ_CST);
	if (old >= 0)
		fuzz_count(f, FUZZ_CLOSE, !close(old));
}

static void close_device(struct fuzzer *f)
{
	int *slot = &fuzz_devices[fuzz_below(f, FUZZ_DEVICES)];
	int old = __atomic_exchange_n(slot, -1, __ATOMIC_SEQ_CST);

	if (old >= 0)
		fuzz_count(f, FUZZ_CLOSE, !close(old));
}

static void read_device(struct fuzzer *f)
{
	size_t bytes = fuzz_once_in(f, 2) ? fuzz_below(f, FUZZ_PAGE_BYTES) :
					    sizeof(struct hgshm_event);
	ssize_t got = read(fuzz_device(f), fuzz_pointer(f, bytes), bytes);

	CHECK(got <= (ssize_t)bytes);
	fuzz_count(f, FUZZ_READ, got > 0);
}

static void poll_device(struct fuzzer *f)
{
	struct pollfd pollfd = { .fd = fuzz_device(f), .events = fuzz_random(f) };

	fuzz_count(f, FUZZ_POLL, poll(&pollfd, 1, fuzz_below(f, 3)) >= 0);
}

/* Calls that a character device has of the system, or has not. */
static void other_calls(struct fuzzer *f)
{
	int fd = fuzz_device(f);

	switch (fuzz_below(f, 6)) {
	case 0:
		CHECK(write(fd, f->page, 16) < 0);
		break;
	case 1:
		lseek(fd, fuzz_random(f), SEEK_SET);
		break;
	case 2:
		fcntl(fd, F_SETFL, fuzz_once_in(f, 2) ? O_NONBLOCK : 0);
		break;
	case 3:
		fsync(fd);
		break;
	case 4:
		CHECK(ftruncate(fd, 0) < 0);
		break;
	default:
		if (fuzz_once_in(f, 16)) {
			/* all mappings twice, for a moment */
			pid_t child = fork();

			if (child == 0)
				_exit(0);
			if (child > 0)
				waitpid(child, NULL, 0);
		}
	}
}

static void read_sysfs(struct fuzzer *f)
{
	static const char *const names[] = {
		"index", "clients", "size", "slice_size", "mapidx", "features", "shmid",
		"status", "peers", "epoch", "interrupts",
	};
	const char *device = strrchr(device_path(), '/') + 1;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/hgshm/%s/%s", device,
		 names[fuzz_below(f, sizeof(names) / sizeof(names[0]))]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	fuzz_count(f, FUZZ_SYSFS, read(fd, f->page, FUZZ_PAGE_BYTES) > 0);
	close(fd);
}

static void make_call(struct fuzzer *f)
{
	switch (fuzz_below(f, 22)) {
	case 0:
	case 1:
		open_device(f);
		break;
	case 2:
		close_device(f);
		break;
	case 3:
	case 4:
		fuzz_map(f);
		break;
	case 5:
	case 6:
		fuzz_touch(f);
		break;
	case 7:
		fuzz_change_mapping(f);
		break;
	case 8:
		read_device(f);
		break;
	case 9:
		poll_device(f);
		break;
	case 10:
		other_calls(f);
		break;
	case 11:
		read_sysfs(f);
		break;
	case 12:
	case 13:
		fuzz_ioctl_unknown(f);
		break;
	case 14:
		fuzz_pin(f);
		break;
	case 15:
		fuzz_sync_dmabuf(f);
		break;
	default:
		fuzz_ioctl_known(f);
	}
}

/* Pages of a thread's own: one to read, one to write, one that is not there. */
static uint8_t *make_page(void)
{
	uint8_t *pages = mmap(NULL, 3 * FUZZ_PAGE_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages, FUZZ_PAGE_BYTES, PROT_READ) ||
	    mprotect(pages + 2 * FUZZ_PAGE_BYTES, FUZZ_PAGE_BYTES, PROT_NONE))
		check_abort("three pages: %s", strerror(errno));
	return pages + FUZZ_PAGE_BYTES;
}

static void *run_thread(void *argument)
{
	struct fuzzer *f = argument;

	self = f;
	f->page = make_page();
	f->eventfds[0] = -1;
	f->eventfds[1] = -1;
	f->dmabuf = -1;
	if (pipe2(f->pipe, O_NONBLOCK | O_CLOEXEC))
		check_abort("pipe: %s", strerror(errno));
	while (!has_ended())
		make_call(f);
	fuzz_memory_end(f);
	atomic_fetch_add(&threads_ended, 1);
	return NULL;
}

static int run_process(struct fuzzer *own)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < FUZZ_DEVICES; i++)
		fuzz_devices[i] = -1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_thread, &own[i]))
			check_abort("no thread %d", i);
	while (atomic_load(&threads_ended) < THREADS) {
		poll(NULL, 0, KICK_MS);
		for (int i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return check_status();
}

/* The device is there as long as it is away, on the whole, however slow the machine. */
static void rebind(struct fuzzer *f, const char *unbind, const char *bind)
{
	unsigned int away_ms = AWAY_MS, cycles = 0;
	int64_t start_ms;

	while (!has_ended()) {
		poll(NULL, 0, fuzz_below(f, 2 * away_ms + 1));
		start_ms = now_ms();
		command_check_end(command_start(unbind));
		poll(NULL, 0, fuzz_below(f, AWAY_MS));
		command_check_end(command_start(bind));
		away_ms = now_ms() - start_ms;
		cycles++;
	}
	printf("unbound and bound %u times\n", cycles);
	CHECK(cycles > 0);
}

static void check_totals(void)
{
	for (int call = 0; call < FUZZ_CALLS; call++) {
		struct fuzz_total total = total_of(call);

		printf("%s: %" PRIu64 " of %" PRIu64 "\n", call_names[call], total.successes,
		       total.calls);
		CHECK(total.successes > 0);
	}
}

static void check_device(void)
{
	struct hgshm_poke poke = { .index = HGSHM_POKE_ALL };
	int fd = device_open(device_path(), O_RDWR);
	struct hgshm_info info = device_info(fd);
	void *memory = device_map_memory(fd, &info);

	CHECK(memory);
	CHECK_EQUAL(ioctl(fd, HGSHM_IOC_POKE, &poke), 0);
	close(fd);
}

int main(int argc, char **argv)
{
	struct fuzzer binder = { 0 };
	pid_t processes[PROCESSES];
	uint64_t seed;

	if (argc != 3 && argc != 5)
		check_abort("usage: ioctl-fuzz SECONDS SEED [UNBIND BIND]");
	seed = strtoull(argv[2], NULL, 0);
	end_ms = now_ms() + atoi(argv[1]) * 1000LL;
	catch_signals();

	/* shared, so that the counts come back */
	fuzzers = mmap(NULL, PROCESSES * THREADS * sizeof(*fuzzers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzzers == MAP_FAILED)
		check_abort("mmap: %s", strerror(errno));
	/* the generator's state must not be 0 */
	for (int i = 0; i < PROCESSES * THREADS; i++)
		fuzzers[i].random = (seed + i + 1) * 0x9E3779B97F4A7C15ULL | 1;
	binder.random = seed | 1ULL << 63;

	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		processes[i] = fork();
		if (processes[i] < 0)
			check_abort("fork: %s", strerror(errno));
		if (processes[i] == 0)
			exit(run_process(&fuzzers[i * THREADS]));
	}
	if (argc == 5)
		rebind(&binder, argv[3], argv[4]);
	for (int i = 0; i < PROCESSES; i++)
		command_check_end(processes[i]);
	check_totals();
	check_device();
	return check_status();
}
