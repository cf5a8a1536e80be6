/* SPDX-License-Identifier: MIT */
/*
 * The list of workloads, in the order of the table.
 */
#include "workloads.h"

#include <string.h>

const workload *const workloads_all[] = {
    &workload_bulk,       &workload_repeat, &workload_empty,  &workload_rand,   &workload_full,
    &workload_remote,     &workload_larson, &workload_mixed,  &workload_runs,   &workload_oom_full,
    &workload_oom_pieces, &workload_replay, &workload_frag50, &workload_frag80,
};
const size_t workloads_count = sizeof(workloads_all) / sizeof(workloads_all[0]);

bool workloads_match(const workload *w, const char *name)
{
    size_t length = strlen(name);
    return strcmp(w->name, name) == 0 ||
           (strncmp(w->name, name, length) == 0 && w->name[length] == '-');
}
