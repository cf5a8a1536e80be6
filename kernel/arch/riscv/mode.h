/* SPDX-License-Identifier: MIT */
/*
 * riscv64 runs in supervisor mode on OpenSBI, riscv32 in machine mode with nothing below it: the
 * same registers by other names.
 */
#if __riscv_xlen == 64
#define X_TVEC      stvec
#define X_CAUSE     scause
#define X_EPC       sepc
#define X_STATUS    sstatus
#define X_IE        sie
#define X_RET       sret
#define STATUS_IE   0x2
#define IE_TIMER    0x20
#define CAUSE_TIMER 5
#define LOAD        ld
#define STORE       sd
#define WORD        8
#else
#define X_TVEC      mtvec
#define X_CAUSE     mcause
#define X_EPC       mepc
#define X_STATUS    mstatus
#define X_IE        mie
#define X_RET       mret
#define STATUS_IE   0x8
#define IE_TIMER    0x80
#define CAUSE_TIMER 7
#define LOAD        lw
#define STORE       sw
#define WORD        4
#endif
