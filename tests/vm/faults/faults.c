// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of a driver, one of which is made when the module is loaded with its name:
 * "insmod faults.ko fault=leak". A test makes them to see that they are seen.
 */
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define FAULTS_BYTES	64

static char *fault = "";
module_param(fault, charp, 0);
MODULE_PARM_DESC(fault, "which one");

/* So that the compiler does not see them coming. */
static volatile unsigned int faults_bytes = FAULTS_BYTES;
static volatile unsigned int faults_bits = 32;

static DEFINE_MUTEX(faults_first);
static DEFINE_MUTEX(faults_second);
static DEFINE_SPINLOCK(faults_spinlock);
static struct mutex __rcu *faults_pointer;

static void faults_warn(void)
{
	WARN_ON(faults_bytes);
}

static void faults_use_after_free(void)
{
	volatile u8 *memory = kmalloc(FAULTS_BYTES, GFP_KERNEL);

	kfree((void *)memory);
	(void)memory[0];
}

static void faults_run_over(void)
{
	volatile u8 *memory = kmalloc(FAULTS_BYTES, GFP_KERNEL);

	(void)memory[faults_bytes];
	kfree((void *)memory);
}

static void faults_shift(void)
{
	pr_info("%d\n", 1 << faults_bits);
}

static void faults_leak(void)
{
	memset(kmalloc(FAULTS_BYTES, GFP_KERNEL), 1, FAULTS_BYTES);
}

static void faults_sleep(void)
{
	spin_lock(&faults_spinlock);
	kfree(kmalloc(FAULTS_BYTES, GFP_KERNEL));
	spin_unlock(&faults_spinlock);
}

static void faults_lock(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void faults_lock_order(void)
{
	faults_lock(&faults_first, &faults_second);
	faults_lock(&faults_second, &faults_first);
}

static void faults_interrupt(struct irq_work *work)
{
	spin_lock(&faults_spinlock);
	spin_unlock(&faults_spinlock);
}

static void faults_lock_interrupted(void)
{
	static struct irq_work work = IRQ_WORK_INIT_HARD(faults_interrupt);

	irq_work_queue(&work);
	irq_work_sync(&work);
	spin_lock(&faults_spinlock);
	spin_unlock(&faults_spinlock);
}

static void faults_rcu(void)
{
	WRITE_ONCE(faults_bytes, !rcu_dereference(faults_pointer));
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "warning", faults_warn },
	{ "use-after-free", faults_use_after_free },
	{ "run-over", faults_run_over },
	{ "shift", faults_shift },
	{ "leak", faults_leak },
	{ "sleep", faults_sleep },
	{ "lock-order", faults_lock_order },
	{ "lock-interrupted", faults_lock_interrupted },
	{ "rcu", faults_rcu },
	{ "none", NULL },
};

static int __init faults_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		if (faults[i].make)
			faults[i].make();
		return 0;
	}
	return -EINVAL;
}

static void __exit faults_exit(void)
{
}

module_init(faults_init);
module_exit(faults_exit);

MODULE_DESCRIPTION("Faults to be found");
MODULE_LICENSE("GPL");
