/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of a boot store: types of objects, codes of elements, well-known objects. */
#ifndef MKIMAGE_WINDOWS_BCD_H
#define MKIMAGE_WINDOWS_BCD_H

#define BCD_TYPE_BOOTMGR    0x10100002u
#define BCD_TYPE_LOADER     0x10200003u
#define BCD_TYPE_MEMTEST    0x10200005u
#define BCD_TYPE_SETTINGS   0x20100000u /* inherited by anything */
#define BCD_TYPE_OF_LOADER  0x20200003u /* inherited by loaders */
#define BCD_TYPE_OF_RESUME  0x20200004u

#define BCD_DEVICE          0x11000001u
#define BCD_PATH            0x12000002u
#define BCD_TITLE           0x12000004u
#define BCD_LOCALE          0x12000005u
#define BCD_INHERIT         0x14000006u
#define BCD_DEBUGGER_TYPE   0x15000011u
#define BCD_EMS             0x16000020u
#define BCD_BAD_MEMORY      0x1600000bu /* use memory that is listed as bad: only the memory test */
#define BCD_SETTINGS_IN_MEM 0x17000077u
#define BCD_OSDEVICE        0x21000001u
#define BCD_SYSTEM_ROOT     0x22000002u
#define BCD_DEFAULT         0x23000003u
#define BCD_ORDER           0x24000001u
#define BCD_TOOLS           0x24000010u
#define BCD_TIMEOUT         0x25000004u
#define BCD_NX              0x25000020u
#define BCD_MENU_POLICY     0x250000c2u
#define BCD_HYPERVISOR_TYPE 0x250000f3u
#define BCD_HYPERVISOR_PORT 0x250000f4u
#define BCD_HYPERVISOR_BAUD 0x250000f5u
#define BCD_DETECT_HAL      0x26000010u

#define BCD_BOOTMGR         "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
#define BCD_MEMDIAG         "{b2721d73-1db4-4c62-bf78-c548a880142d}"
#define BCD_GLOBAL          "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
#define BCD_LOADERS         "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
#define BCD_RESUMES         "{1afa9c49-16ab-4a5c-901b-212802da9460}"
#define BCD_DEBUG_SETTINGS  "{4636856e-540f-4170-a130-a84776f4c654}"
#define BCD_EMS_SETTINGS    "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
#define BCD_BAD_MEMORY_LIST "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"
#define BCD_HYPERVISOR      "{7ff607e0-4395-11db-b0de-0800200c9a66}"

#define BCD_GUID_TEXT_SIZE  39u /* with the braces and the NUL */

#endif
