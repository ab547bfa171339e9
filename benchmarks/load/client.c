/*
 * The load: connections that keep messages in flight, or wait.
 *
 * What a connection sends is a function of the message's number; so all that is kept
 * of what was not taken yet is that number and an offset.
 */

#include "load.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { AREA = 1 << 18, FLAT = 16384, EVENTS = 512, BUCKETS = 64 * 40 };
static const uint64_t SECOND = 1000000000;
static const uint64_t STALL = 20; /* seconds without a message: something hangs */

struct Peer {
    struct Line line;
    struct Reader reader;
    uint64_t number; /* of the message that is sent next */
    size_t taken; /* octets of it */
    unsigned owed; /* messages that may be sent */
    int waitsToWrite;
    uint64_t *sentAt; /* a ring, by number */
};

static struct Peer *peers;
static int opened, poll_;
static uint8_t area[AREA];
static uint64_t latencies[BUCKETS], messages;

/* A bucket is at most 1/32 wide. */
static int bucketOf(uint64_t value) {
    int shift = value < 64 ? 0 : 58 - __builtin_clzll(value);
    int bucket = shift * 32 + (value >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double percentile(double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += latencies[i];
    for (int i = 0; i < BUCKETS; i++) {
        seen += latencies[i];
        if (seen && seen >= total * share) {
            int shift = i < 64 ? 0 : i / 32 - 1;
            return (i - shift * 32 + 0.5) * (1ull << shift) / 1000.0;
        }
    }
    return 0;
}

static void watch(struct Peer *peer, int isNew) {
    struct epoll_event event = {
        .events = EPOLLIN | (peer->waitsToWrite ? EPOLLOUT : 0),
        .data.ptr = peer,
    };
    epoll_ctl(poll_, isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, peer->line.fd, &event);
}

/* Put the first octets of a message's frames down, its counter masked in. */
static void copyFrames(struct Peer *peer, uint64_t number, uint8_t *target, size_t length) {
    const struct Message *it = message(number);
    memcpy(target, it->frames, length);
    if (it->counterAt != SIZE_MAX) {
        uint8_t counter[COUNTER];
        writeCounter(counter, peer->reader.who, number);
        applyMask(target + it->counterAt, counter, COUNTER, mask);
    }
}

/* Offer what is owed, as much as fits; give what was taken, and set what was offered. */
static size_t offer(struct Peer *peer, size_t *offered) {
    static uint8_t flat[4 * FLAT];
    const struct Message *it = message(peer->number);
    struct iovec parts[2];
    int count = 1;
    size_t length = 0;
    if (it->length > FLAT) {
        size_t head = it->counterAt + COUNTER;
        count = 0;
        if (peer->taken < head) {
            copyFrames(peer, peer->number, flat, head);
            parts[count++] = (struct iovec){flat + peer->taken, head - peer->taken};
        }
        size_t from = peer->taken > head ? peer->taken : head;
        parts[count++] = (struct iovec){it->frames + from, it->length - from};
        *offered = it->length - peer->taken;
        return writeLine(&peer->line, parts, count);
    }
    for (unsigned i = 0; i < peer->owed; i++) {
        size_t next = message(peer->number + i)->length;
        if (length + next > sizeof flat)
            break;
        copyFrames(peer, peer->number + i, flat + length, next);
        length += next;
    }
    *offered = length - peer->taken;
    parts[0] = (struct iovec){flat + peer->taken, *offered};
    return writeLine(&peer->line, parts, count);
}

static void sendOwed(struct Peer *peer) {
    uint64_t began = now();
    while (peer->owed) {
        size_t offered, sent = offer(peer, &offered);
        int isShort = sent < offered;
        if (peer->sentAt && !peer->taken)
            peer->sentAt[peer->number % options.inFlight] = began;
        peer->taken += sent;
        while (peer->owed && peer->taken >= message(peer->number)->length) {
            peer->taken -= message(peer->number)->length;
            peer->number++;
            peer->owed--;
            if (peer->sentAt)
                peer->sentAt[peer->number % options.inFlight] = began;
        }
        if (isShort != peer->waitsToWrite) {
            peer->waitsToWrite = isShort;
            watch(peer, 0);
        }
        if (isShort)
            return;
    }
}

void answerPing(void *owner, const uint8_t *payload, size_t length) {
    struct Peer *peer = owner;
    uint8_t frame[6 + 125];
    if (peer->taken)
        return; /* amid a message: it will be answered enough by the message itself */
    size_t header = frameHeader(frame, FIN | PONG, length, mask);
    applyMask(frame + header, payload, length, mask);
    writeLine(&peer->line, &(struct iovec){frame, header + length}, 1);
}

/* The end of n messages: note their latency, owe as many. */
static void messagesEnded(struct Peer *peer, unsigned count) {
    static int delivered;
    messages += count;
    if (options.isBroadcast) {
        delivered += count;
        if (delivered == opened) {
            delivered = 0;
            latencies[bucketOf(now() - peers->sentAt[0])]++;
            peers->owed++;
            sendOwed(peers);
        }
        return;
    }
    uint64_t ended = now();
    for (unsigned i = 0; i < count; i++) {
        uint64_t number = peer->reader.number - count + i;
        latencies[bucketOf(ended - peer->sentAt[number % options.inFlight])]++;
    }
    peer->owed += count;
    sendOwed(peer);
}

/* Read all there is; give the number of messages that ended. */
static unsigned readAll(struct Peer *peer) {
    unsigned count = 0;
    for (;;) {
        ssize_t got = readLine(&peer->line, area, sizeof area);
        if (got == 0)
            fail("the server ended a connection");
        if (got == AGAIN)
            return count;
        count += receive(&peer->reader, area, got, peer);
        /* TLS may hold back what the socket no longer shows. */
        if ((size_t)got < sizeof area && !options.isTLS)
            return count;
    }
}

static void openPeers(int count) {
    for (; count--; opened++) {
        struct Peer *peer = &peers[opened];
        uint8_t rest[4096];
        int resetsContext = 0;
        size_t length = openLine(&peer->line, rest, sizeof rest, &resetsContext);
        peer->reader.resetsContext = resetsContext;
        peer->reader.who = options.isBroadcast ? 0 : opened;
        if (!strcmp(options.kind, "json") && !options.isBroadcast)
            peer->number = peer->reader.number = opened * 5ull;
        setBlocking(&peer->line, 0);
        watch(peer, 1);
        receive(&peer->reader, rest, length, peer);
    }
}

/* Wait, and read; give how many peers had something. */
static int turn(void (*ended)(struct Peer *, unsigned)) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poll_, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
        struct Peer *peer = events[i].data.ptr;
        unsigned done;
        if (!peer)
            continue;
        if (events[i].events & EPOLLOUT)
            sendOwed(peer);
        if (events[i].events & ~EPOLLOUT && (done = readAll(peer)))
            ended(peer, done);
    }
    return count;
}

