/* Load for one WebSocket server on 127.0.0.1: a support desk or a socket.io peer. One thread; prints JSON lines.
 *
 *   load MODE name=value …      modes: idle, echo, fan, turn, stream
 *
 * idle    open n sockets, say how many are open, hold them until stdin closes
 * echo    one small frame in flight on each of n sockets
 * fan     wait for frames with "T<ns>" (when each was due) and tell how late they are
 * turn    questions: rate=0 the next when the last was answered, else so many a second over all chats, whatever happens
 * stream  n answers at once from the model stand-in of this process (at port model), and how late each token arrives
 */
#define _GNU_SOURCE
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDLE, ECHO, FAN, TURN, STREAM } mode;
enum { ASKED = 1, ACKED, SHOWN };                 /* a chat's phase within one turn */

static conn *chats;
static int n = 1, socketio, hello = 1, measuring, greeted, tokens = 500, in_flight = 64, model;
static double seconds = 3, warm = 1, rate, tps = 50;
static uint64_t zero, answers, errors, asked, received, window_from, window_to;
static samples first, whole, late;
static unsigned long long cid;

static const char *QUESTIONS[] = {
    "Where is my order? It was due last Tuesday and the tracking page is empty.",
    "How do I return a tent that I have used once?",
    "Can I pay by invoice, and when do I have to pay?",
    "The stove does not light any more. What can I do?",
    "Do you ship to Norway and what does it cost?",
};

static void ping(conn *c) {
    char frame[200];
    int size = snprintf(frame, sizeof frame, socketio ? "42[\"ping\",\"T%llu the quick brown fox jumps over the lazy dog\"]"
                                                     : "{\"t\":\"ping\",\"n\":\"T%llu the quick brown fox jumps over the lazy dog\"}",
                        (unsigned long long)now_ns());
    send_text(c, frame, (size_t)size);
}

static void ask(conn *c, uint64_t due) {
    char frame[400];
    int size;
    const char *question = QUESTIONS[(size_t)(c->count++ + (uint64_t)c->index) % 5];
    c->due = due;
    c->phase = ASKED;
    c->busy = 1;
    asked++;
    if (socketio) {
        size = snprintf(frame, sizeof frame, "42[\"msg\",\"%s\"]", question);
    } else {
        size = snprintf(frame, sizeof frame, "{\"t\":\"send\",\"cid\":\"%016llx%08x%08x\",\"text\":\"%s\"%s%s%s}",
                        (unsigned long long)zero, (unsigned)getpid(), (unsigned)++cid, question,
                        c->conv[0] ? ",\"conv\":\"" : "", c->conv, c->conv[0] ? "\"" : "");
    }
    send_text(c, frame, (size_t)size);
}

static void answered(conn *c) {
    uint64_t now = now_ns();
    if (measuring) {
        answers++;
        note(&whole, now - c->due);
    }
    c->busy = 0;
    if (mode == TURN && rate == 0) ask(c, now);
}

static void shown(conn *c) {
    if (c->phase == SHOWN || !c->busy) return;
    c->phase = SHOWN;
    if (measuring) note(&first, now_ns() - c->due);
}

static int begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static int take(const char *text, const char *name, char *into, size_t room) {
    const char *at = strstr(text, name);
    if (!at) return 0;
    at += strlen(name);
    const char *end = strchr(at, '"');
    if (!end || (size_t)(end - at) >= room) return 0;
    memcpy(into, at, (size_t)(end - at));
    into[end - at] = 0;
    return 1;
}

/* A token is a blank and seven digits: when it was due. */
static void tokens_in(const char *text) {
    uint64_t now = now_ns();
    const char *at = strstr(text, "\"text\":\"");
    while (at && (at = strchr(at, ' '))) {
        char *end;
        uint64_t stamp = strtoull(++at, &end, 10) * 10000 + model_epoch;
        if (end - at != 7) continue;
        received++;
        if (stamp >= window_from && stamp < window_to) note(&late, now > stamp ? now - stamp : 0);
    }
}

static void become_ready(conn *c) {
    greeted++;
    c->phase = 0;
}

static void from_socketio(conn *c, char *text) {
    if (text[0] == '0') send_text(c, "40", 2);
    else if (begins(text, "40")) become_ready(c);
    else if (!strcmp(text, "2")) send_text(c, "3", 1);
    else if (begins(text, "42[\"token\"")) shown(c);
    else if (begins(text, "42[\"done\"")) answered(c);
}

