/* SPDX-License-Identifier: MIT */
/*
 * The pure transitions of the node word (src/core/node.h) against a model that keeps a code a slot
 * and looks at the slots one by one.
 */
#include "checks.h"

int main(void)
{
    return node_numbers() + node_words();
}
