// SPDX-License-Identifier: Apache-2.0
// What other processes have spent, read from /proc.
#pragma once
enum { MOST_PROCESSES = 8 };

struct processes {
    int count;
    int pids[MOST_PROCESSES];
    double cpu_us[MOST_PROCESSES];   // CPU time of all living threads since their start
    double rss_kb[MOST_PROCESSES];
    const char *counters[MOST_PROCESSES];   // files that allocations.c counts into, where that is loaded
    double allocations[MOST_PROCESSES];
};

// Reads "PID,PID,...".
void processes_parse(struct processes *processes, const char *text);

// Reads "FILE,FILE,...", the allocation counters of the same processes.
void processes_counters(struct processes *processes, char *text);

// Fills in the figures; ends the process when one of the others is gone.
void processes_read(struct processes *processes);
