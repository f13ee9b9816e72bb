// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <unbound.h>

// The flags are macros over an enumeration, which Swift does not see.
static inline int cunbound_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
