/* XOR with a masking key, repeated: 64 bits at a time, more where there is more. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where the compiler and the loader can choose by processor, have them do so. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) \
    && defined(__GNUC__) && !defined(__clang__)
#define WSAGENT_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define WSAGENT_CLONES
#endif

#define WSAGENT_SHORT 128

/* Whole words only; neither side is aligned. */
WSAGENT_CLONES
static void
wsagent_maskWords(unsigned char *target, const unsigned char *source,
                  size_t words, uint64_t key)
{
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, source + 8 * i, 8);
        word ^= key;
        memcpy(target + 8 * i, &word, 8);
    }
}

static inline void
wsagent_mask(unsigned char *target, const unsigned char *source, size_t length,
             const unsigned char *octets)
{
    uint32_t half;
    uint64_t key, word;
    size_t done = 0;

    memcpy(&half, octets, 4);
    key = (uint64_t)half << 32 | half;
    if (length > WSAGENT_SHORT) {
        done = length & ~(size_t)7;
        wsagent_maskWords(target, source, done / 8, key);
    }
    for (; length - done >= 8; done += 8) {
        memcpy(&word, source + done, 8);
        word ^= key;
        memcpy(target + done, &word, 8);
    }
    for (; done < length; done++)
        target[done] = source[done] ^ octets[done & 3];
}

/* Whole words only. */
WSAGENT_CLONES
static uint64_t
wsagent_highBits(const unsigned char *octets, size_t words)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, octets + 8 * i, 8);
        bits |= word;
    }
    return bits & 0x8080808080808080u;
}

static inline int
wsagent_isASCII(const unsigned char *octets, size_t length)
{
    size_t done = 0;
    uint64_t word, bits = 0;

    if (length > WSAGENT_SHORT) {
        done = length & ~(size_t)7;
        bits = wsagent_highBits(octets, done / 8);
    }
    for (; length - done >= 8; done += 8) {
        memcpy(&word, octets + done, 8);
        bits |= word;
    }
    for (; done < length; done++)
        bits |= (uint64_t)octets[done] << 56;
    return (bits & 0x8080808080808080u) == 0;
}
