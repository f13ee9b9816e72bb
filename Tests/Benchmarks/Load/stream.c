// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sha1.h"

void fail(const char *format, ...) {
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, code ? " (%s)\n" : "\n", strerror(code));
    exit(1);
}

static void grow(char **buffer, size_t *size, size_t wanted) {
    if (wanted <= *size) return;
    while (*size < wanted) *size = *size ? *size * 2 : 1 << 18;
    *buffer = realloc(*buffer, *size);
    if (!*buffer) fail("out of memory");
}

void stream_put(struct stream *s, const char *text, size_t length) {
    grow(&s->out, &s->out_size, s->out_length + length);
    memcpy(s->out + s->out_length, text, length);
    s->out_length += length;
}

void stream_flush(struct stream *s) {
    while (s->out_done < s->out_length) {
        ssize_t n = send(s->fd, s->out + s->out_done, s->out_length - s->out_done, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) fail("%s: cannot write", s->domain);
        s->out_done += (size_t)n;
    }
    s->out_length = s->out_done = 0;
}

size_t stream_read(struct stream *s) {
    grow(&s->in, &s->in_size, s->in_length + (1 << 18));
    ssize_t n = recv(s->fd, s->in + s->in_length, s->in_size - s->in_length, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) fail("%s: the stream was closed", s->domain);
    s->in_length += (size_t)n;
    return (size_t)n;
}

int attribute(const char *text, size_t length, const char *name, char *out, size_t size) {
    const char *end = memchr(text, '>', length);
    char pattern[64];
    size_t width = (size_t)snprintf(pattern, sizeof pattern, " %s=", name);
    const char *at = end ? memmem(text, (size_t)(end - text), pattern, width) : NULL;
    if (!at || at + width >= end) return 0;
    const char *value = at + width + 1, *close = memchr(value, at[width], (size_t)(end - value));
    if (!close || (size_t)(close - value) >= size) return 0;
    memcpy(out, value, (size_t)(close - value));
    out[close - value] = 0;
    return 1;
}

// The length of the stanza at the start of the text, or 0 while it is not whole. Good for what servers send to
// components: no comments, and no stanza within a stanza of the same name.
static size_t whole(const char *text, size_t length) {
    const char *close = memchr(text, '>', length);
    if (!close) return 0;
    if (close[-1] == '/' || text[1] == '/' || text[1] == '?') return (size_t)(close + 1 - text);
    char end[40];
    size_t name = strcspn(text + 1, " />\t\r\n");
    if (name > 30) fail("a stanza that cannot be: %.40s", text);
    size_t width = (size_t)snprintf(end, sizeof end, "</%.*s>", (int)name, text + 1);
    const char *at = memmem(close, length - (size_t)(close - text), end, width);
    return at ? (size_t)(at - text) + width : 0;
}

static void answer_ping(struct stream *s, const char *stanza, size_t length) {
    char type[16], id[128], from[512], to[512], out[1400];
    if (!attribute(stanza, length, "type", type, sizeof type) || strcmp(type, "get") != 0) return;
    if (!attribute(stanza, length, "id", id, sizeof id) || !attribute(stanza, length, "from", from, sizeof from) ||
        !attribute(stanza, length, "to", to, sizeof to))
        return;
    int n = snprintf(out, sizeof out, "<iq type='result' id='%s' from='%s' to='%s'/>", id, to, from);
    stream_put(s, out, (size_t)n);
}

static void cut_records(struct stream *s, void (*message)(const char *, size_t)) {
    size_t at = 0;
    while (s->in_length - at >= 4) {
        uint32_t length;
        memcpy(&length, s->in + at, 4);
        length = ntohl(length);
        if (s->in_length - at - 4 < length) break;
        message(s->in + at + 4, length);
        at += 4 + (size_t)length;
    }
    s->in_length -= at;
    memmove(s->in, s->in + at, s->in_length);
}

void stream_cut(struct stream *s, void (*message)(const char *, size_t)) {
    if (s->records) {
        cut_records(s, message);
        return;
    }
    char *at = s->in, *end = s->in + s->in_length;
    for (;;) {
        while (at < end && (*at == ' ' || *at == '\n')) at++;
        size_t length = at < end && end - at > 8 ? whole(at, (size_t)(end - at)) : 0;
        if (!length) break;
        if (!strncmp(at, s->stanza, strlen(s->stanza))) message(at, length);
        else if (!strncmp(at, "<iq", 3)) answer_ping(s, at, length);
        else if (at[1] == '/' || !strncmp(at, "<stream:error", 13)) {
            errno = 0;
            fail("%s: the peer ended the stream: %.*s", s->domain, (int)length, at);
        }
        at += length;
    }
    s->in_length = (size_t)(end - at);
    memmove(s->in, at, s->in_length);
}

static void wait_readable(int fd, int seconds, const char *what) {
    struct pollfd poll_one = {fd, POLLIN, 0};
    errno = 0;
    if (poll(&poll_one, 1, seconds * 1000) <= 0) fail("nothing %s within %d s", what, seconds);
}

