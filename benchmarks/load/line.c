/* A TCP or TLS connection to 127.0.0.1, and its opening handshake. */

#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const int PATIENCE = 30; /* seconds, for each step of a handshake */

#ifdef HAVE_OPENSSL
static void startTLS(struct Line *line) {
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        /* What is measured is the server's echo, with a certificate of the day. */
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(context,
            SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    line->tls = SSL_new(context);
    SSL_set_fd(line->tls, line->fd);
    if (SSL_connect(line->tls) != 1)
        fail("TLS handshake failed");
}
#endif

static void connectLine(struct Line *line) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(options.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval patience = {.tv_sec = PATIENCE};
    int on = 1;
    memset(line, 0, sizeof *line);
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(line->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(line->fd, (struct sockaddr *)&address, sizeof address))
        fail("connect to port %d: %s", options.port, strerror(errno));
    if (options.isTLS) {
#ifdef HAVE_OPENSSL
        startTLS(line);
#else
        fail("compiled without OpenSSL");
#endif
    }
}

static const char *field(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *at = strstr(head, "\r\n"); at; at = strstr(at + 2, "\r\n"))
        if (!strncasecmp(at + 2, name, length) && at[2 + length] == ':')
            return at + 3 + length + strspn(at + 3 + length, " \t");
    return NULL;
}

size_t openLine(struct Line *line, uint8_t *rest, size_t room, int *resetsContext) {
    static const char offer[]
        = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    char key[KEY_LENGTH + 1] = {0}, accept[ACCEPT_LENGTH + 1] = {0}, head[4096 + 1];
    size_t have = 0;
    connectLine(line);
    randomKey(key);
    acceptKey(key, accept);
    int length = snprintf(head, sizeof head,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
        "Sec-WebSocket-Version: 13\r\n%s\r\n",
        options.port, key, options.isDeflate ? offer : "");
    if (writeLine(line, &(struct iovec){head, length}, 1) != (size_t)length)
        fail("the request was not sent");
    char *end = NULL;
    while (!end) {
        ssize_t got = readLine(line, head + have, sizeof head - 1 - have);
        if (got <= 0)
            fail("no response to the opening handshake");
        have += got;
        head[have] = 0;
        end = strstr(head, "\r\n\r\n");
    }
    end[2] = 0;
    end += 4;
    const char *accepted = field(head, "Sec-WebSocket-Accept");
    const char *extensions = field(head, "Sec-WebSocket-Extensions");
    if (strncmp(head, "HTTP/1.1 101", 12))
        fail("refused: %.*s", (int)strcspn(head, "\r"), head);
    if (!accepted || strncmp(accepted, accept, ACCEPT_LENGTH))
        fail("a wrong Sec-WebSocket-Accept");
    if (options.isDeflate && (!extensions || strncmp(extensions, "permessage-deflate", 18)))
        fail("permessage-deflate was not accepted");
    if (!options.isDeflate && extensions)
        fail("an extension that was not offered");
    if (resetsContext) {
        const char *line_ = extensions ? extensions : "\r";
        char value[256];
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line_, "\r"), line_);
        *resetsContext = strstr(value, "server_no_context_takeover") != NULL;
    }
    size_t more = head + have - end;
    if (more > room)
        fail("too much came with the response");
    memcpy(rest, end, more);
    return more;
}

void setBlocking(struct Line *line, int isBlocking) {
    int flags = fcntl(line->fd, F_GETFL);
    fcntl(line->fd, F_SETFL, isBlocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

ssize_t readLine(struct Line *line, void *octets, size_t room) {
#ifdef HAVE_OPENSSL
    if (line->tls) {
        int got = SSL_read(line->tls, octets, room);
        if (got > 0)
            return got;
        int error = SSL_get_error(line->tls, got);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? AGAIN : 0;
    }
#endif
    ssize_t got = recv(line->fd, octets, room, 0);
    return got >= 0 ? got : errno == EAGAIN || errno == EINTR ? AGAIN : 0;
}

size_t writeLine(struct Line *line, const struct iovec *parts, int count) {
#ifdef HAVE_OPENSSL
    if (line->tls) {
        size_t taken = 0;
        for (int i = 0; i < count; i++) {
            int sent = SSL_write(line->tls, parts[i].iov_base, parts[i].iov_len);
            if (sent > 0)
                taken += sent;
            if (sent < (int)parts[i].iov_len)
                break;
        }
        return taken;
    }
#endif
    struct msghdr whole = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
    ssize_t sent = sendmsg(line->fd, &whole, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        fail("send: %s", strerror(errno));
    return sent < 0 ? 0 : sent;
}

void closeLine(struct Line *line) {
#ifdef HAVE_OPENSSL
    if (line->tls)
        SSL_free(line->tls);
    line->tls = NULL;
#endif
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
}
