// SPDX-License-Identifier: Apache-2.0
// One user's presence changes, and many watchers are told; prints one JSON line with the CPU time that given processes
// spent on each notification, and the time until the last watcher knew.
//
//   presence --from accept:PORT:DOMAIN:SECRET --to accept:PORT:DOMAIN:SECRET --presentity A@D --at DOMAIN
//        Plays the servers on both sides of what lies between: the watchers subscribe and are let in, and a change is one
//        stanza for each of them, as a server sends it.
//   presence --from client:PORT:A@D:PASSWORD --to dial:PORT:DOMAIN:SECRET --presentity A@D --at DOMAIN
//        Changes the state once, as a client does; the server tells those whom its contact list names.
//        [--watchers N] [--domains D] [--changes C] [--runs R] [--pids P,Q] [--counters FILE,FILE]
//
// Watcher i is w<i>@DOMAIN, or w<i>@d<i modulo D>.DOMAIN where there are several domains.
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "measure.h"
#include "stream.h"

static struct {
    const char *from, *to, *presentity, *at;
    unsigned watchers, domains, changes, runs;
    struct processes processes;
} settings = {.watchers = 1000, .domains = 1, .changes = 20, .runs = 3};

static struct stream source, sink;
static int is_client;
static unsigned change;      // the state's number
static unsigned *told;       // the number of the state that each watcher was told last
static unsigned came, approved, doubled;
static double *times;        // from a change until all knew, in milliseconds
static unsigned time_count;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int watcher(unsigned i, char *out, size_t size) {
    if (settings.domains == 1) return snprintf(out, size, "w%u@%s", i, settings.at);
    return snprintf(out, size, "w%u@d%u.%s", i, i % settings.domains, settings.at);
}

static void put_state(const char *to) {
    char text[1024];
    const char *show = change & 1 ? "away" : "dnd";
    int n = snprintf(text, sizeof text, "<presence");
    if (to) n += snprintf(text + n, sizeof text - (size_t)n, " from='%s/desk' to='%s'", settings.presentity, to);
    n += snprintf(text + n, sizeof text - (size_t)n,
                  "><show>%s</show><status>state:%u; out of the office until the evening</status></presence>", show,
                  change);
    stream_put(&source, text, (size_t)n);
}

static void check(const char *stanza, size_t length, char *type, size_t size) {
    if (!attribute(stanza, length, "type", type, size)) *type = 0;
    errno = 0;
    if (!strcmp(type, "error")) fail("came back: %.*s", (int)length, stanza);
}

// What the presentity's server is asked: it lets everybody in, and answers probes.
static void on_source(const char *stanza, size_t length) {
    char type[16], from[512], text[1200];
    check(stanza, length, type, sizeof type);
    if (is_client || !attribute(stanza, length, "from", from, sizeof from)) return;
    if (!strcmp(type, "probe")) put_state(from);
    if (strcmp(type, "subscribe") != 0) return;
    int n = snprintf(text, sizeof text, "<presence type='subscribed' from='%s' to='%s'/>", settings.presentity, from);
    stream_put(&source, text, (size_t)n);
}

static void on_sink(const char *stanza, size_t length) {
    char type[16], to[512];
    check(stanza, length, type, sizeof type);
    if (!strcmp(type, "subscribed")) approved++;
    if (*type || !attribute(stanza, length, "to", to, sizeof to) || *to != 'w') return;
    unsigned long i = strtoul(to + 1, NULL, 10);
    const char *at = memmem(stanza, length, "state:", 6);
    if (!at || i >= settings.watchers || !change || strtoul(at + 6, NULL, 10) != change) return;
    if (told[i] == change) doubled++;
    else came++;
    told[i] = change;
}

static void turn(int pause_ms) {
    stream_flush(&source);
    stream_flush(&sink);
    struct pollfd polls[2] = {{sink.fd, POLLIN, 0}, {source.fd, POLLIN, 0}};
    if (sink.out_length) polls[0].events |= POLLOUT;
    if (source.out_length) polls[1].events |= POLLOUT;
    poll(polls, 2, pause_ms);
    if (polls[0].revents & POLLIN && stream_read(&sink)) stream_cut(&sink, on_sink);
    if (polls[1].revents & POLLIN && stream_read(&source)) stream_cut(&source, on_source);
}

static void until(const unsigned *count, unsigned wanted, double seconds, const char *what) {
    double end = now_ms() + seconds * 1e3;
    while (*count < wanted) {
        turn(100);
        errno = 0;
        if (now_ms() > end) fail("%s: %u of %u within %.0f s", what, *count, wanted, seconds);
    }
}

// Lets nothing be under way any more, and sees that nobody was told twice.
static void settle(void) {
    for (double end = now_ms() + 300; now_ms() < end;) turn(50);
    errno = 0;
    if (doubled) fail("%u notifications came twice", doubled);
}