/* Send a Close frame to everyone, and wait until they are gone, for a while. */
static void farewell(void) {
    uint8_t frame[8];
    size_t header = frameHeader(frame, FIN | CLOSE, 2, mask);
    uint64_t deadline = now() + 3 * SECOND;
    int left = 0;
    applyMask(frame + header, (const uint8_t *)"\x03\xe8", 2, mask);
    for (int i = 0; i < opened; i++) {
        if (peers[i].taken || peers[i].owed
            || !writeLine(&peers[i].line, &(struct iovec){frame, header + 2}, 1))
            closeLine(&peers[i].line);
        else
            left++;
    }
    while (left && now() < deadline) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll_, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct Peer *peer = events[i].data.ptr;
            if (peer && !readLine(&peer->line, area, sizeof area)) {
                closeLine(&peer->line);
                left--;
            }
        }
    }
}

void runEcho(void) {
    makeMessages();
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc(options.connections, sizeof *peers);
    for (int i = 0; i < options.connections; i++)
        peers[i].sentAt = calloc(options.inFlight, sizeof *peers[i].sentAt);
    openPeers(options.connections);
    for (int i = 0; i < (options.isBroadcast ? 1 : opened); i++) {
        peers[i].owed = options.isBroadcast ? 1 : options.inFlight;
        sendOwed(&peers[i]);
    }

    uint64_t start = now() + options.warmup * SECOND, end = 0, seen = 0;
    uint64_t alive = now();
    struct Window window;
    for (;;) {
        turn(messagesEnded);
        uint64_t time = now();
        if (messages != seen)
            alive = time;
        seen = messages;
        if (time - alive > STALL * SECOND)
            fail("no message in %d s", (int)STALL);
        if (!end && time >= start && messages >= (uint64_t)opened) {
            memset(latencies, 0, sizeof latencies);
            seen = messages = compressedMessages = compressedOctets = 0;
            beginWindow(&window);
            end = window.began + options.seconds * SECOND;
        } else if (end && time >= end && messages) {
            break;
        }
    }
    printWindow(&window, messages);
    printf(", \"p50\": %.3f, \"p99\": %.3f", percentile(0.5), percentile(0.99));
    if (options.isDeflate)
        printf(", \"compressed\": %lu, \"size\": %.1f", (unsigned long)compressedMessages,
            (double)compressedOctets / messages);
    printf("}\n");
    fflush(stdout);
    farewell();
}

static void stay(struct Peer *peer, unsigned count) {
    (void)peer;
    messages += count;
}

/* Open as many as each line of standard input says, and hold them until it ends. */
void runIdle(void) {
    struct epoll_event event = {.events = EPOLLIN};
    char line[32];
    makeMessages();
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc(options.connections, sizeof *peers);
    epoll_ctl(poll_, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    for (;;) {
        struct epoll_event first;
        turn(stay);
        if (epoll_wait(poll_, &first, 1, 0) != 1 || first.data.ptr)
            continue;
        ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
        if (length <= 0)
            break;
        line[length] = 0;
        int more = atoi(line), from = opened;
        if (more > options.connections - opened)
            fail("room for %d connections", options.connections);
        openPeers(more);
        uint64_t wanted = messages + more;
        for (int i = from; options.isUsed && i < opened; i++) {
            peers[i].owed = 1;
            sendOwed(&peers[i]);
        }
        while (options.isUsed && messages < wanted)
            turn(stay);
        printf("{\"open\": %d}\n", opened);
        fflush(stdout);
    }
    farewell();
}