static void from_deskhand(conn *c, char *text) {
    if (begins(text, "{\"t\":\"delta\"")) {
        shown(c);
        if (mode == STREAM) tokens_in(text);
    } else if (begins(text, "{\"t\":\"welcome\"")) {
        become_ready(c);
    } else if (begins(text, "{\"t\":\"ack\"")) {
        take(text, "\"conv\":\"", c->conv, sizeof c->conv);
        if (c->phase == ASKED) c->phase = ACKED;
    } else if (begins(text, "{\"t\":\"msgs\"")) {
        char *last = NULL, *at = text, turn[40];
        while ((at = strstr(at, "\"author\":\"ai\""))) last = at++;
        if (last && take(last, "\"turn\":\"", turn, sizeof turn) && strcmp(turn, c->turn)) {
            strcpy(c->turn, turn);
            shown(c);
            if (c->busy) answered(c);
        }
    } else if (begins(text, "{\"t\":\"error\"")) {
        if (!errors++) fprintf(stderr, "%s\n", text);
        c->busy = 0;
    }
}

static void on_open(conn *c) {
    const char *words = "{\"t\":\"hello\",\"locale\":\"en\",\"page\":{\"url\":\"http://localhost/\",\"title\":\"Load\"}}";
    if (socketio) return;
    if (hello) send_text(c, words, strlen(words));
    else become_ready(c);
}

static void on_text(conn *c, char *text, size_t size) {
    (void)size;
    char *stamp = mode == ECHO && greeted == n ? strstr(text, socketio ? "[\"ping\",\"T" : "\"n\":\"T") : mode == FAN ? strstr(text, "\"text\":\"T") : NULL;
    if (!stamp) {
        if (socketio) from_socketio(c, text);
        else from_deskhand(c, text);
        return;
    }
    uint64_t sent = strtoull(strstr(stamp, "\"T") + 2, NULL, 10), now = now_ns();
    received++;
    if (measuring) note(&late, now > sent ? now - sent : 0);
    if (mode == ECHO && measuring >= 0) ping(c);
}

static void run(uint64_t until) {
    while (now_ns() < until) {
        uint64_t next = model ? model_run() : until;
        turn_loop(next < until ? next : until);
    }
}

static uint64_t in(double from_now) { return now_ns() + (uint64_t)(from_now * 1e9); }

static void open_all(void) {
    uint64_t give_up = in(60);
    int dialled = 0;
    while (greeted + gone_count < n && now_ns() < give_up) {
        while (dialled < n && dialled - greeted - gone_count < in_flight) {
            dial(&chats[dialled], dialled);
            dialled++;
        }
        turn_loop(in(0.05));
    }
    printf("{\"open\":%d,\"gone\":%d}\n", greeted, gone_count);
    fflush(stdout);
    if (greeted < n) exit(1);
}

/* One question in each chat, so that its conversation exists; answers are waited for. */
static void warm_up(void) {
    uint64_t give_up = in(60);
    double kept = rate;
    rate = -1;
    for (int i = 0; i < n; i++) {
        ask(&chats[i], now_ns());
        run(in(0.004));
    }
    for (int i = 0; i < n; i++)
        while (chats[i].busy && now_ns() < give_up) run(in(0.01));
    rate = kept;
    asked = 0;
}

static uint64_t from;
static double cpu;

static void measure(void) {
    measuring = 1;
    received = 0;
    cpu = cpu_seconds();
    from = now_ns();
}

static void turns(void) {
    if (rate == 0) {
        for (int i = 0; i < n; i++) ask(&chats[i], now_ns());
        run(in(warm));
        measure();
        run(in(seconds));
        return;
    }
    measure();
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    for (uint64_t k = 0;; k++) {
        uint64_t due = start + (uint64_t)((double)k * 1e9 / rate);
        if (due >= end) break;
        run(due);
        conn *c = &chats[k % (uint64_t)n];
        if (c->busy) errors++;                    /* the last answer of this chat is not there yet: counted, not hidden */
        else ask(c, due);
    }
    uint64_t patience = in(10);
    for (int i = 0; i < n; i++)
        while (chats[i].busy && now_ns() < patience) run(in(0.01));
}

