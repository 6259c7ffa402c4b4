/* SPDX-License-Identifier: Apache-2.0
 *
 * Places and names that the build sets; these are what a build without configure gets.
 */
#ifndef CORE_MOD_DEFAULTS_H
#define CORE_MOD_DEFAULTS_H

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif
#ifndef PLUGINDIR
#define PLUGINDIR "/usr/lib/busbar/plugins"
#endif
#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc/busbar"
#endif
#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/var/lib/busbar"
#endif

#define DEFAULT_CONFIG_FILE SYSCONFDIR "/busbar.yaml"
#define DEFAULT_STATE_FOLDER LOCALSTATEDIR
#define DEFAULT_OPERATION "127.0.0.1:9090"

#endif
