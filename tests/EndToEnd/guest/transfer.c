/*
 * Bulk data over TCP with a checksum at both ends, cheap enough that an emulated processor spends its time in the network:
 *   transfer send ADDRESS PORT MEBIBYTES    connects and sends pseudo-random bytes
 *   transfer receive ADDRESS PORT           connects and receives until the other side has no more
 *   transfer listen PORT                    as receive, but the other side connects; prints "listening" when it may
 * The last line is "BYTES CHECKSUM": FNV-1a over 64-bit little-endian words, in the order in which they went over the wire.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (1 << 18)

static union {
    uint64_t words[CHUNK / 8];
    char bytes[CHUNK];
} buffer;
static uint64_t checksum = 0xcbf29ce484222325;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void add(size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++)
        checksum = (checksum ^ le64toh(buffer.words[i])) * 0x100000001b3;
}

static int open_socket(const char *address, const char *port, int listens)
{
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

    if (s < 0 || !inet_aton(address, &peer.sin_addr))
        fail(address);
    if (!listens) {
        if (connect(s, (struct sockaddr *)&peer, sizeof peer))
            fail("connect");
        return s;
    }
    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(s, (struct sockaddr *)&peer, sizeof peer) || listen(s, 1))
        fail("listen");
    printf("listening\n");
    fflush(stdout);
    s = accept(s, NULL, NULL);
    if (s < 0)
        fail("accept");
    return s;
}

static uint64_t send_all(int s, long mebibytes)
{
    uint64_t total = 0, state = 0x9e3779b97f4a7c15;

    for (long chunk = 0; chunk < mebibytes * (1 << 20) / CHUNK; chunk++) {
        for (size_t i = 0; i < CHUNK / 8; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            buffer.words[i] = state;
        }
        add(CHUNK);
        for (size_t at = 0; at < CHUNK;) {
            ssize_t count = write(s, buffer.bytes + at, CHUNK - at);
            if (count < 0)
                fail("write");
            at += count;
            total += count;
        }
    }
    shutdown(s, SHUT_WR);
    return total;
}

static uint64_t receive_all(int s)
{
    uint64_t total = 0;
    size_t rest = 0;    /* Bytes of a word that has not arrived whole. */
    ssize_t count;

    while ((count = read(s, buffer.bytes + rest, CHUNK - rest)) > 0) {
        size_t have = rest + count;

        total += count;
        add(have);
        rest = have % 8;
        memmove(buffer.bytes, buffer.bytes + have - rest, rest);
    }
    if (count < 0)
        fail("read");
    return total;
}

int main(int argc, char **argv)
{
    uint64_t total;
    char end;

    if (argc == 5 && !strcmp(argv[1], "send")) {
        int s = open_socket(argv[2], argv[3], 0);

        total = send_all(s, atol(argv[4]));
        if (read(s, &end, 1) != 0)    /* The other side has it all. */
            fail("end of connection");
    } else if (argc == 4 && !strcmp(argv[1], "receive")) {
        total = receive_all(open_socket(argv[2], argv[3], 0));
    } else if (argc == 3 && !strcmp(argv[1], "listen")) {
        total = receive_all(open_socket("0.0.0.0", argv[2], 1));
    } else {
        fprintf(stderr, "usage: transfer send ADDRESS PORT MEBIBYTES | receive ADDRESS PORT | listen PORT\n");
        return 2;
    }
    printf("%llu %016llx\n", (unsigned long long)total, (unsigned long long)checksum);
    return 0;
}
