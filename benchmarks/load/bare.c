/*
 * The limit: a server that does only what no server can leave out.
 *
 * A message costs one recv and one send, and a share of an epoll_wait.  Frames are taken for
 * messages, nothing is validated, and each client is believed.
 */

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AREA = 1 << 16, LARGE = 16384, CORK = 1 << 16, EVENTS = 512 };

struct Client {
    int fd;
    int isOpen;
    uint8_t *held; /* octets that are not yet a frame */
    size_t have, room;
    uint8_t *unsent; /* what the kernel did not take; nothing is read until it has */
    size_t left;
    struct Client *next, *previous;
};

static int poll_;
static struct Client everyone = {.next = &everyone, .previous = &everyone};
static uint8_t area[AREA], cork[CORK + LARGE + 10];
static size_t corked;

static void watch(struct Client *client, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(poll_, EPOLL_CTL_MOD, client->fd, &event);
}

static void drop(struct Client *client) {
    close(client->fd);
    client->next->previous = client->previous;
    client->previous->next = client->next;
    free(client->held);
    free(client->unsent);
    free(client);
}

static void transmit(struct Client *client, const uint8_t *octets, size_t length) {
    ssize_t sent = 0;
    if (!client->left)
        sent = send(client->fd, octets, length, MSG_NOSIGNAL);
    if (sent < 0)
        sent = 0;
    if ((size_t)sent == length)
        return;
    client->unsent = realloc(client->unsent, client->left + length - sent);
    memcpy(client->unsent + client->left, octets + sent, length - sent);
    client->left += length - sent;
    watch(client, EPOLLOUT);
}

static void uncork(struct Client *client) {
    if (corked)
        transmit(client, cork, corked);
    corked = 0;
}

static void tellEveryone(const uint8_t *octets, size_t length) {
    for (struct Client *each = everyone.next; each != &everyone; each = each->next)
        if (each->isOpen)
            transmit(each, octets, length);
}

/* Answer a whole frame; its payload's key stands in the 4 octets before it. */
static int answer(struct Client *client, int first, uint8_t *payload, uint64_t length) {
    uint8_t key[4], header[10];
    memcpy(key, payload - 4, 4);
    if ((first & 15) == PING)
        first = FIN | PONG;
    size_t octets = frameHeader(header, first, length, NULL);
    if (length < LARGE && !options.isBroadcast) {
        memcpy(cork + corked, header, octets);
        applyMask(cork + corked + octets, payload, length, key);
        corked += octets + length;
        if (corked >= CORK)
            uncork(client);
    } else {
        /* A masked header is always the longer one. */
        applyMask(payload, payload, length, key);
        memcpy(payload - octets, header, octets);
        uncork(client);
        if (options.isBroadcast && (first & 15) < CLOSE)
            tellEveryone(payload - octets, octets + length);
        else
            transmit(client, payload - octets, octets + length);
    }
    return (first & 15) != CLOSE;
}

/* Answer the frames; give how many octets they were, or SIZE_MAX at the end. */
static size_t answerFrames(struct Client *client, uint8_t *octets, size_t have, size_t *needed) {
    size_t at = 0;
    *needed = 14;
    while (have - at >= 6) {
        uint8_t *frame = octets + at;
        uint64_t length = frame[1] & 127;
        size_t header = 6;
        if (length > 125) {
            int count = length == 126 ? 2 : 8;
            header += count;
            if (have - at < header)
                break;
            length = 0;
            for (int i = 0; i < count; i++)
                length = length << 8 | frame[2 + i];
        }
        *needed = header + length;
        if (have - at < *needed)
            break;
        *needed = 14;
        at += header + length;
        if (!answer(client, frame[0], frame + header, length)) {
            uncork(client);
            return SIZE_MAX;
        }
    }
    uncork(client);
    return at;
}

/* Answer a request; give its length, 0 if it is not whole. */
static size_t shakeHands(struct Client *client, uint8_t *octets, size_t have) {
    uint8_t *end = memmem(octets, have, "\r\n\r\n", 4);
    uint8_t *key = memmem(octets, have, "Sec-WebSocket-Key: ", 19);
    char accept[ACCEPT_LENGTH + 1] = {0}, response[256];
    if (!end)
        return 0;
    if (!key)
        fail("no Sec-WebSocket-Key");
    acceptKey((char *)key + 19, accept);
    int length = snprintf(response, sizeof response,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
        accept);
    transmit(client, (uint8_t *)response, length);
    client->isOpen = 1;
    return end + 4 - octets;
}

static void serve(struct Client *client) {
    uint8_t *octets = client->have ? client->held : area;
    size_t room = client->have ? client->room : sizeof area, at = 0, needed = 1024;
    ssize_t got = recv(client->fd, octets + client->have, room - client->have, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    size_t have = client->have + got;
    if (!client->isOpen)
        at = shakeHands(client, octets, have);
    if (client->isOpen) {
        size_t answered = answerFrames(client, octets + at, have - at, &needed);
        if (answered == SIZE_MAX) {
            drop(client);
            return;
        }
        at += answered;
    }
    client->have = have - at;
    if (!client->have) {
        if (client->room > CORK)
            return; /* the next one will be as large */
        free(client->held);
        client->held = NULL;
        client->room = 0;
        return;
    }
    if (needed < AREA)
        needed = AREA;
    if (octets == area) {
        if (client->room < needed) {
            free(client->held);
            client->held = malloc(needed);
            client->room = needed;
        }
        memcpy(client->held, octets + at, client->have);
    } else {
        if (at)
            memmove(client->held, client->held + at, client->have);
        if (client->room < needed) {
            client->held = realloc(client->held, needed);
            client->room = needed;
        }
    }
}

static void resume(struct Client *client) {
    ssize_t sent = send(client->fd, client->unsent, client->left, MSG_NOSIGNAL);
    if (sent < 0)
        return;
    client->left -= sent;
    memmove(client->unsent, client->unsent + sent, client->left);
    if (client->left)
        return;
    free(client->unsent);
    client->unsent = NULL;
    watch(client, EPOLLIN);
}

static void accept_(int listener) {
    int on = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct Client *client = calloc(1, sizeof *client);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        client->fd = fd;
        client->next = &everyone;
        client->previous = everyone.previous;
        client->next->previous = client->previous->next = client;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
    }
}

void runBare(void) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(options.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024))
        fail("listen: %s", strerror(errno));
    getsockname(listener, (struct sockaddr *)&address, &length);
    poll_ = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poll_, EPOLL_CTL_ADD, listener, &event);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(poll_, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct Client *client = events[i].data.ptr;
            if (!client)
                accept_(listener);
            else if (client->left)
                resume(client);
            else
                serve(client);
        }
    }
}
