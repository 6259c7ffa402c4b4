/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that stays: starts the worker, starts it again when it dies, and says why it died.
 */
#ifndef CORE_SUPERVISOR_H
#define CORE_SUPERVISOR_H

/* Runs until SIGTERM or SIGINT, or until the first worker finds the configuration unusable. The exit status. */
int supervisor_run(const char *config_path);

#endif