static void subscribe(void) {
    char name[400], text[1024];
    for (unsigned i = 0; i < settings.watchers; i++) {
        watcher(i, name, sizeof name);
        int n = snprintf(text, sizeof text, "<presence type='subscribe' from='%s' to='%s'/>", name, settings.presentity);
        stream_put(&sink, text, (size_t)n);
        // As fast as it is answered, and no faster.
        if (i % 100 == 99 || i + 1 == settings.watchers) until(&approved, i + 1, 60, "subscriptions that were approved");
    }
}

static void change_once(void) {
    char name[400];
    change++;
    came = 0;
    double start = now_ms();
    if (is_client) put_state(NULL);
    for (unsigned i = 0; !is_client && i < settings.watchers; i++) {
        watcher(i, name, sizeof name);
        put_state(name);
    }
    until(&came, settings.watchers, 60, "watchers that were told");
    times[time_count++] = now_ms() - start;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_list(const char *name, const double *values, double each) {
    printf(", \"%s\": [", name);
    for (int i = 0; i < settings.processes.count; i++) printf("%s%.2f", i ? ", " : "", values[i] / each);
    printf("]");
}

// Repeats the run, and keeps the one with the least CPU: the others were disturbed by something else.
static void measure(void) {
    double least = 0, cpu[MOST_PROCESSES] = {0}, made[MOST_PROCESSES] = {0};
    for (unsigned r = 0; r < settings.runs; r++) {
        struct processes before = settings.processes, after = settings.processes;
        processes_read(&before);
        for (unsigned i = 0; i < settings.changes; i++) change_once();
        settle();
        processes_read(&after);
        double total = 0;
        for (int i = 0; i < after.count; i++) total += after.cpu_us[i] - before.cpu_us[i];
        if (r && total >= least) continue;
        least = total;
        for (int i = 0; i < after.count; i++) {
            cpu[i] = after.cpu_us[i] - before.cpu_us[i];
            made[i] = after.allocations[i] - before.allocations[i];
        }
    }
    double notifications = (double)settings.watchers * settings.changes;
    qsort(times, time_count, sizeof *times, by_size);
    double middle = times[time_count / 2];
    printf("{\"watchers\": %u, \"all_ms\": %.1f, \"per_second\": %.0f", settings.watchers, middle,
           settings.watchers / middle * 1e3);
    print_list("cpu_us", cpu, notifications);
    if (settings.processes.counters[0]) print_list("allocations", made, notifications);
    processes_read(&settings.processes);
    print_list("rss_mb", settings.processes.rss_kb, 1024);
    printf("}\n");
}

static void parse(int count, char **arguments) {
    static const struct option options[] = {
        {"from", 1, 0, 'f'},    {"to", 1, 0, 't'},   {"presentity", 1, 0, 'a'}, {"at", 1, 0, 'd'},
        {"watchers", 1, 0, 'w'}, {"domains", 1, 0, 'm'}, {"changes", 1, 0, 'n'}, {"runs", 1, 0, 'R'},
        {"pids", 1, 0, 'p'},    {"counters", 1, 0, 'c'}, {0, 0, 0, 0}};
    for (int c; (c = getopt_long(count, arguments, "", options, NULL)) != -1;) switch (c) {
            case 'f': settings.from = optarg; break;
            case 't': settings.to = optarg; break;
            case 'a': settings.presentity = optarg; break;
            case 'd': settings.at = optarg; break;
            case 'w': settings.watchers = (unsigned)strtoul(optarg, NULL, 10); break;
            case 'm': settings.domains = (unsigned)strtoul(optarg, NULL, 10); break;
            case 'n': settings.changes = (unsigned)strtoul(optarg, NULL, 10); break;
            case 'R': settings.runs = (unsigned)strtoul(optarg, NULL, 10); break;
            case 'p': processes_parse(&settings.processes, optarg); break;
            case 'c': processes_counters(&settings.processes, optarg); break;
            default: exit(2);
        }
    if (!settings.from || !settings.to || !settings.presentity || !settings.at || !settings.watchers ||
        !settings.domains || !settings.changes || !settings.runs)
        fail("--from, --to, --presentity and --at are needed, and counts above 0");
}

int main(int argument_count, char **arguments) {
    parse(argument_count, arguments);
    told = calloc(settings.watchers, sizeof *told);
    times = calloc((size_t)settings.changes * settings.runs + 2, sizeof *times);
    if (!told || !times) fail("out of memory");
    is_client = !strncmp(settings.from, "client:", 7);
    stream_open(&sink, settings.to, 30);
    stream_open(&source, settings.from, 30);
    source.stanza = sink.stanza = "<presence";
    if (!is_client) subscribe();
    settle();
    change_once();
    change_once();
    settle();
    time_count = 0;
    measure();
    return 0;
}
