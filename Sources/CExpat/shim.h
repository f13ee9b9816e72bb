// SPDX-License-Identifier: Apache-2.0
// XML_DTD makes the amplification limits of expat visible to Swift.
#define XML_DTD 1
#include <expat.h>
