#define _GNU_SOURCE
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

handlers on;
int port, ready_count, gone_count;
const char *path = "/", *origin = "", *host = "127.0.0.1";

static int poller;

uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

double cpu_seconds(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

void net_start(void) { poller = epoll_create1(EPOLL_CLOEXEC); }

static void listen_for(conn *c, uint32_t events, int how) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(poller, how, c->fd, &e);
}

void hang_up(conn *c) {
    if (c->state == GONE) return;
    if (c->state == OPEN) ready_count--;
    c->state = GONE;
    gone_count++;
    close(c->fd);                                 /* also takes it out of the poller */
    free(c->in);
    free(c->out);
    c->in = c->out = NULL;
    c->in_len = c->in_cap = c->out_len = c->out_cap = 0;
    if (on.gone) on.gone(c);
}

void watch_fd(conn *c, int fd, void (*on_bytes)(conn *)) {
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->state = OPEN;
    c->on_bytes = on_bytes;
    listen_for(c, EPOLLIN, EPOLL_CTL_ADD);
}

void dial(conn *c, int index) {
    memset(c, 0, sizeof *c);
    c->index = index;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        perror("socket");
        exit(1);
    }
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->state = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        hang_up(c);
        return;
    }
    listen_for(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void grow(uint8_t **data, size_t *cap, size_t need) {
    if (need <= *cap) return;
    size_t size = *cap ? *cap : 2048;
    while (size < need) size *= 2;
    *data = realloc(*data, size);
    *cap = size;
}

static void flush(conn *c) {
    size_t done = 0;
    while (done < c->out_len) {
        ssize_t sent = send(c->fd, c->out + done, c->out_len - done, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) break;
            hang_up(c);
            return;
        }
        done += (size_t)sent;
    }
    memmove(c->out, c->out + done, c->out_len - done);
    c->out_len -= done;
    if (c->state != CONNECTING) listen_for(c, c->out_len ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

void send_raw(conn *c, const void *data, size_t size) {
    if (c->state == GONE) return;
    if (!c->out_len) {                            /* usually the kernel takes it all at once */
        ssize_t sent = send(c->fd, data, size, MSG_NOSIGNAL);
        if (sent == (ssize_t)size) return;
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            hang_up(c);
            return;
        }
        if (sent > 0) {
            data = (const uint8_t *)data + sent;
            size -= (size_t)sent;
        }
    }
    grow(&c->out, &c->out_cap, c->out_len + size);
    memcpy(c->out + c->out_len, data, size);
    c->out_len += size;
    flush(c);
}

static void send_frame(conn *c, int opcode, const char *data, size_t size) {
    uint8_t frame[2048];
    size_t head = 2;
    if (size + 8 > sizeof frame) abort();
    frame[0] = (uint8_t)(0x80 | opcode);
    if (size < 126) {
        frame[1] = (uint8_t)(0x80 | size);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
        head = 4;
    }
    memset(frame + head, 0, 4);                   /* a mask of zeros is a mask: the server's work is the same */
    memcpy(frame + head + 4, data, size);
    send_raw(c, frame, head + 4 + size);
}

void send_text(conn *c, const char *text, size_t size) { send_frame(c, 1, text, size); }

static void ask_for_upgrade(conn *c) {
    char request[700];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: bG9hZCBjbGllbnQgMjAyNg==\r\nSec-WebSocket-Version: 13\r\nOrigin: %s\r\n\r\n",
                        path, host, port, origin);
    c->state = SHAKING;
    listen_for(c, EPOLLIN, EPOLL_CTL_MOD);
    send_raw(c, request, (size_t)size);
}

/* Take the answer to the handshake; false: not whole yet, or refused. */
static int shaken(conn *c) {
    grow(&c->in, &c->in_cap, c->in_len + 1);
    c->in[c->in_len] = 0;
    char *end = strstr((char *)c->in, "\r\n\r\n");
    if (!end) return 0;
    if (!strstr((char *)c->in, " 101 ")) {
        static int told;
        if (!told++) fprintf(stderr, "the handshake was refused: %.300s\n", c->in);
        hang_up(c);
        return 0;
    }
    size_t head = (size_t)(end + 4 - (char *)c->in);
    memmove(c->in, c->in + head, c->in_len - head);
    c->in_len -= head;
    c->state = OPEN;
    ready_count++;
    on.open(c);
    return c->state == OPEN;
}

static void take_frame(conn *c, int opcode, uint8_t *data, size_t size) {
    if (opcode == 9) {
        send_frame(c, 10, (char *)data, size);
    } else if (opcode == 8) {
        static int told;
        if (!told++ && size > 2) fprintf(stderr, "closed by the server: %d %.*s\n", data[0] << 8 | data[1], (int)size - 2, data + 2);
        hang_up(c);
    } else if (opcode == 1) {
        uint8_t kept = data[size];
        data[size] = 0;
        on.text(c, (char *)data, size);
        if (c->state != GONE) data[size] = kept;
    }
}

static void take_frames(conn *c) {
    size_t at = 0;
    while (c->state == OPEN && c->in_len - at >= 2) {
        uint8_t *f = c->in + at;
        uint64_t size = f[1] & 127;
        size_t head = 2, have = c->in_len - at;
        if (size == 126) {
            if (have < 4) break;
            size = (uint64_t)f[2] << 8 | f[3];
            head = 4;
        } else if (size == 127) {
            if (have < 10) break;
            size = 0;
            for (int i = 2; i < 10; i++) size = size << 8 | f[i];
            head = 10;
        }
        if (have < head + size) break;
        take_frame(c, f[0] & 15, f + head, size);
        at += head + size;
    }
    if (c->state != OPEN || !at) return;
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

static void readable(conn *c) {
    for (;;) {
        grow(&c->in, &c->in_cap, c->in_len + 4096);
        size_t room = c->in_cap - c->in_len - 1;  /* one byte stays free for the zero behind a frame */
        ssize_t size = recv(c->fd, c->in + c->in_len, room, 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (size <= 0) {
            hang_up(c);
            return;
        }
        c->in_len += (size_t)size;
        if ((size_t)size < room) break;
    }
    if (c->state == SHAKING && !shaken(c)) return;
    take_frames(c);
}

void turn_loop(uint64_t until_ns) {
    struct epoll_event events[512];
    uint64_t now = now_ns();
    struct pollfd wait = {.fd = poller, .events = POLLIN};
    struct timespec patience = {0};
    if (until_ns > now) {
        patience.tv_sec = (time_t)((until_ns - now) / 1000000000ull);
        patience.tv_nsec = (long)((until_ns - now) % 1000000000ull);
    }
    if (ppoll(&wait, 1, &patience, NULL) <= 0) return;  /* epoll_wait itself counts whole milliseconds */
    int count = epoll_wait(poller, events, 512, 0);
    for (int i = 0; i < count; i++) {
        conn *c = events[i].data.ptr;
        if (c->state == GONE) continue;
        if (c->on_bytes) {
            c->on_bytes(c);
        } else if (c->state == CONNECTING) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error) hang_up(c);
            else ask_for_upgrade(c);
        } else {
            if (events[i].events & EPOLLOUT) flush(c);
            if (c->state != GONE && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
    }
}

void note(samples *s, uint64_t ns) {
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 65536;
        s->all = realloc(s->all, s->cap * sizeof *s->all);
    }
    s->all[s->count++] = (uint32_t)(ns / 1000);
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

double quantile(samples *s, double q) {
    if (!s->count) return -1;
    qsort(s->all, s->count, sizeof *s->all, by_size);
    return s->all[(size_t)(q * (double)(s->count - 1))] / 1000.0;
}
