// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hidden file system with one inode for each device. All mappings of a device
 * hang on that inode, whichever device node they were made through, so that
 * remove finds them all. Its S_DAX flag is what makes the kernel ask a file
 * mapping for huge pages.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "hgshm.h"

#define HGSHM_FS_MAGIC	0x6867736d

static struct vfsmount *hgshm_mount;

static int hgshm_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, HGSHM_FS_MAGIC) ? 0 : -ENOMEM;
}

/*
 * No owner: the mount would pin the module for as long as it is loaded. Module
 * exit unmounts, and no inode is left by then, since open files pin the module.
 */
static struct file_system_type hgshm_fs_type = {
	.name = HGSHM_NAME,
	.init_fs_context = hgshm_fs_init_context,
	.kill_sb = kill_anon_super,
};

int hgshm_fs_mount(void)
{
	hgshm_mount = kern_mount(&hgshm_fs_type);
	return PTR_ERR_OR_ZERO(hgshm_mount);
}

void hgshm_fs_unmount(void)
{
	kern_unmount(hgshm_mount);
}

struct inode *hgshm_inode_new(void)
{
	struct inode *inode = alloc_anon_inode(hgshm_mount->mnt_sb);

	if (!IS_ERR(inode))
		inode->i_flags |= S_DAX;
	return inode;
}
