/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the boot records read of a partition table, of NTFS and of vhdboot.bin, under the names that
 * their NASM has for it. Compiled to assembly only: each SHARE becomes a line `->NAME number` in
 * it, and boot.mk turns those into build/boot/offsets.inc. A name with a dot is a field's offset.
 */
#include <stddef.h>
#include <stdint.h>
#include "core/ntfs/format.h"
#include "core/part/format.h"
#include "stage2_format.h"

#define SHARE(name, value)       __asm__ volatile("\n->" name " %c0" : : "i"((int32_t)(value)))
#define FIELD(name, type, field) SHARE(name, offsetof(struct type, field))

/* A file reference: 48 bits of record number, then 16 bits of sequence number. */
#define REFERENCE(name, off)                                                                       \
    do {                                                                                           \
        SHARE(name, off);                                                                          \
        SHARE(name "_high", (off) + 4);                                                            \
        SHARE(name "_sequence", (off) + 6);                                                        \
    } while (0)

/* Of an index entry with its key, a file name. */
#define KEY(name, field)                                                                           \
    SHARE(name, sizeof(struct ntfs_index_entry) + offsetof(struct ntfs_file_name, field))

void partition_table(void);
void boot_sector(void);
void records(void);
void attributes(void);
void attribute_list(void);
void indexes(void);
void stage2(void);

void partition_table(void)
{
    FIELD("entry.active", mbr_entry, active);
    FIELD("entry.type", mbr_entry, type);
    FIELD("entry.lba", mbr_entry, start_lba);
    FIELD("entry.count", mbr_entry, sectors);
    SHARE("entry_size", sizeof(struct mbr_entry));
    FIELD("TABLE", mbr, entry);
    FIELD("SIGNATURE_OFF", mbr, signature);
    SHARE("BOOT_SIGNATURE", MBR_BOOT_SIGNATURE);
}

void boot_sector(void)
{
    FIELD("bpb.name", ntfs_boot_sector, oem);
    FIELD("bpb.bytes_sector", ntfs_boot_sector, sector_size);
    FIELD("bpb.sectors_cluster", ntfs_boot_sector, cluster_sectors);
    FIELD("bpb.sectors", ntfs_boot_sector, total_sectors);
    FIELD("bpb.hidden", ntfs_boot_sector, hidden);
    FIELD("bpb.mft_lcn", ntfs_boot_sector, mft_lcn);
    FIELD("bpb.mirror_lcn", ntfs_boot_sector, mirror_lcn);
    FIELD("bpb.record_size", ntfs_boot_sector, record_clusters);
    FIELD("bpb.serial", ntfs_boot_sector, serial);
    SHARE("ROOT_DIRECTORY", NTFS_ROOT);
}

void records(void)
{
    FIELD("block.magic", ntfs_block_header, magic);
    FIELD("block.usa", ntfs_block_header, usa_offset);
    FIELD("block.usa_count", ntfs_block_header, usa_count);
    FIELD("record.sequence", ntfs_record_header, sequence);
    FIELD("record.first", ntfs_record_header, attributes_offset);
    FIELD("record.flags", ntfs_record_header, flags);
    FIELD("record.used", ntfs_record_header, used);
    REFERENCE("record.base", offsetof(struct ntfs_record_header, base));
    FIELD("record.number", ntfs_record_header, number);
    SHARE("record_size", sizeof(struct ntfs_record_header));
}

void attributes(void)
{
    FIELD("attr.type", ntfs_attr_header, type);
    FIELD("attr.length", ntfs_attr_header, length);
    FIELD("attr.nonresident", ntfs_attr_header, nonresident);
    FIELD("attr.name_length", ntfs_attr_header, name_length);
    FIELD("attr.name", ntfs_attr_header, name_offset);
    FIELD("attr.flags", ntfs_attr_header, flags);
    FIELD("attr.value_size", ntfs_attr_resident, value_length);
    FIELD("attr.value", ntfs_attr_resident, value_offset);
    FIELD("attr.lowest_vcn", ntfs_attr_nonresident, lowest_vcn);
    FIELD("attr.highest_vcn", ntfs_attr_nonresident, highest_vcn);
    FIELD("attr.runs", ntfs_attr_nonresident, pairs_offset);
    FIELD("attr.size", ntfs_attr_nonresident, size);
    FIELD("attr.initialized", ntfs_attr_nonresident, initialized);
    SHARE("attr_min", sizeof(struct ntfs_attr_resident));
    SHARE("attr_size", sizeof(struct ntfs_attr_nonresident));
    SHARE("ATTR_LIST", NTFS_ATTR_LIST);
    SHARE("ATTR_FILE_NAME", NTFS_INDEX_TYPE_NAME);
    SHARE("ATTR_DATA", NTFS_ATTR_DATA);
    SHARE("ATTR_INDEX_ROOT", NTFS_ATTR_INDEX_ROOT);
    SHARE("ATTR_INDEX", NTFS_ATTR_INDEX_ALLOCATION);
    SHARE("ATTR_END", NTFS_ATTR_END);
    SHARE("ATTR_COMPRESSED", NTFS_FLAG_COMPRESSION_MASK);
    SHARE("ATTR_ENCRYPTED", NTFS_FLAG_ENCRYPTED);
}

void attribute_list(void)
{
    FIELD("list.type", ntfs_list_entry, type);
    FIELD("list.length", ntfs_list_entry, length);
    FIELD("list.name_length", ntfs_list_entry, name_length);
    FIELD("list.name", ntfs_list_entry, name_offset);
    FIELD("list.lowest_vcn", ntfs_list_entry, lowest_vcn);
    REFERENCE("list.ref", offsetof(struct ntfs_list_entry, reference));
    SHARE("list_size", sizeof(struct ntfs_list_entry));
}

void indexes(void)
{
    FIELD("root.type", ntfs_index_root, type);
    FIELD("root.collation", ntfs_index_root, collation);
    FIELD("root.block_size", ntfs_index_root, block_size);
    FIELD("root.node", ntfs_index_root, node);
    FIELD("indx.vcn", ntfs_index_block, vcn);
    FIELD("indx.node", ntfs_index_block, node);
    FIELD("node.first", ntfs_node_header, entries_offset);
    FIELD("node.used", ntfs_node_header, length);
    FIELD("node.allocated", ntfs_node_header, allocated);
    SHARE("node_size", sizeof(struct ntfs_node_header));
    SHARE("COLLATE_NAMES", NTFS_INDEX_COLLATION_NAME);

    REFERENCE("key.ref", offsetof(struct ntfs_index_entry, reference));
    FIELD("key.length", ntfs_index_entry, length);
    FIELD("key.key_length", ntfs_index_entry, key_length);
    FIELD("key.flags", ntfs_index_entry, flags);
    SHARE("key_min", sizeof(struct ntfs_index_entry));
    KEY("key.file_name", parent);
    KEY("key.name_length", name_length);
    SHARE("key.name", sizeof(struct ntfs_index_entry) + sizeof(struct ntfs_file_name));
    SHARE("KEY_CHILD", NTFS_ENTRY_CHILD);
    SHARE("KEY_LAST", NTFS_ENTRY_LAST);
}

void stage2(void)
{
    FIELD("stage2.magic", stage2_header, magic);
    FIELD("stage2.size", stage2_header, size);
    SHARE("stage2_size", sizeof(struct stage2_header));
    FIELD("gap.file_lba", gap_record, file_lba);
    FIELD("gap.file_sectors", gap_record, file_sectors);
    FIELD("gap.volume_lba", gap_record, volume_lba);
    SHARE("gap_size", sizeof(struct gap_record));
}
