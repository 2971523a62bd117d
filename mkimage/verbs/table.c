/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each verb is called, takes and does: a row a verb, in the order in which the help lists
 * them. Parsing, help, manual and completions are all made of this; nothing of it stands elsewhere.
 */
#include "verbs/verbs.h"

#define READ  OPTION_PARTITION
#define ENTRY (OPTION_PARTITION | OPTION_ENTRY | OPTION_DRIVE)
#define RANGE (OPTION_LBA | OPTION_COUNT)

static const struct verb list[] = {
    {.name = "flash",
     .group = GROUP_MAKE,
     .brief = "a bootable flash of images, in a file or on a device",
     .arguments = "OUTPUT... --vhd FILE[,FILE...]",
     .arguments_needed = 1,
     .arguments_most = ARGUMENTS_MAX,
     .options = OPTION_VHD | OPTION_SIZE | OPTION_LABEL | OPTION_CONFIG | OPTION_RESERVE |
                OPTION_NO_SUMS | OPTION_VERIFY | OPTION_FORCE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_flash,
     .summary = "Makes a bootable flash: MBR, one active NTFS partition at 1 MiB, boot code,\n"
                "vhdboot.bin, a config, the images. OUTPUT is a new file (sparse) or a block\n"
                "device (needs --yes). An image that the config names goes where it says, another\n"
                "one beside the one before it, else into the root folder."},
    {.name = "clone",
     .group = GROUP_MAKE,
     .brief = "further sticks with the files of a master stick",
     .arguments = "MASTER OUTPUT...",
     .arguments_needed = 2,
     .arguments_most = ARGUMENTS_MAX,
     .options = OPTION_SIZE | OPTION_LABEL | OPTION_FORCE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_clone,
     .summary = "Makes each OUTPUT a flash with all files of MASTER's volume, whatever its size,\n"
                "as long as they fit. Each has a disk signature and a serial number of its own,\n"
                "and is read back in the end."},
    {.name = "install",
     .group = GROUP_MAKE,
     .brief = "boot code into a disk that exists, as bootsect does",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_BOOT_PLACE | OPTION_NO_MBR | OPTION_DRY_RUN |
                OPTION_BACKUP | OPTION_YES,
     .run = verb_install,
     .summary = "Puts boot code into a disk or image that has an NTFS partition, and vhdboot.bin\n"
                "into its root folder, or both outside of the volumes. Partition table, disk\n"
                "signature, BPB and every other byte stay. A block device needs --yes."},
    {.name = "restore",
     .group = GROUP_MAKE,
     .brief = "back what install replaced",
     .arguments = "TARGET BACKUP",
     .arguments_needed = 2,
     .options = OPTION_DRY_RUN | OPTION_YES,
     .run = verb_restore,
     .summary = "Brings back what install --backup saved. A block device needs --yes."},
    {.name = "update",
     .group = GROUP_MAKE,
     .brief = "boot code and vhdboot.bin of this version",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_NO_MBR | OPTION_DRY_RUN | OPTION_BACKUP | OPTION_YES,
     .run = verb_update,
     .summary = "What install does, where vhdboot is installed, and says what is there already. A\n"
                "block device needs --yes."},
    {.name = "uninstall",
     .group = GROUP_MAKE,
     .brief = "vhdboot's boot code and files gone",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_NO_MBR | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_uninstall,
     .summary = "Takes vhdboot's boot code and files away; images stay. The BIOS finds the boot\n"
                "code that install found there, or else goes on to its next device. A block\n"
                "device needs --yes."},
    {.name = "add",
     .group = GROUP_KEEP,
     .brief = "further images and entries onto a flash",
     .arguments = "TARGET --vhd FILE[,FILE...]",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_DRIVE | OPTION_VHD | OPTION_TITLE | OPTION_WRITE |
                OPTION_PLACE | OPTION_RESERVE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_add,
     .summary = "Puts images, with their parents, onto a flash that exists, and an entry for each\n"
                "into its menu. What lies there already with the same content is taken as it is."},
    {.name = "replace",
     .group = GROUP_KEEP,
     .brief = "new content for an image: a new master",
     .arguments = "TARGET --entry NAME --vhd FILE",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_FILE | OPTION_VHD | OPTION_CHILDREN | OPTION_RESERVE |
                OPTION_DRY_RUN | OPTION_YES,
     .run = verb_replace,
     .summary =
         "New content for an entry's image, or for the one that --file names: a new master.\n"
         "Images whose parent the old one is are named, and kept or dropped as told."},
    {.name = "remove",
     .group = GROUP_KEEP,
     .brief = "an entry out of the menu, and its image",
     .arguments = "TARGET --entry NAME",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_FILE | OPTION_KEEP_IMAGE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_remove,
     .summary =
         "Takes an entry out of the menu and removes its image, unless something else needs\n"
         "that. With --file instead of --entry: an image that nothing needs."},
    {.name = "list",
     .group = GROUP_LOOK,
     .brief = "the menu, its images and their room",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = READ | OPTION_DRIVE | OPTION_JSON,
     .run = verb_list,
     .summary = "The menu's entries, in its order: images, modes, room for new data. > is the\n"
                "default one."},
    {.name = "reserve",
     .group = GROUP_KEEP,
     .brief = "room inside an image for new data",
     .arguments = "TARGET|IMAGE",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_FILE | OPTION_NEW_SIZE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_reserve,
     .summary = "Gives a dynamic or differencing VHD room for so much new data, besides what it\n"
                "has: zeros inside the file, which the loader makes blocks of. The image is a\n"
                "file of the host, TARGET:/path, or an entry of TARGET's menu."},
    {.name = "grow",
     .group = GROUP_KEEP,
     .brief = "partition and volume to the end of a larger drive",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_grow,
     .summary = "Makes the NTFS partition and its volume as long as the drive is, as after a copy\n"
                "to a larger one by dd. Of a GPT disk: the volume as long as its partition is. A\n"
                "block device needs --yes."},
    {.name = "shrink",
     .group = GROUP_KEEP,
     .brief = "gives back room inside a VHD that no data are in",
     .arguments = "TARGET|IMAGE",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_FILE | OPTION_NEW_SIZE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_shrink,
     .summary = "Gives back the slack of a dynamic or differencing VHD; with --size all but room\n"
                "for so much new data. What is stored stays. The image is a file of the host,\n"
                "TARGET:/path, or an entry of TARGET's menu."},
    {.name = "snapshot",
     .group = GROUP_KEEP,
     .brief = "a differencing child takes all changes from now on",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_NAME | OPTION_NEW_SIZE | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_snapshot,
     .summary = "Makes the entry's image the parent of a new differencing VHD, which the entry\n"
                "starts from then on: all that is written goes there. It gets room for --size of\n"
                "new data; default: all that the disk may need, but half of the volume's free\n"
                "space and 4 GiB at the most."},
    {.name = "rollback",
     .group = GROUP_KEEP,
     .brief = "throws away what was written since the snapshot",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_NEW_SIZE | OPTION_DROP | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_rollback,
     .summary = "Throws away what was written since the snapshot: the entry's image, a\n"
                "differencing VHD, becomes an empty one with as much room as it had."},
    {.name = "merge",
     .group = GROUP_KEEP,
     .brief = "writes what a child holds into its parent, and removes it",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_merge,
     .summary = "Writes what the entry's image, a differencing one, holds into its parent, lets\n"
                "the entry start that one, and removes the child."},
    {.name = "verify",
     .group = GROUP_LOOK,
     .brief = "do the images hold what was written?",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = READ | OPTION_JSON,
     .run = verb_verify,
     .summary = "Compares every image with the SHA-256 that flash, add and replace kept of it in\n"
                "\\vhdboot.sum, and says what differs and whether that is expected: an entry\n"
                "writes to it, or did."},
    {.name = "check",
     .group = GROUP_LOOK,
     .brief = "would it boot? A line a step, by the loader's own code",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_ALL | OPTION_JSON,
     .run = verb_check,
     .summary =
         "Would it boot? Walks the same path as the machine, with the same code. With --all\n"
         "every entry of the menu has to."},
    {.name = "map",
     .group = GROUP_LOOK,
     .brief = "the compiled block map, a line a run",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_JSON,
     .run = verb_map,
     .summary = "Prints the compiled block map, a line a run."},
    {.name = "read",
     .group = GROUP_LOOK,
     .brief = "sectors of the virtual disk, as the machine would see them",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = ENTRY | RANGE,
     .run = verb_read,
     .summary = "Writes sectors of the virtual disk to standard output, through the block map."},
    {.name = "ls",
     .group = GROUP_LOOK,
     .brief = "a folder of the NTFS volume",
     .arguments = "TARGET:/dir",
     .arguments_needed = 1,
     .options = READ,
     .run = verb_ls,
     .summary = "Lists a folder of TARGET's NTFS volume, as the loader reads it."},
    {.name = "cat",
     .group = GROUP_LOOK,
     .brief = "a file of the NTFS volume",
     .arguments = "TARGET:/path",
     .arguments_needed = 1,
     .options = READ,
     .run = verb_cat,
     .summary = "Writes a file of TARGET's NTFS volume to standard output."},
    {.name = "extents",
     .group = GROUP_LOOK,
     .brief = "where a file of the NTFS volume lies on the drive",
     .arguments = "TARGET:/path",
     .arguments_needed = 1,
     .options = READ | OPTION_JSON,
     .run = verb_extents,
     .summary = "Says where a file of TARGET's NTFS volume lies on the drive, in sectors."},
    {.name = "vhd info",
     .group = GROUP_IMAGES,
     .brief = "kind, sizes and parents, and what is odd",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ | OPTION_DRIVE | OPTION_JSON,
     .run = verb_vhd_info,
     .summary = "Kind, sizes and parents of an image, and what is odd about it. FILE is a file of\n"
                "the host, or TARGET:/path; parents of that may lie where TARGET's menu says."},
    {.name = "vhd read",
     .group = GROUP_IMAGES,
     .brief = "the virtual disk's sectors, parents included",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ | OPTION_DRIVE | RANGE,
     .run = verb_vhd_read,
     .summary =
         "Writes the virtual disk's sectors to standard output, parents included. FILE is a\n"
         "file of the host, or TARGET:/path."},
    {.name = "vhd check",
     .group = GROUP_IMAGES,
     .brief = "is its structure whole?",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = READ | OPTION_DRIVE,
     .run = verb_vhd_check,
     .summary = "Checks the structure, that of the parents too: exit status 0 clean, 1 damaged or\n"
                "refused. FILE is a file of the host, or TARGET:/path."},
    {.name = "password",
     .group = GROUP_KEEP,
     .brief = "the line that locks a menu or an entry",
     .arguments = "",
     .run = verb_password,
     .summary =
         "Asks for a password twice (without a terminal: reads a line of standard input)\n"
         "and prints the line of \\vhdboot.cfg that asks for it: before the first section it\n"
         "protects all but the default's start, in a section this entry."},
    {.name = "vhd create",
     .group = GROUP_IMAGES,
     .brief = "an empty disk, or a child of another",
     .arguments = "FILE --size SIZE",
     .arguments_needed = 1,
     .options = OPTION_DISK_SIZE | OPTION_FORMAT | OPTION_KIND | OPTION_PARENT | OPTION_BLOCK_SIZE,
     .run = verb_vhd_create,
     .summary = "Makes an image that holds nothing yet; with --parent a child, of the parent's\n"
                "format and size."},
    {.name = "vhd convert",
     .group = GROUP_IMAGES,
     .brief = "an image of another format or kind, or of a raw disk",
     .arguments = "SOURCE FILE",
     .arguments_needed = 2,
     .options = READ | OPTION_FORMAT | OPTION_KIND | OPTION_BLOCK_SIZE | OPTION_REPLACE,
     .run = verb_vhd_convert,
     .summary =
         "Makes an image of what SOURCE holds, parents included. SOURCE is a VHD or VHDX of\n"
         "the host, TARGET:/path, or a raw disk image. Holes stay holes, the disk's size\n"
         "stays exactly."},
    {.name = "vhd compare",
     .group = GROUP_IMAGES,
     .brief = "do two images hold the same?",
     .arguments = "A B",
     .arguments_needed = 2,
     .run = verb_vhd_compare,
     .summary = "Do two images hold the same? Exit status 0 yes, 1 no: the first difference."},
    {.name = "vhd resize",
     .group = GROUP_IMAGES,
     .brief = "makes the disk longer or shorter",
     .arguments = "FILE --size SIZE",
     .arguments_needed = 1,
     .options = OPTION_DISK_SIZE | OPTION_CUT,
     .run = verb_vhd_resize,
     .summary =
         "Makes the disk of an image longer or shorter; not shorter than its partitions. On\n"
         "a disk that has no partition table, or a damaged one, all that is stored counts."},
    {.name = "vhd compact",
     .group = GROUP_IMAGES,
     .brief = "gives back what is stored of zeros",
     .arguments = "FILE",
     .arguments_needed = 1,
     .options = OPTION_FREE,
     .run = verb_vhd_compact,
     .summary =
         "Gives back what an image stores of zeros, and all gaps and slack in its file. With\n"
         "--free the free clusters of NTFS volumes that were left clean, too: what deleted\n"
         "files held is gone then. Others: attach the image, then fstrim."},
    {.name = "vhd rebase",
     .group = GROUP_IMAGES,
     .brief = "gives a child its parent at another place",
     .arguments = "FILE --parent FILE",
     .arguments_needed = 1,
     .options = OPTION_PARENT,
     .run = verb_vhd_rebase,
     .summary =
         "Gives a child a parent that lies elsewhere, or another one with the same content."},
    {.name = "vhd merge",
     .group = GROUP_IMAGES,
     .brief = "writes a child into its parent, and removes it",
     .arguments = "FILE",
     .arguments_needed = 1,
     .run = verb_vhd_merge,
     .summary = "Writes what a child holds into its parent, and removes the child."},
    {.name = "windows doctor",
     .group = GROUP_WINDOWS,
     .brief = "would the Windows in an image start from here?",
     .arguments = "FILE|TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_ENTRY | OPTION_JSON,
     .run = verb_windows_doctor,
     .summary =
         "Looks at the Windows in an image, or in an entry of TARGET's menu: version, edition,\n"
         "drivers that load at the start, by USB 2, USB 3, AHCI, IDE, NVMe and Hyper-V, what\n"
         "else is in its way. Exit status 0: it would start, where it lies on a disk with a\n"
         "menu by USB, else by any of them."},
    {.name = "windows tune",
     .group = GROUP_WINDOWS,
     .brief = "the registry values that a start by USB or out of a VHD takes",
     .arguments = "FILE|TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_ENTRY | OPTION_SAN_POLICY | OPTION_PORTABLE |
                OPTION_UNDO | OPTION_DRY_RUN | OPTION_YES,
     .run = verb_windows_tune,
     .summary =
         "Sets in the Windows of an image, or of an entry of TARGET's menu, what a start by USB\n"
         "or out of a VHD takes: drivers that load at the start, the time to wait for the drive,\n"
         "no expanding, no paging file. Lists each value that differs, and saves the hive beside\n"
         "it, once; --undo takes back what was set, and leaves what Windows changed since."},
    {.name = "attach",
     .group = GROUP_IMAGES,
     .brief = "an image as a block device with partitions",
     .arguments = "FILE|TARGET",
     .arguments_needed = 1,
     .options = ENTRY | OPTION_READ_ONLY | OPTION_DISCARD | OPTION_DEVICE,
     .run = verb_attach,
     .summary =
         "Makes a block device of an image, or of an entry of TARGET's menu, and prints its\n"
         "name. Needs root, and a kernel with NBD. An entry is written as the menu says,\n"
         "where no option says otherwise."},
    {.name = "detach",
     .group = GROUP_IMAGES,
     .brief = "takes such a device away again",
     .arguments = "DEVICE",
     .arguments_needed = 1,
     .run = verb_detach,
     .summary = "Takes away a device that attach made, once all that was written to it is in the\n"
                "image. Refused while it is in use."},
    {.name = "attached",
     .group = GROUP_IMAGES,
     .brief = "which devices there are, and of what",
     .arguments = "",
     .options = OPTION_JSON,
     .run = verb_attached,
     .summary = "Lists the devices that attach made: name, size, how it is written, partitions,\n"
                "image."},
    {.name = "guest",
     .group = GROUP_IMAGES,
     .brief = "makes the Linux in an image start from a stick, too",
     .arguments = "TARGET|IMAGE",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_ENTRY | OPTION_ROOT | OPTION_PACKAGE | OPTION_DRY_RUN |
                OPTION_YES,
     .run = verb_guest,
     .summary =
         "Puts vhdboot-attach into the Debian or Ubuntu in an image, or in an entry of\n"
         "TARGET's menu, and into its initramfs, without starting it: that system finds its\n"
         "root when vhdboot starts it, and starts elsewhere as before. Needs root, and runs\n"
         "programs of that system: for images that you trust."},
    {.name = "windows apply",
     .group = GROUP_WINDOWS,
     .brief = "a bootable disk out of an install.wim",
     .arguments = "FILE.wim[:INDEX|NAME] NEW",
     .arguments_needed = 2,
     .options = OPTION_DISK_SIZE | OPTION_FORMAT | OPTION_KIND | OPTION_PARENT | OPTION_BLOCK_SIZE |
                OPTION_SAN_POLICY | OPTION_PORTABLE,
     .run = verb_windows_apply,
     .summary =
         "Makes an image with one active NTFS partition, puts an image of a WIM there, and does\n"
         "what windows tune and windows boot --inside do. Needs no root; takes libwim, which\n"
         "is no part of this program."},
    {.name = "windows boot",
     .group = GROUP_WINDOWS,
     .brief = "\\bootmgr and \\Boot\\BCD out of the images, as bcdboot does",
     .arguments = "TARGET",
     .arguments_needed = 1,
     .options = OPTION_PARTITION | OPTION_ENTRY | OPTION_LOCATE | OPTION_EXACT | OPTION_INSIDE |
                OPTION_DRY_RUN | OPTION_YES,
     .run = verb_windows_boot,
     .summary =
         "What bcdboot does: copies Windows' boot manager out of the user's own image, and gives\n"
         "every image of TARGET's menu that holds a Windows (or the one of --entry) an entry in\n"
         "\\Boot\\BCD, so that it starts natively. A store that exists gets entries added. With\n"
         "--inside TARGET is an image, or has it as --entry: then it is made to start by itself,\n"
         "as a Generation 1 machine of Hyper-V starts it."},
};

const struct verbs verbs_all = {list, sizeof list / sizeof list[0]};
