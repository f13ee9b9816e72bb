// SPDX-License-Identifier: Apache-2.0
// SHA-1 (FIPS 180-4), for the handshake of XEP-0114 and nothing else.
#pragma once
#include <stddef.h>

// Writes 40 lower-case hexadecimal digits and a final zero.
void sha1_hex(const void *data, size_t length, char out[41]);
