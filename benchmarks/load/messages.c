/*
 * What is sent, and what has to come back.
 *
 * All is masked (and compressed) before anything is measured: to send a message is to
 * copy its frames and to put a counter into the first 16 octets of its payload.
 * Messages of JSON, for compression, bear their number in the text: a pool of them, longer
 * than the 32 KiB that deflate remembers, is sent round and round.
 */

#include "load.h"

enum { POOL = 128 };

const uint8_t mask[4] = {0x9d, 0x37, 0xe2, 0x5b};

static struct Message pool[POOL];
static size_t pooled;

static uint32_t nextRandom(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state;
}

static void fill(uint8_t *payload, size_t size) {
    static const uint8_t letters[] = "etaoin shrdlu,cmfwypvbgkqjxz0123";
    int isText = !strcmp(options.kind, "text");
    for (size_t i = 0; i < size; i++)
        payload[i] = isText ? letters[nextRandom() >> 27] : nextRandom() >> 24;
}

static size_t writeJSON(char *text, size_t room, int number) {
    static const char *const names[] = {"anna", "bela", "carla", "dario", "emil", "fatima"};
    size_t length = snprintf(text, room, "{\"type\":\"update\",\"sequence\":%d,\"rows\":[", number);
    while (length + 120 < room)
        length += snprintf(text + length, room - length,
            "{\"id\":%u,\"name\":\"%s\",\"price\":%u.%02u,\"isOpen\":%s},", nextRandom() % 1000000,
            names[nextRandom() % 6], nextRandom() % 1000, nextRandom() % 100,
            nextRandom() & 1 ? "true" : "false");
    length--; /* the last comma */
    length += snprintf(text + length, room - length, "]}");
    while (length < room)
        text[length++] = ' ';
    return length;
}

/* Cut a payload into masked frames. */
static void frame(struct Message *it, int first, const uint8_t *octets, size_t size) {
    size_t count = options.fragments, share = size / count, at = 0;
    if (share < COUNTER)
        fail("fragments of %zu octets are too short for a counter", share);
    it->frames = malloc(size + 14 * count);
    for (size_t i = 0; i < count; i++) {
        size_t part = i + 1 < count ? share : size - at;
        int octet = (i ? CONTINUATION : first) | (i + 1 < count ? 0 : FIN);
        it->length += frameHeader(it->frames + it->length, octet, part, mask);
        if (!i)
            it->counterAt = it->length;
        applyMask(it->frames + it->length, octets + at, part, mask);
        it->length += part;
        at += part;
    }
}

static void makePlain(void) {
    struct Message *it = &pool[0];
    pooled = 1;
    it->size = options.size;
    it->payload = malloc(it->size);
    fill(it->payload, it->size);
    frame(it, strcmp(options.kind, "bytes") ? TEXT : BYTES, it->payload, it->size);
}

static void makeJSON(void) {
    pooled = POOL;
    for (int i = 0; i < POOL; i++) {
        struct Message *it = &pool[i];
        it->payload = malloc(options.size + 1);
        it->size = writeJSON((char *)it->payload, options.size, i);
        if (!options.isDeflate) {
            frame(it, TEXT, it->payload, it->size);
        } else {
#ifdef HAVE_ZLIB
            /* Each message for itself, which every agreement allows. */
            size_t room = it->size + 1024;
            uint8_t *octets = malloc(room);
            z_stream stream = {.next_in = it->payload,
                .avail_in = it->size,
                .next_out = octets,
                .avail_out = room};
            deflateInit2(&stream, 6, Z_DEFLATED, -11, 8, Z_DEFAULT_STRATEGY);
            if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in)
                fail("deflate");
            /* RFC 7692 7.2.1: without the last four octets. */
            frame(it, TEXT | RSV1, octets, room - stream.avail_out - 4);
            deflateEnd(&stream);
            free(octets);
#else
            fail("compiled without zlib");
#endif
        }
        it->counterAt = SIZE_MAX;
    }
}

void makeMessages(void) {
    if (strcmp(options.kind, "json"))
        makePlain();
    else
        makeJSON();
}

const struct Message *message(uint64_t number) {
    return &pool[number % pooled];
}

/* 16 hexadecimal digits: so it is text as well. */
void writeCounter(uint8_t *octets, int who, uint64_t number) {
    uint64_t value = (uint64_t)who << 40 | (number & 0xffffffffffu);
    for (int i = COUNTER; i--; value >>= 4)
        octets[i] = "0123456789abcdef"[value & 15];
}
