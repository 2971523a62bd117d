/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hooks' files, as the build has put the list of modules into them. */
        .section .rodata
.macro blob name, file
        .global \name, \name\()_end
\name:  .incbin "\file"
\name\()_end:
.endm
        blob hook_initramfs, "initramfs-hook"
        blob hook_script, "initramfs-script"
        blob hook_dracut_module, "dracut-module"
        blob hook_dracut, "dracut-hook"
        blob hook_mkinitcpio_install, "mkinitcpio-install"
        blob hook_mkinitcpio, "mkinitcpio-hook"
        blob hook_grub, "grub-devices"
        .section .note.GNU-stack, "", @progbits
