/*
 * What io_uring could bring to a tap: frames written one writev at a time, as TapWriter does, beside the same writes handed to the kernel in batches through
 * io_uring, with and without a registered descriptor. Run by `run.sh` in a namespace of its own; prints nanoseconds a frame.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES 256

static unsigned *sq_head, *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static int ring_fd;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void ring_setup(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };
	ring_fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (ring_fd < 0)
		die("io_uring_setup");
	char *sq = mmap(0, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQ_RING);
	char *cq = mmap(0, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_CQ_RING);
	sqes = mmap(0, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_fd, IORING_OFF_SQES);
	sq_head = (unsigned *)(sq + p.sq_off.head);
	sq_tail = (unsigned *)(sq + p.sq_off.tail);
	sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
	sq_array = (unsigned *)(sq + p.sq_off.array);
	cq_head = (unsigned *)(cq + p.cq_off.head);
	cq_tail = (unsigned *)(cq + p.cq_off.tail);
	cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static long batch(int fd, int fixed, int opcode, struct iovec *iov, int pieces, int count)
{
	unsigned tail = *sq_tail;
	for (int i = 0; i < count; i++, tail++) {
		unsigned at = tail & *sq_mask;
		struct io_uring_sqe *e = &sqes[at];
		memset(e, 0, sizeof *e);
		e->opcode = opcode;
		e->fd = fixed ? 0 : fd;
		e->flags = fixed ? IOSQE_FIXED_FILE : 0;
		e->addr = (unsigned long)iov;
		e->len = pieces;
		e->off = -1;
		sq_array[at] = at;
	}
	__atomic_store_n(sq_tail, tail, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring_fd, count, count, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	long good = 0;
	unsigned head = *cq_head, end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
	for (; head != end; head++)
		good += cqes[head & *cq_mask].res > 0;
	__atomic_store_n(cq_head, head, __ATOMIC_RELEASE);
	return good;
}

int main(int argc, char **argv)
{
	int size = argc > 1 ? atoi(argv[1]) : 64, napi = argc > 2 && atoi(argv[2]);
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (napi ? IFF_NAPI : 0) };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), header = 12;
	strcpy(ifr.ifr_name, "tap0");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETVNETHDRSZ, &header))
		die("tap0");
	if (system("ip link set tap0 up"))
		die("ip link");
	char vnet[12] = { 0 }, *frame = calloc(1, size);
	frame[0] = 2;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	struct iovec iov[2] = { { vnet, 12 }, { frame, size } };
	ring_setup();
	if (syscall(SYS_io_uring_register, ring_fd, IORING_REGISTER_FILES, &fd, 1))
		die("IORING_REGISTER_FILES");
	const long n = 400000;
	for (int round = 0; round < 3; round++) {
		double t = now();
		for (long i = 0; i < n; i++)
			if (writev(fd, iov, 2) < 0)
				die("writev");
		printf("writev %.0f", (now() - t) / n);
		int sizes[] = { 1, 8, 32, 128 };
		for (int fixed = 0; fixed < 2; fixed++)
			for (int k = 0; k < 4; k++) {
				long good = 0;
				t = now();
				for (long i = 0; i < n; i += sizes[k])
					good += batch(fd, fixed, IORING_OP_WRITEV, iov, 2, sizes[k]);
				printf("  uring%s x%d %.0f%s", fixed ? " fixed" : "", sizes[k], (now() - t) / n, good < n ? " (lost some)" : "");
			}
		printf("\n");
	}
	return 0;
}
