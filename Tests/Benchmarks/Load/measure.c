// SPDX-License-Identifier: Apache-2.0
#include "measure.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

void processes_parse(struct processes *p, const char *text) {
    for (char *end; *text && p->count < MOST_PROCESSES; text = *end ? end + 1 : end) {
        p->pids[p->count++] = (int)strtol(text, &end, 10);
        if (end == text) fail("want PID,PID,..., not %s", text);
    }
}

void processes_counters(struct processes *p, char *text) {
    int i = 0;
    for (char *file = strtok(text, ","); file && i < MOST_PROCESSES; file = strtok(NULL, ",")) p->counters[i++] = file;
}

static double allocations(const char *path) {
    uint64_t count = 0;
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return 0;
    if (fread(&count, sizeof count, 1, file) != 1) count = 0;
    fclose(file);
    return (double)count;
}

// Nanoseconds on a CPU, thread by thread: exact, where the process's own times count ticks of 10 ms.
static double cpu_us(int pid) {
    char path[512];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks) fail("process %d is gone", pid);
    double sum = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) {
        unsigned long long ns = 0;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &ns) == 1) sum += (double)ns * 1e-3;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

static double rss_kb(int pid) {
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
    fclose(file);
    return (double)kb;
}

void processes_read(struct processes *p) {
    for (int i = 0; i < p->count; i++) {
        p->cpu_us[i] = cpu_us(p->pids[i]);
        p->rss_kb[i] = rss_kb(p->pids[i]);
        p->allocations[i] = allocations(p->counters[i]);
    }
}
