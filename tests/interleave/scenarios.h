/* SPDX-License-Identifier: MIT */
/* See explore.c for the words. */

/* Enter against merge: the border between a node and its parent. */
"8 3 : | a0 f | a0 f", "8 3 : a0 | f0 | a0", "8 3 : a0 | f0 | a1", "8 3 : a0 | f0 | a2",
    "8 3 : a0 | f0 | a3", "8 3 : a0 a0 | f0 | f1", "8 3 : a0 a0 | f0 | f1 | a0",
    "8 3 : a0 a0 | f0 | f1 | a1", "8 3 : a0 a0 | f0 | f1 | a2", "8 3 : a0 a1 | f0 | f1 | a0",
    "8 3 : a1 a1 | f0 | f1 | a2", "8 3 : | a0 | a0 | a0", "8 3 : | a0 f | a1 f | a2 f",
    "8 3 : a0 | f0 a0 | a0 f", "8 3 : a0 | f0 a1 | a0 f", "8 3 : a0 a0 | f0 | f1 a1 | a0",
    "4 2 : a0 a0 a0 | f0 | f1 | f2", "4 2 : a0 a0 a0 a0 | f0 | f1 | a0",
    "4 2 : a0 a0 a0 a0 | f0 f1 | f2 f3 | a1", "4 2 : a0 | f0 | a0 f | a1",
    /* Drains beside everything. */
    "8 3 : a0 | d | f0 | a0", "8 3 : a0 | d | f0 a1", "8 3 : a0 | d | a0 f", "8 3 : a0 | d f0 | d a2",
    "4 2 : a0 a0 | f0 f1 | d | a1",
    /* Runs, at, resize, cuts. */
    "8 3 : | r3 f | a0 f", "8 3 : | r3 | r3", "8 3 : | r5 | a0", "8 3 : | r7 f | a1", "8 3 : r3 | f0 | a0",
    "8 3 : r7 | f0 | a0 | a2", "8 3 : | @2,3 | a0", "8 3 : | @0,5 f | a1", "8 3 : | @1,1 | @0,2",
    "8 3 : a0 | f0 | @0,8", "8 3 : a0 a0 | f0 | f1 | @0,4", "8 3 : | a0 z2 | a0", "8 3 : | a1 z5 | a0",
    "8 3 : | a2 z3 | a0", "8 3 : | a3 z5 | a0", "8 3 : a3 | x0,3,2 | a0", "8 3 : a3 | x0,3,2 | x0,0,2",
    "8 3 : a3 | x0,1,6 | a1 | a0", "8 3 : a2 | x0,1,1 | x0,2,1 | a0",
    /* Out of use and back. */
    "8 3 : | h0,8 | a0", "8 3 : | h2,3 | a1", "8 3 : h0,8 | u0,8 | a0", "8 3 : h0,8 | u3,2 | a0",
    "8 3 : h0,8 | u0,4 | u4,4 | a3", "8 3 : h2,2 | u2,1 | u3,1 | a1", "8 3 : | h0,2 u0,2 | a0 f",
    /* Bulk; two threads on one lane. */
    "8 3 : | b0 | a0", "8 3 : a0 | b0 | f0", "8 3 : | =a0 f | =a0 f", "8 3 : a0 a0 | =f0 | =f1 | =a0",
    "8 3 : a0 | =f0 a2 | =a0 f",
    /* Three levels, and a range with ends inside nodes. */
    "16 4 : a0 a1 a2 | f0 | f1 | f2", "16 4 : a0 a2 | f0 | f1 | a3", "7 2 : a0 a0 | f0 | f1 | a1",
    "5 2 : a0 | f0 | a0 | a2", "11 3 : | r6 f | a0 f",
