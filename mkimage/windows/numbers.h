/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new boot store takes beside what core reads (core/bcd/format.h): types of objects, codes
 * of elements, well-known objects. */
#ifndef MKIMAGE_WINDOWS_NUMBERS_H
#define MKIMAGE_WINDOWS_NUMBERS_H

#define STORE_TYPE_BOOTMGR       0x10100002u
#define STORE_TYPE_MEMTEST       0x10200005u
#define STORE_TYPE_SETTINGS      0x20100000u /* inherited by anything */
#define STORE_TYPE_OF_LOADER     0x20200003u /* inherited by loaders */
#define STORE_TYPE_OF_RESUME     0x20200004u

#define STORE_DEVICE             0x11000001u
#define STORE_PATH               0x12000002u
#define STORE_TITLE              0x12000004u
#define STORE_LOCALE             0x12000005u
#define STORE_INHERIT            0x14000006u
#define STORE_DEBUGGER_TYPE      0x15000011u
#define STORE_EMS                0x16000020u
#define STORE_BAD_MEMORY         0x1600000bu /* the memory test uses what is listed as bad */
#define STORE_SETTINGS_IN_MEM    0x17000077u
#define STORE_OSDEVICE           0x21000001u
#define STORE_SYSTEM_ROOT        0x22000002u
#define STORE_DEFAULT            0x23000003u
#define STORE_ORDER              0x24000001u
#define STORE_TOOLS              0x24000010u
#define STORE_TIMEOUT            0x25000004u
#define STORE_NX                 0x25000020u
#define STORE_MENU_POLICY        0x250000c2u
#define STORE_HYPERVISOR_TYPE    0x250000f3u
#define STORE_HYPERVISOR_PORT    0x250000f4u
#define STORE_HYPERVISOR_BAUD    0x250000f5u
#define STORE_DETECT_HAL         0x26000010u

#define STORE_ID_MEMDIAG         "{b2721d73-1db4-4c62-bf78-c548a880142d}"
#define STORE_ID_GLOBAL          "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
#define STORE_ID_LOADERS         "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
#define STORE_ID_RESUMES         "{1afa9c49-16ab-4a5c-901b-212802da9460}"
#define STORE_ID_DEBUG_SETTINGS  "{4636856e-540f-4170-a130-a84776f4c654}"
#define STORE_ID_EMS_SETTINGS    "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
#define STORE_ID_BAD_MEMORY_LIST "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
#define STORE_ID_HYPERVISOR      "{7ff607e0-4395-11db-b0de-0800200c9a66}"

#define STORE_ID_SIZE            39u /* with the braces and the NUL */

#endif
