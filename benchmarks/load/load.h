/* The load client and the bare server: what their parts share. */

#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef HAVE_OPENSSL
#include <openssl/ssl.h>
#endif
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

enum { CONTINUATION = 0, TEXT = 1, BYTES = 2, CLOSE = 8, PING = 9, PONG = 10 };
enum { FIN = 0x80, RSV1 = 0x40, MASKED = 0x80, ACCEPT_LENGTH = 28, KEY_LENGTH = 24 };

/* What the command line says; sizes are octets, times are seconds. */
struct Options {
    const char *mode;
    int port;
    int pid; /* of the server whose CPU time is measured; 0: none */
    int connections;
    int inFlight; /* messages, on each connection */
    int fragments; /* of each message */
    size_t size; /* of a message */
    const char *kind; /* text, bytes or json */
    int isDeflate;
    int isTLS;
    int isBroadcast; /* the bare server sends each message to everyone */
    int isUsed; /* idle connections have echoed one message first */
    double seconds;
    double warmup;
};
extern struct Options options;

/* main.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t now(void); /* nanoseconds, monotonic */
uint64_t spent(int pid); /* nanoseconds on a CPU, of all threads of a process */

/* What is measured, between two calls. */
struct Window {
    uint64_t began, cpu, own;
};
void beginWindow(struct Window *window);
/* Print what every mode measures, and leave the line open. */
void printWindow(const struct Window *window, uint64_t messages);

/* wire.c: RFC 6455 on octets. */
void acceptKey(const char *key, char *accept);
void randomKey(char *key);
size_t frameHeader(uint8_t *header, int first, uint64_t length, const uint8_t *mask);
void applyMask(uint8_t *target, const uint8_t *source, size_t length, const uint8_t *mask);

/* line.c: a TCP or TLS connection to the server. */
struct Line {
    int fd;
#ifdef HAVE_OPENSSL
    SSL *tls;
#endif
};
enum { AGAIN = -1 };

/* Connect and shake hands; give how many octets of frames came behind the response. */
size_t openLine(struct Line *line, uint8_t *rest, size_t room, int *resetsContext);
void setBlocking(struct Line *line, int isBlocking);
/* Octets; 0 at the end of the stream; AGAIN when there are none now. */
ssize_t readLine(struct Line *line, void *octets, size_t room);
/* Octets taken; 0 when none can be. */
size_t writeLine(struct Line *line, const struct iovec *parts, int count);
void closeLine(struct Line *line);

/* messages.c: what is sent, and what has to come back. */
enum { COUNTER = 16 };

struct Message {
    uint8_t *frames; /* as the server gets them, masked */
    size_t length;
    size_t counterAt; /* in frames; SIZE_MAX: it is the same each time */
    uint8_t *payload;
    size_t size;
};
extern const uint8_t mask[4];

void makeMessages(void);
const struct Message *message(uint64_t number);
void writeCounter(uint8_t *octets, int who, uint64_t number);

/* receiving.c: the frames of the server, cut anywhere. */
struct Reader {
    uint8_t header[10];
    uint8_t headerLength;
    uint8_t opcode;
    uint8_t isFinal;
    uint8_t isInFrame;
    uint8_t isInMessage;
    uint8_t isCompressed;
    uint8_t resetsContext;
    uint8_t controlLength;
    int who; /* whose counter the messages bear */
    uint64_t left; /* of this frame's payload */
    uint64_t offset; /* in this message */
    uint64_t number; /* of this message */
    uint8_t control[125];
#ifdef HAVE_ZLIB
    z_stream *inflater;
#endif
};
extern uint64_t compressedMessages, compressedOctets;

/* Verify octets; give how many messages they ended.  Pings are handed to answer. */
unsigned receive(struct Reader *reader, const uint8_t *octets, size_t length, void *owner);
void answerPing(void *owner, const uint8_t *payload, size_t length);

/* The modes. */
void runEcho(void); /* client.c */
void runIdle(void);
void runHandshakes(void); /* handshakes.c */
void runBare(void); /* bare.c */

#endif
