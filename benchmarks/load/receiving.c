/* The frames of a server, cut anywhere: every octet is compared with what was sent. */

#include "load.h"

uint64_t compressedMessages, compressedOctets;

static void compare(struct Reader *reader, const uint8_t *octets, size_t length) {
    const struct Message *it = message(reader->number);
    if (reader->offset + length > it->size)
        fail("message %lu is too long", (unsigned long)reader->number);
    if (it->counterAt != SIZE_MAX && reader->offset < COUNTER && length) {
        uint8_t counter[COUNTER];
        size_t part = COUNTER - reader->offset;
        if (part > length)
            part = length;
        writeCounter(counter, reader->who, reader->number);
        if (memcmp(octets, counter + reader->offset, part))
            fail("message %lu has a wrong counter", (unsigned long)reader->number);
        reader->offset += part;
        octets += part;
        length -= part;
    }
    if (memcmp(octets, it->payload + reader->offset, length))
        fail("message %lu differs", (unsigned long)reader->number);
    reader->offset += length;
}

static void decompress(struct Reader *reader, const uint8_t *octets, size_t length) {
#ifdef HAVE_ZLIB
    static uint8_t area[65536];
    if (!reader->inflater) {
        reader->inflater = calloc(1, sizeof *reader->inflater);
        inflateInit2(reader->inflater, -15);
    }
    z_stream *stream = reader->inflater;
    stream->next_in = (uint8_t *)octets;
    stream->avail_in = length;
    do {
        stream->next_out = area;
        stream->avail_out = sizeof area;
        int result = inflate(stream, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR)
            fail("message %lu cannot be decompressed", (unsigned long)reader->number);
        compare(reader, area, sizeof area - stream->avail_out);
    } while (!stream->avail_out || stream->avail_in);
#else
    (void)reader, (void)octets, (void)length;
    fail("a compressed message, and no zlib");
#endif
}

static void endMessage(struct Reader *reader) {
    if (reader->isCompressed) {
        /* RFC 7692 7.2.2 */
        decompress(reader, (const uint8_t *)"\0\0\xff\xff", 4);
        compressedMessages++;
#ifdef HAVE_ZLIB
        if (reader->resetsContext)
            inflateReset(reader->inflater);
#endif
    }
    if (reader->offset != message(reader->number)->size)
        fail("message %lu is too short", (unsigned long)reader->number);
    reader->offset = 0;
    reader->isInMessage = 0;
    reader->number++;
}

static void beginFrame(struct Reader *reader) {
    const uint8_t *header = reader->header;
    int opcode = header[0] & 15;
    uint64_t length = header[1] & 127;
    if (header[1] & MASKED)
        fail("a masked frame");
    if (length > 125) {
        int octets = length == 126 ? 2 : 8;
        length = 0;
        for (int i = 0; i < octets; i++)
            length = length << 8 | header[2 + i];
    }
    reader->opcode = opcode;
    reader->isFinal = header[0] & FIN;
    reader->left = length;
    reader->isInFrame = 1;
    reader->headerLength = 0;
    reader->controlLength = 0;
    if (opcode >= CLOSE) {
        if (length > sizeof reader->control || !reader->isFinal)
            fail("a wrong control frame");
        return;
    }
    if ((opcode == CONTINUATION) != reader->isInMessage)
        fail("frames out of order");
    if (!reader->isInMessage) {
        if (opcode != (strcmp(options.kind, "bytes") ? TEXT : BYTES))
            fail("opcode %d", opcode);
        reader->isInMessage = 1;
        reader->isCompressed = header[0] & RSV1;
        if (reader->isCompressed && !options.isDeflate)
            fail("RSV1");
    }
}

static size_t headerSize(const uint8_t *header, size_t have) {
    if (have < 2)
        return 2;
    int length = header[1] & 127;
    return length == 126 ? 4 : length == 127 ? 10 : 2;
}

unsigned receive(struct Reader *reader, const uint8_t *octets, size_t length, void *owner) {
    unsigned ended = 0;
    const uint8_t *end = octets + length;
    while (octets < end || (reader->isInFrame && !reader->left)) {
        if (!reader->isInFrame) {
            reader->header[reader->headerLength++] = *octets++;
            if (reader->headerLength == headerSize(reader->header, reader->headerLength))
                beginFrame(reader);
            continue;
        }
        size_t part = end - octets;
        if (part > reader->left)
            part = reader->left;
        if (reader->opcode >= CLOSE) {
            memcpy(reader->control + reader->controlLength, octets, part);
            reader->controlLength += part;
        } else if (reader->isCompressed) {
            decompress(reader, octets, part);
            compressedOctets += part;
        } else {
            compare(reader, octets, part);
        }
        octets += part;
        reader->left -= part;
        if (reader->left)
            continue;
        reader->isInFrame = 0;
        if (reader->opcode == CLOSE)
            fail("closed by the server: %d %.*s",
                reader->controlLength < 2 ? 1005 : reader->control[0] << 8 | reader->control[1],
                reader->controlLength < 2 ? 0 : reader->controlLength - 2, reader->control + 2);
        if (reader->opcode == PING)
            answerPing(owner, reader->control, reader->controlLength);
        if (reader->opcode < CLOSE && reader->isFinal) {
            endMessage(reader);
            ended++;
        }
    }
    return ended;
}
