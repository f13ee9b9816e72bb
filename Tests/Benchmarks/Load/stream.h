// SPDX-License-Identifier: Apache-2.0
// One stream of the load generator. XEP-0114 from either side: it dials a server as a component does, or it
// listens and plays the server for a component that dials. Or a user's client, which logs in to a server. Or bare
// records, each a length of four octets and that many octets, for the echo that stands for the least a record can cost.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;
    int records;        // bare records, no XML
    const char *stanza; // the start of the stanzas that are handed over: "<message", or "<presence"
    char domain[256];   // the component's name, or the user's address
    char secret[128];
    char *in;           // what was read and not yet cut into stanzas
    size_t in_length, in_size;
    char *out;          // what waits to be written
    size_t out_length, out_done, out_size;
};

// Opens "dial:PORT:DOMAIN:SECRET" or "accept:PORT:DOMAIN:SECRET", handshake included, "client:PORT:USER@DOMAIN:PASSWORD",
// which is then bound and has not said that it is there, or "records:PORT:-:-", all on 127.0.0.1. Ends the process when
// that fails within `seconds`.
void stream_open(struct stream *stream, const char *endpoint, int seconds);

// Writes what waits, as far as the socket takes it.
void stream_flush(struct stream *stream);

// Reads once; 0 when there was nothing.
size_t stream_read(struct stream *stream);

// Calls `message` for each whole stanza of the wanted kind or record; answers pings; ends the process on a closed stream.
void stream_cut(struct stream *stream, void (*message)(const char *stanza, size_t length));

// Appends to what waits.
void stream_put(struct stream *stream, const char *text, size_t length);

// Copies the value of an attribute of the first tag in the text; 0 where it has none that fits.
int attribute(const char *text, size_t length, const char *name, char *out, size_t size);

// Ends the process with a message, and with errno in words where there is one.
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
