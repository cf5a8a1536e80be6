/* SPDX-License-Identifier: MIT */
/*
 * The checker, on trees that are damaged on purpose: each fault is provoked and found where it is,
 * and a judge written anew, from the invariants, agrees with the checker about every single-bit
 * flip and about random damage. Some calls on damaged trees.
 */
#include "scene.h"

int main(void)
{
    return check_faults() + check_legal() + check_hints() + check_calls() + check_agree();
}
