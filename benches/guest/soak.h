// Mixed work for hours, see soak.c. Truth: none; our own.
// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_H
#define SOAK_H

// Runs the workloads that `name_of` names for 0, 1, 2 … in copies of `program` until so many seconds are over.
void soak(const char *program, long seconds, const char *(*name_of)(int));

#endif
