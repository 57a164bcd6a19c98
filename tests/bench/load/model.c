/* A model that speaks as fast as it is told to, for thousands of tokens a second at next to no cost: each token is the time
 * at which it is due, so that whoever receives it knows how late it is, and a late sender cannot hide. */
#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 2048

int model_tokens = 50, model_streams;
double model_rate = 50;
uint64_t model_epoch;

typedef struct {
    conn c;
    int speaking, said;
    uint64_t start;
} stream;

static stream streams[MOST];
static conn listener;

static void chunk(conn *c, const char *data) {
    char out[900];
    int size = snprintf(out, sizeof out, "%zx\r\n%s\r\n", strlen(data), data);
    send_raw(c, out, (size_t)size);
}

static void say(conn *c, const char *delta, const char *reason) {
    char event[600];
    snprintf(event, sizeof event,
             "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"stand-in\",\"choices\":"
             "[{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]}\n\n",
             delta, reason);
    chunk(c, event);
}

static uint64_t due(const stream *s) { return s->start + (uint64_t)(s->said * (1e9 / model_rate)); }

static void finish(stream *s) {
    say(&s->c, "", "\"stop\"");
    chunk(&s->c, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"stand-in\",\"choices\":[],"
                 "\"usage\":{\"prompt_tokens\":900,\"completion_tokens\":50,\"total_tokens\":950}}\n\n");
    chunk(&s->c, "data: [DONE]\n\n");
    send_raw(&s->c, "0\r\n\r\n", 5);
    s->speaking = 0;
    model_streams--;
}

uint64_t model_run(void) {
    uint64_t now = now_ns(), next = now + 1000000000ull;
    for (int i = 0; i < MOST; i++) {
        stream *s = &streams[i];
        if (!s->speaking) continue;
        if (s->c.state == GONE) {
            s->speaking = 0;
            model_streams--;
            continue;
        }
        while (s->speaking && due(s) <= now) {
            char token[60];
            snprintf(token, sizeof token, "\"content\":\" %07llu\"", (unsigned long long)((due(s) - model_epoch) / 10000));
            say(&s->c, token, "null");
            if (++s->said >= model_tokens) finish(s);
        }
        if (s->speaking && due(s) < next) next = due(s);
    }
    return next;
}

static void answer(stream *s, const char *head) {
    if (strncmp(head, "POST", 4)) {
        const char *body = "{\"object\":\"list\",\"data\":[{\"id\":\"stand-in\",\"object\":\"model\"}]}";
        char out[400];
        int size = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(body), body);
        send_raw(&s->c, out, (size_t)size);
        return;
    }
    const char *ok = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    send_raw(&s->c, ok, strlen(ok));
    say(&s->c, "\"role\":\"assistant\",\"content\":\"\"", "null");
    s->start = now_ns();
    s->said = 0;
    s->speaking = 1;
    model_streams++;
}

static void request(conn *c) {
    char part[65536];
    for (;;) {
        ssize_t size = recv(c->fd, part, sizeof part, 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (size <= 0) {
            hang_up(c);
            return;
        }
        c->in = realloc(c->in, c->in_len + (size_t)size + 1);
        memcpy(c->in + c->in_len, part, (size_t)size);
        c->in_len += (size_t)size;
        c->in[c->in_len] = 0;
    }
    char *end = c->in ? strstr((char *)c->in, "\r\n\r\n") : NULL;
    if (!end) return;
    char *length = strcasestr((char *)c->in, "content-length:");
    size_t whole = (size_t)(end + 4 - (char *)c->in) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
    if (c->in_len < whole) return;
    c->in_len = 0;
    answer((stream *)c, (char *)c->in);
}

static void arrive(conn *l) {
    for (;;) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        if (fd < 0) return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        int i = 0;
        while (i < MOST && (streams[i].speaking || (streams[i].c.state != GONE && streams[i].c.fd))) i++;
        if (i == MOST) {
            close(fd);
            continue;
        }
        watch_fd(&streams[i].c, fd, request);
        streams[i].speaking = 0;
    }
}

void model_listen(int at_port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at_port)};
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024)) {
        perror("model");
        exit(1);
    }
    watch_fd(&listener, fd, arrive);
    model_epoch = now_ns();
}