// Reads until the text has come and gives the place after it; what follows stays in the buffer.
static void await_text(struct stream *s, const char *text, int seconds, char *copy, size_t size) {
    for (;;) {
        char *at = s->in_length ? memmem(s->in, s->in_length, text, strlen(text)) : NULL;
        char *close = at ? memchr(at, '>', s->in_length - (size_t)(at - s->in)) : NULL;
        if (close && !strcmp(text, "<handshake>"))
            close = memmem(close, s->in_length - (size_t)(close - s->in), "</handshake>", 12);
        if (close) {
            if (*close == '<') close += 11;
            size_t length = (size_t)(close + 1 - at);
            snprintf(copy, size, "%.*s", (int)length, at);
            s->in_length -= (size_t)(close + 1 - s->in);
            memmove(s->in, close + 1, s->in_length);
            return;
        }
        wait_readable(s->fd, seconds, text);
        stream_read(s);
    }
}

static void say(struct stream *s, const char *format, const char *a, const char *b) {
    char text[1024];
    stream_put(s, text, (size_t)snprintf(text, sizeof text, format, a, b));
    stream_flush(s);
}

#define HEADER \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' " \
    "xmlns:stream='http://etherx.jabber.org/streams' "

static void handshake(const struct stream *s, const char *id, char hex[41]) {
    char text[512];
    int n = snprintf(text, sizeof text, "%s%s", id, s->secret);
    sha1_hex(text, (size_t)n, hex);
}

static void as_component(struct stream *s, int seconds) {
    char text[1024], id[256], hex[41];
    say(s, HEADER "to='%s'>", s->domain, "");
    await_text(s, "<stream:stream", seconds, text, sizeof text);
    if (!attribute(text, strlen(text), "id", id, sizeof id)) fail("%s: a stream header without an id", s->domain);
    handshake(s, id, hex);
    say(s, "<handshake>%s</handshake>", hex, "");
    await_text(s, "<handshake", seconds, text, sizeof text);
}

static void as_server(struct stream *s, int seconds) {
    char text[1024], id[32], hex[41], wanted[80];
    await_text(s, "<stream:stream", seconds, text, sizeof text);
    snprintf(id, sizeof id, "load%ld", random());
    say(s, HEADER "from='%s' id='%s'>", s->domain, id);
    await_text(s, "<handshake>", seconds, text, sizeof text);
    handshake(s, id, hex);
    snprintf(wanted, sizeof wanted, "<handshake>%s</handshake>", hex);
    if (strcmp(text, wanted) != 0) fail("%s: the component's handshake is wrong", s->domain);
    say(s, "<handshake/>", "", "");
}

static size_t base64(const char *text, size_t length, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    for (size_t i = 0; i < length; i += 3) {
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++) v = v << 8 | (i + k < length ? (unsigned char)text[i + k] : 0);
        for (size_t k = 0; k < 4; k++) out[n++] = i + k > length ? '=' : digits[v >> (18 - 6 * k) & 63];
    }
    out[n] = 0;
    return n;
}

static void as_client(struct stream *s, int seconds) {
    char text[1024], plain[512], code[700];
    const char *header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
                         "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='%s'>%s";
    const char *host = strchr(s->domain, '@');
    if (!host) fail("%s: not a user's address", s->domain);
    int user = (int)(host - s->domain);
    int n = snprintf(plain, sizeof plain, "%c%.*s%c%s", 0, user, s->domain, 0, s->secret);
    base64(plain, (size_t)n, code);
    say(s, header, host + 1, "");
    await_text(s, "</stream:features", seconds, text, sizeof text);
    say(s, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>%s", code, "");
    await_text(s, "<success", seconds, text, sizeof text);
    say(s, header, host + 1, "");
    await_text(s, "</stream:features", seconds, text, sizeof text);
    say(s, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "", "");
    await_text(s, "</iq", seconds, text, sizeof text);
}

static int listen_and_accept(struct sockaddr_in *address, int seconds) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)address, sizeof *address) || listen(listener, 8)) fail("cannot listen");
    wait_readable(listener, seconds, "dialled in");
    int fd = accept(listener, NULL, NULL);
    close(listener);
    return fd;
}

void stream_open(struct stream *s, const char *endpoint, int seconds) {
    char kind[16];
    unsigned port;
    memset(s, 0, sizeof *s);
    if (sscanf(endpoint, "%15[^:]:%u:%255[^:]:%127[^:]", kind, &port, s->domain, s->secret) != 4 || port > 65535)
        fail("want dial, accept, client or records and PORT:DOMAIN:SECRET, not %s", endpoint);
    s->records = !strcmp(kind, "records");
    s->stanza = "<message";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int accepts = !strcmp(kind, "accept"), one = 1;
    if (accepts) {
        s->fd = listen_and_accept(&address, seconds);
    } else {
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(s->fd, (void *)&address, sizeof address)) fail("%s: cannot connect to port %u", s->domain, port);
    }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
    if (accepts) as_server(s, seconds);
    else if (!strcmp(kind, "client")) as_client(s, seconds);
    else if (!s->records) as_component(s, seconds);
}
