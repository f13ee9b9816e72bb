// SPDX-License-Identifier: Apache-2.0
// Sends chat messages into one XEP-0114 stream and takes them out of another; prints one JSON line with the rate,
// the CPU time that given processes spent on each message, and the latency at half the rate.
//
//   load --from dial:PORT:DOMAIN:SECRET --to accept:PORT:DOMAIN:SECRET --sender A --recipient B
//   load --from records:PORT:-:- ...          an echo: what goes out comes back by the same stream
//        [--count N] [--runs R] [--window W] [--size OCTETS] [--latency-seconds S] [--pids P,Q] [--counters FILE,FILE]
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "measure.h"
#include "stream.h"

static struct {
    uint64_t sent, came, failed;
    uint64_t *latencies, room;   // nanoseconds, while `room` is not 0
    uint64_t now;                // when the last read returned
} counts;

static char pattern[4096];       // the message, with the place for the time of sending
static size_t pattern_length, tick_at;
static const char tick[] = "tick:";

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_pattern(const char *sender, const char *recipient, size_t size) {
    int n = snprintf(pattern, sizeof pattern, "<message type='chat' from='%s' to='%s' id='%s", sender, recipient, tick);
    tick_at = (size_t)n;
    n += snprintf(pattern + n, sizeof pattern - (size_t)n, "0123456789abcdef'><body>");
    const char end[] = "</body></message>";
    while ((size_t)n + sizeof end - 1 < size && (size_t)n + sizeof end < sizeof pattern)
        n += snprintf(pattern + n, 2, "%c", n % 8 ? 'a' + n % 26 : ' ');
    n += snprintf(pattern + n, sizeof pattern - (size_t)n, "%s", end);
    pattern_length = (size_t)n;
}

static void make_record(size_t size) {
    uint32_t length = htonl((uint32_t)size);
    memset(pattern, 'r', sizeof pattern);
    memcpy(pattern, &length, 4);
    memcpy(pattern + 4, tick, sizeof tick - 1);
    tick_at = 4 + sizeof tick - 1;
    pattern_length = 4 + size;
}

static void put_message(struct stream *to) {
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)now_ns());
    memcpy(pattern + tick_at, digits, 16);
    stream_put(to, pattern, pattern_length);
    counts.sent++;
}

static void on_message(const char *stanza, size_t length) {
    counts.came++;
    if (!counts.room) return;
    const char *at = memmem(stanza, length, tick, sizeof tick - 1);
    if (!at || (size_t)(at - stanza) + sizeof tick + 15 > length) return;
    char digits[17] = {0};
    memcpy(digits, at + sizeof tick - 1, 16);
    *counts.latencies++ = counts.now - strtoull(digits, NULL, 16);
    counts.room--;
}

static void on_return(const char *stanza, size_t length) {
    if (counts.failed++ < 3) fprintf(stderr, "load: came back: %.*s\n", (int)length, stanza);
}

// How many more may be sent now: up to a window of messages under way, or as many as a rate makes due.
static uint64_t allowance(uint64_t sent, uint64_t came, uint64_t window, double rate, uint64_t since) {
    if (rate <= 0) return sent - came < window ? window - (sent - came) : 0;
    uint64_t due = (uint64_t)((double)(now_ns() - since) * 1e-9 * rate);
    return due > sent ? due - sent : 0;
}

