// SPDX-License-Identifier: Apache-2.0
// Debian's libxml2 is built with ICU, whose UErrorCode differs from the one that Foundation brings.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>

// A variable that anybody may change, which Swift does not let anybody call.
static inline void cxml_free(void *memory) { xmlFree(memory); }

// A handler that takes names with their namespaces and does nothing yet.
static inline xmlSAXHandler cxml_silent_handler(void) {
    xmlSAXHandler handler = {0};
    handler.initialized = XML_SAX2_MAGIC;
    return handler;
}
