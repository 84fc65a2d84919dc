// SPDX-License-Identifier: GPL-2.0-only
/* The signal that an opener asked for. */
#include <linux/cred.h>
#include <linux/sched/signal.h>

#include "hgshm.h"

static void hgshm_signal_put(struct hgshm_signal *signal)
{
	put_pid(signal->pid);
	put_cred(signal->cred);
}

/* Replace what @opener asked for; @signo 0 asks for nothing. */
int hgshm_signal_set(struct hgshm_opener *opener, int signo)
{
	struct hgshm_device *hd = opener->hd;
	struct hgshm_signal signal = { .signo = signo };

	if (signo < 0 || !valid_signal(signo))
		return -EINVAL;
	if (signo) {
		signal.pid = get_pid(task_tgid(current));
		signal.cred = get_current_cred();
	}

	spin_lock_irq(&hd->openers_lock);
	swap(opener->signal, signal);
	spin_unlock_irq(&hd->openers_lock);

	hgshm_signal_put(&signal);
	return 0;
}

/*
 * The process may have run a set-user-id program since it asked, and must not
 * be able to disturb that: the rule of fcntl(F_SETOWN).
 */
static bool hgshm_signal_allowed(const struct cred *asked,
				 const struct cred *now)
{
	return uid_eq(asked->euid, GLOBAL_ROOT_UID) ||
	       uid_eq(asked->euid, now->suid) || uid_eq(asked->euid, now->uid) ||
	       uid_eq(asked->uid, now->suid) || uid_eq(asked->uid, now->uid);
}

/* From interrupt handlers, under openers_lock. A process that ended gets none. */
void hgshm_signal_send(const struct hgshm_signal *signal)
{
	struct task_struct *task;

	if (!signal->pid)
		return;

	rcu_read_lock();
	task = pid_task(signal->pid, PIDTYPE_TGID);
	if (task && hgshm_signal_allowed(signal->cred, __task_cred(task)))
		kill_pid(signal->pid, signal->signo, 1);
	rcu_read_unlock();
}