static void streams(void) {
    double spread = 2, length = tokens / tps;
    uint64_t start = now_ns();
    window_from = start + (uint64_t)((spread + 1) * 1e9);
    window_to = start + (uint64_t)((length - 1) * 1e9);
    measure();
    for (int i = 0; i < n; i++) {
        run(start + (uint64_t)(spread * 1e9 * i / n));
        ask(&chats[i], now_ns());
    }
    run(window_from);
    printf("{\"streaming\":%d}\n", model_streams);
    fflush(stdout);
    uint64_t patience = window_to + 10000000000ull;
    run(window_to);
    for (int i = 0; i < n; i++)
        while (chats[i].busy && now_ns() < patience) run(in(0.01));
}

static void report(void) {
    double took = (double)(now_ns() - from) / 1e9;
    cpu = cpu_seconds() - cpu;
    printf("{\"seconds\":%.3f,\"asked\":%llu,\"answers\":%llu,\"received\":%llu,\"errors\":%llu,\"gone\":%d,\"cpu\":%.3f,"
           "\"first_count\":%zu,\"first_p50\":%.3f,\"first_p95\":%.3f,\"first_p99\":%.3f,\"whole_p50\":%.3f,\"whole_p99\":%.3f,"
           "\"late_count\":%zu,\"late_p50\":%.3f,\"late_p99\":%.3f,\"late_max\":%.3f}\n",
           took, (unsigned long long)asked, (unsigned long long)answers, (unsigned long long)received, (unsigned long long)errors,
           gone_count, cpu, first.count, quantile(&first, 0.5), quantile(&first, 0.95),
           quantile(&first, 0.99), quantile(&whole, 0.5), quantile(&whole, 0.99),
           late.count, quantile(&late, 0.5), quantile(&late, 0.99), quantile(&late, 1.0));
    fflush(stdout);
}

static void hold(void) {
    conn input;
    watch_fd(&input, 0, hang_up);                 /* whatever comes on stdin, even its end, ends this */
    int before = gone_count;
    while (input.state != GONE) turn_loop(in(1));
    printf("{\"lost\":%d}\n", gone_count - before - 1);
}

static void set(const char *word) {
    const char *value = strchr(word, '=');
    if (!value) return;
    value++;
#define IS(name) (!strncmp(word, name "=", sizeof name))
    if (IS("port")) port = atoi(value);
    else if (IS("path")) path = value;
    else if (IS("origin")) origin = value;
    else if (IS("host")) host = value;
    else if (IS("n")) n = atoi(value);
    else if (IS("seconds")) seconds = atof(value);
    else if (IS("warm")) warm = atof(value);
    else if (IS("rate")) rate = atof(value);
    else if (IS("model")) model = atoi(value);
    else if (IS("tokens")) tokens = atoi(value);
    else if (IS("tps")) tps = atof(value);
    else if (IS("hello")) hello = atoi(value);
    else if (IS("socketio")) socketio = atoi(value);
    else {
        fprintf(stderr, "unknown setting %s\n", word);
        exit(2);
    }
}

int main(int count, char **words) {
    const char *names[] = {"idle", "echo", "fan", "turn", "stream"};
    int known = 0;
    for (int i = 0; count > 1 && i < 5; i++)
        if (!strcmp(words[1], names[i])) mode = (unsigned)i, known = 1;
    if (!known) return 2;
    for (int i = 2; i < count; i++) set(words[i]);
    net_start();
    zero = now_ns() ^ (uint64_t)getpid() << 40;
    on = (handlers){.open = on_open, .text = on_text};
    chats = calloc((size_t)n, sizeof *chats);
    if (mode == STREAM) {
        model_tokens = tokens;
        model_rate = tps;
        model_listen(model);
    }
    open_all();
    if (mode == IDLE) {
        hold();
        return 0;
    }
    if (!socketio && mode != ECHO && mode != STREAM) warm_up();
    if (mode == TURN) turns();
    else if (mode == STREAM) streams();
    else {
        for (int i = 0; i < n; i++) {
            if (mode == ECHO) ping(&chats[i]);
            else if (socketio) send_text(&chats[i], "42[\"go\",50]", 11);
            else printf("{\"conv\":\"%s\"}\n", chats[i].conv);
        }
        printf("{\"go\":1}\n");
        fflush(stdout);
        run(in(warm));
        measure();
        run(in(seconds));
    }
    report();
    return 0;
}
