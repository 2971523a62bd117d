/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handler is built twice: for VHDXs that get new blocks (RESIDENT_VHDX), and for all other
 * disks. What is 0 here costs no bytes there: 8 KiB is all there is.
 */
#ifndef RESIDENT_FACE_H
#define RESIDENT_FACE_H

#ifdef RESIDENT_VHDX
#define FACE_MEMORY          0 /* pages may lie in memory */
#define FACE_DYNAMIC_BITMAPS 0 /* a dynamic image's blocks have bitmaps, too */
#define FACE_SHARED_BITS     1 /* a sector of the file's bitmaps may be two pages' */
#define FACE_MSB_FIRST       0 /* records, and the file's bitmaps: the first bit of a byte */
#else
#define FACE_MEMORY          1
#define FACE_DYNAMIC_BITMAPS 1
#define FACE_SHARED_BITS     0
#define FACE_MSB_FIRST       1
#endif

#endif
