/* One connection after the other: open, close, and once more. */

#include "load.h"

static void once(void) {
    struct Line line;
    uint8_t octets[4096];
    size_t have = openLine(&line, octets, sizeof octets, NULL);
    uint8_t frame[8];
    size_t header = frameHeader(frame, FIN | CLOSE, 2, mask);
    applyMask(frame + header, (const uint8_t *)"\x03\xe8", 2, mask);
    writeLine(&line, &(struct iovec){frame, header + 2}, 1);
    /* 7.1.1: it is the server that ends the connection. */
    ssize_t got;
    while (have < sizeof octets && (got = readLine(&line, octets + have, sizeof octets - have)) > 0)
        have += got;
    if (have != 4 || memcmp(octets, "\x88\x02\x03\xe8", 4))
        fail("the Close frame was not answered with the like");
    closeLine(&line);
}

void runHandshakes(void) {
    uint64_t start = now();
    while (now() - start < options.warmup * 1e9)
        once();
    struct Window window;
    uint64_t count = 0;
    beginWindow(&window);
    for (; now() - window.began < options.seconds * 1e9; count++)
        once();
    printWindow(&window, count);
    printf("}\n");
}
