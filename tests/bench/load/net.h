/* WebSocket clients on one epoll loop, in one thread. Loopback only. */
#ifndef NET_H
#define NET_H
#include <stddef.h>
#include <stdint.h>

typedef struct conn conn;

struct conn {
    int fd;
    int index;
    enum { CONNECTING, SHAKING, OPEN, GONE } state;
    uint8_t *in, *out;
    size_t in_len, in_cap, out_len, out_cap;
    void (*on_bytes)(conn *);                     /* servers: looks at in, in_len itself */
    /* What the modes remember of a chat. */
    int phase, busy;
    char conv[40], turn[40];
    uint64_t due, count;
};

typedef struct {
    void (*open)(conn *);                         /* the handshake was answered */
    void (*text)(conn *, char *, size_t);         /* a whole text frame, ended by a zero */
    void (*gone)(conn *);
} handlers;

extern handlers on;
extern int port, ready_count, gone_count;
extern const char *path, *origin, *host;

uint64_t now_ns(void);
double cpu_seconds(void);
void net_start(void);
void dial(conn *c, int index);                    /* connect and shake hands; then on.open */
void send_text(conn *c, const char *text, size_t size);
void send_raw(conn *c, const void *data, size_t size);
void hang_up(conn *c);
void watch_fd(conn *c, int fd, void (*on_bytes)(conn *));
void turn_loop(uint64_t until_ns);                /* handle what comes, at most until then */

/* Samples in microseconds. */
typedef struct { uint32_t *all; size_t count, cap; } samples;
void note(samples *s, uint64_t ns);
double quantile(samples *s, double q);            /* milliseconds; -1 when there are none */

/* The stand-in for a model: an OpenAI-compatible server in the same loop. */
extern int model_tokens;
extern double model_rate;
extern uint64_t model_epoch;                      /* tokens carry the time they are due, in 10 us since this */
void model_listen(int port);
uint64_t model_run(void);                         /* send the tokens that are due; returns when the next one is */
extern int model_streams;
#endif
