// SPDX-License-Identifier: MIT
/* A preloaded object of somebody else, which the plug-in must leave where it is. */
int hgshm_bystander;
