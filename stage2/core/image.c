/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image.h"

const char *image_kind_name(const struct image *image)
{
    static const char *const name[2][3] = {
        {"fixed VHD", "dynamic VHD", "differencing VHD"},
        {"fixed VHDX", "dynamic VHDX", "differencing VHDX"},
    };
    return name[image->format == IMAGE_VHDX][image->kind];
}
