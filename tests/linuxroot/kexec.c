/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starts another kernel out of the running one, as `kexec -s -l` and `kexec -e` do: kexec KERNEL
 * INITRAMFS WORDS. Nothing is unmounted or written back by it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/reboot.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: kexec KERNEL INITRAMFS WORDS\n", stderr);
        return 2;
    }
    int kernel = open(argv[1], O_RDONLY), initramfs = open(argv[2], O_RDONLY);
    if (kernel < 0 || initramfs < 0 ||
        syscall(SYS_kexec_file_load, kernel, initramfs, strlen(argv[3]) + 1, argv[3], 0L)) {
        perror("the kernel cannot be loaded");
        return 1;
    }
    syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
    perror("the kernel cannot be started");
    return 1;
}
