/* RFC 6455 on octets: the accept key, frame headers, masking. */

#include "load.h"

#include <sys/random.h>

static uint32_t rotate(uint32_t word, int bits) {
    return word << bits | word >> (32 - bits);
}

static void sha1Block(uint32_t *state, const uint8_t *block) {
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16
            | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20 ? (b & c) | (~b & d)
            : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d)
                                : b ^ c ^ d;
        static const uint32_t keys[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t next = rotate(a, 5) + f + e + keys[i / 20] + words[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

static void base64(char *text, const uint8_t *octets, size_t length) {
    static const char digits[]
        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)octets[i] << 16;
        if (i + 1 < length)
            group |= (uint32_t)octets[i + 1] << 8;
        if (i + 2 < length)
            group |= octets[i + 2];
        *text++ = digits[group >> 18];
        *text++ = digits[group >> 12 & 63];
        *text++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
        *text++ = i + 2 < length ? digits[group & 63] : '=';
    }
}

/* 4.2.2: the key, which is 24 octets, and the GUID are 60: SHA-1 pads them to two blocks. */
void acceptKey(const char *key, char *accept) {
    uint8_t blocks[128] = {0}, digest[20];
    uint32_t state[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(blocks, key, KEY_LENGTH);
    memcpy(blocks + KEY_LENGTH, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    blocks[60] = 0x80;
    blocks[126] = 60 * 8 >> 8;
    blocks[127] = 60 * 8 & 255;
    sha1Block(state, blocks);
    sha1Block(state, blocks + 64);
    for (int i = 0; i < 20; i++)
        digest[i] = state[i / 4] >> (24 - i % 4 * 8);
    base64(accept, digest, 20);
}

void randomKey(char *key) {
    uint8_t octets[16];
    if (getrandom(octets, 16, 0) != 16)
        fail("no random octets");
    base64(key, octets, 16);
}

size_t frameHeader(uint8_t *header, int first, uint64_t length, const uint8_t *mask) {
    size_t at = 2, octets = length < 126 ? 0 : length < 65536 ? 2 : 8;
    header[0] = first;
    header[1] = (octets == 0 ? length : octets == 2 ? 126 : 127) | (mask ? MASKED : 0);
    while (octets--)
        header[at++] = length >> 8 * octets;
    if (mask) {
        memcpy(header + at, mask, 4);
        at += 4;
    }
    return at;
}

void applyMask(uint8_t *target, const uint8_t *source, size_t length, const uint8_t *mask) {
    uint64_t wide, word;
    memcpy(&wide, mask, 4);
    memcpy((uint8_t *)&wide + 4, mask, 4);
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, source + at, 8);
        word ^= wide;
        memcpy(target + at, &word, 8);
    }
    for (; at < length; at++)
        target[at] = source[at] ^ mask[at & 3];
}
