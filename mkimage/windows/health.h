/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Would this Windows start, by its registry: which bus its own drivers are ready for when the BIOS
 * is left behind. Only reads.
 */
#ifndef MKIMAGE_WINDOWS_HEALTH_H
#define MKIMAGE_WINDOWS_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include "windows/registry.h"

/* Which bits of a driver's BootFlags make the loader take it along although it starts on demand. */
#define BOOT_FLAG_VHD  0x02u
#define BOOT_FLAG_USB  0x04u
#define BOOT_FLAG_USB3 0x10u

enum bus { BUS_USB2, BUS_USB3, BUS_AHCI, BUS_IDE, BUS_NVME, BUS_HYPERV, BUS_COUNT };

extern const char *const bus_key[BUS_COUNT];  /* as JSON has them */
extern const char *const bus_name[BUS_COUNT]; /* as people say them */

struct verdict {
    bool starts;
    char why[256]; /* the end of a sentence that begins with the bus */
};

struct health {
    char product[96], edition[64], architecture[16];
    char version[32]; /* "6.1.7601" */
    uint32_t build;   /* 0: not known */
    bool server;
    bool native_vhd; /* starts natively out of a VHD */
    char native_why[256];
    struct verdict bus[BUS_COUNT];

    uint32_t flags;    /* Control\BootDriverFlags */
    unsigned hardware; /* HardwareConfig\{*}, and how many of those lack flags for USB */
    unsigned hardware_short;
    uint32_t poll_ms, expand; /* PollBootPartitionTimeout, VirtualDiskExpandOnMount */
    bool has_pagefile;
};

/* `system` knows its control set. `vhdx`: the image is one. `image`: it is a VHD or VHDX, so that a
 * native start is what happens. */
void health_look(struct health *h, struct registry *system, struct registry *software,
                 struct target *t, bool image, bool vhdx);

/* Is a start by USB made ready in both places? */
bool health_usb_flags(const struct health *h);

#endif