// Sends `count` messages and waits until they have all come; seconds that it took.
static double run(struct stream *from, struct stream *to, uint64_t count, uint64_t window, double rate) {
    uint64_t sent = counts.sent, came = counts.came, start = now_ns(), last = start;
    while (counts.came - came < count) {
        uint64_t done = counts.sent - sent, left = count - done;
        uint64_t may = allowance(done, counts.came - came, window, rate, start);
        if (may > left) may = left;
        if (may > 256) may = 256;
        while (from->out_length == 0 && may) {
            for (; may; may--) put_message(from);
        }
        stream_flush(from);
        struct pollfd polls[2] = {{to->fd, POLLIN, 0}, {from->fd, POLLIN, 0}};
        if (from->out_length) polls[1].events |= POLLOUT;
        if (to->out_length) polls[0].events |= POLLOUT;
        int busy = rate <= 0 && !from->out_length && counts.sent - sent < count &&
                   counts.sent - sent - (counts.came - came) < window;
        struct timespec pause = {0, busy ? 0 : rate > 0 ? 200000 : 100000000};
        ppoll(polls, 2, &pause, NULL);
        uint64_t before = counts.came;
        if ((from == to ? polls[0].revents | polls[1].revents : polls[0].revents) & POLLIN && stream_read(to)) {
            counts.now = now_ns();
            stream_cut(to, on_message);
        }
        stream_flush(to);
        if (from != to && polls[1].revents & POLLIN && stream_read(from)) stream_cut(from, on_return);
        if (counts.came != before) last = counts.now;
        errno = 0;
        if (counts.failed) fail("%llu messages came back as errors", (unsigned long long)counts.failed);
        if (now_ns() - last > 15000000000u)
            fail("nothing came for 15 s: %llu sent, %llu came", (unsigned long long)(counts.sent - sent),
                 (unsigned long long)(counts.came - came));
    }
    return (double)(now_ns() - start) * 1e-9;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double own_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

struct settings {
    const char *from, *to, *sender, *recipient;
    uint64_t count, runs, window, size, latency_seconds;
    struct processes processes;
};

static void parse(struct settings *s, int count, char **arguments) {
    static const struct option options[] = {
        {"from", 1, 0, 'f'}, {"to", 1, 0, 't'},     {"sender", 1, 0, 's'}, {"recipient", 1, 0, 'r'},
        {"count", 1, 0, 'n'}, {"runs", 1, 0, 'R'},  {"window", 1, 0, 'w'}, {"size", 1, 0, 'z'},
        {"pids", 1, 0, 'p'}, {"counters", 1, 0, 'c'}, {"latency-seconds", 1, 0, 'S'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(count, arguments, "", options, NULL)) != -1;) switch (c) {
            case 'f': s->from = optarg; break;
            case 't': s->to = optarg; break;
            case 's': s->sender = optarg; break;
            case 'r': s->recipient = optarg; break;
            case 'c': processes_counters(&s->processes, optarg); break;
            case 'n': s->count = strtoull(optarg, NULL, 10); break;
            case 'R': s->runs = strtoull(optarg, NULL, 10); break;
            case 'w': s->window = strtoull(optarg, NULL, 10); break;
            case 'z': s->size = strtoull(optarg, NULL, 10); break;
            case 'S': s->latency_seconds = strtoull(optarg, NULL, 10); break;
            case 'p': processes_parse(&s->processes, optarg); break;
            default: exit(2);
        }
    int records = s->from && !strncmp(s->from, "records:", 8);
    if (!s->from || (!records && (!s->to || !s->sender || !s->recipient)) || !s->count || !s->runs || !s->window)
        fail("--from, --to, --sender and --recipient are needed, and counts above 0");
    if (s->size > sizeof pattern - 64) fail("--size is too large");
}

// Repeats the run, and keeps the one with the least CPU: the others were disturbed by something else.
static void print_list(const char *name, const double *values, int count, double each) {
    printf(", \"%s\": [", name);
    for (int i = 0; i < count; i++) printf("%s%.2f", i ? ", " : "", values[i] / each);
    printf("]");
}

static double measure(const struct settings *s, struct stream *from, struct stream *to) {
    double best = 0, best_cpu = 0, best_each[MOST_PROCESSES] = {0}, made[MOST_PROCESSES] = {0}, own = 0;
    for (uint64_t r = 0; r < s->runs; r++) {
        struct processes before = s->processes, after = s->processes;
        double own_before = own_seconds();
        processes_read(&before);
        double seconds = run(from, to, s->count, s->window, 0);
        processes_read(&after);
        double total = 0;
        for (int i = 0; i < after.count; i++) total += after.cpu_us[i] - before.cpu_us[i];
        double rate = (double)s->count / seconds;
        if (rate > best) best = rate;
        if (r && total >= best_cpu) continue;
        best_cpu = total, own = (own_seconds() - own_before) * 1e6;
        for (int i = 0; i < after.count; i++) {
            best_each[i] = after.cpu_us[i] - before.cpu_us[i];
            made[i] = after.allocations[i] - before.allocations[i];
        }
    }
    double n = (double)s->count;
    printf("{\"octets\": %zu, \"per_second\": %.0f, \"generator_us\": %.2f", pattern_length, best, own / n);
    print_list("cpu_us", best_each, s->processes.count, n);
    if (s->processes.counters[0]) print_list("allocations", made, s->processes.count, n);
    return best;
}

static void measure_latency(const struct settings *s, struct stream *from, struct stream *to, double rate) {
    uint64_t count = (uint64_t)(rate * (double)s->latency_seconds);
    uint64_t *all = calloc(count, sizeof *all);
    if (!all) fail("out of memory");
    counts.latencies = all, counts.room = count;
    run(from, to, count, 0, rate);
    uint64_t got = count - counts.room;
    counts.room = 0;
    qsort(all, got, sizeof *all, by_size);
    if (got)
        printf(", \"latency_rate\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f", rate, (double)all[got / 2] * 1e-6,
               (double)all[got * 99 / 100] * 1e-6);
    free(all);
}

int main(int argument_count, char **arguments) {
    struct settings s = {.count = 50000, .runs = 3, .window = 2000, .size = 250, .latency_seconds = 4};
    struct stream from, other, *to = &other;
    parse(&s, argument_count, arguments);
    if (!strncmp(s.from, "records:", 8)) {
        to = &from;
        make_record(s.size);
    } else {
        stream_open(to, s.to, 30);
        make_pattern(s.sender, s.recipient, s.size);
    }
    stream_open(&from, s.from, 30);
    run(&from, to, 1, 1, 0);
    run(&from, to, s.count / 5 + 1, s.window, 0);
    double rate = measure(&s, &from, to);
    if (s.latency_seconds) measure_latency(&s, &from, to, rate / 2);
    processes_read(&s.processes);
    print_list("rss_mb", s.processes.rss_kb, s.processes.count, 1024);
    printf("}\n");
    return 0;
}
