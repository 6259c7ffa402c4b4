/* SPDX-License-Identifier: Apache-2.0
 *
 * The private cluster's folder, its secrets and its roles. Reached over a unix socket alone, in a folder of mode 0700,
 * and with a password nevertheless.
 */
#include "db/embedded.h"
#include "base/buf.h"
#include "base/str.h"
#include <busbar/log.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_FOLDER_MAX 90 /* of the 107 bytes that a socket's address has room for */

static struct cluster the_cluster;

static char *join(const char *a, const char *b)
{
        char *text = NULL;

        if (asprintf(&text, "%s/%s", a, b) < 0)
                abort();
        return text;
}

/* A folder of ours with mode 0700, owned by the server's user. */
static bb_err make_folder(const struct cluster *c, const char *path, char **ret_why)
{
        struct stat st;

        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return because(BB_E_IO, ret_why, "cannot make the folder %s: %s", path, strerror(errno));
        /* Not through a link: somebody else may have put one there. */
        if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || (st.st_uid != c->uid && st.st_uid != geteuid()))
                return because(BB_E_DENIED, ret_why, "%s is not a folder of ours", path);
        if (st.st_uid != c->uid && lchown(path, c->uid, c->gid) < 0)
                return because(BB_E_IO, ret_why, "cannot give the folder %s to the database's user: %s", path,
                               strerror(errno));
        if (chmod(path, 0700) < 0)
                return because(BB_E_IO, ret_why, "cannot protect the folder %s: %s", path, strerror(errno));
        return BB_OK;
}

static void random_hex(char ret[49])
{
        unsigned char bytes[24];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                abort();
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(ret + i * 2, 3, "%02x", bytes[i]);
}

/* Written beside and renamed, so that a crash leaves the whole or nothing. */
static bb_err write_secrets(const struct cluster *c, const char *path, char **ret_why)
{
        char *beside = join(c->folder, "secrets.new");
        int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        int fine = fd >= 0 && dprintf(fd, "admin %s\nowner %s\nruntime %s\n", c->admin, c->owner, c->runtime) > 0 &&
                   fchmod(fd, 0600) == 0 && fsync(fd) == 0;
        bb_err err = BB_OK;

        if (fd >= 0 && close(fd) < 0)
                fine = 0;
        if (!fine || rename(beside, path) < 0)
                err = because(BB_E_IO, ret_why, "cannot write %s: %s", path, strerror(errno));
        free(beside);
        return err;
}

/* 0: no such file. */
static int read_secrets(struct cluster *c, const char *path)
{
        FILE *f = fopen(path, "re");
        int got;

        if (f == NULL)
                return 0;
        got = fscanf(f, "admin %48s\nowner %48s\nruntime %48s", c->admin, c->owner, c->runtime);
        fclose(f);
        return got == 3;
}

static bb_err have_secrets(struct cluster *c, char **ret_why)
{
        char *path = join(c->folder, "secrets"), *version = join(c->data, "PG_VERSION");
        bb_err err = BB_OK;

        if (!read_secrets(c, path)) {
                if (access(version, F_OK) == 0) {
                        err = because(BB_E_CONFLICT, ret_why,
                                      "there is a cluster in %s, but its passwords in %s are gone: restore that file, "
                                      "or move the "
                                      "cluster away",
                                      c->data, path);
                } else {
                        random_hex(c->admin);
                        random_hex(c->owner);
                        random_hex(c->runtime);
                        err = write_secrets(c, path, ret_why);
                }
        }
        free(version);
        free(path);
        return err;
}

/* Who runs the server: ourselves, unless we are root, which PostgreSQL refuses. */
static bb_err choose_user(struct cluster *c, const char *asked, char **ret_why)
{
        static const char *const usual[] = {"postgres", "nobody"};
        const struct passwd *pw = NULL;

        c->uid = geteuid();
        c->gid = getegid();
        if (c->uid != 0)
                return BB_OK;
        if (asked != NULL)
                pw = getpwnam(asked);
        for (size_t i = 0; asked == NULL && pw == NULL && i < BB_COUNT(usual); i++)
                pw = getpwnam(usual[i]);
        if (pw == NULL || pw->pw_uid == 0)
                return because(BB_E_INVALID, ret_why,
                               "the embedded database cannot run as root, and there is no user %s",
                               asked != NULL ? asked : "postgres or nobody");
        c->uid = pw->pw_uid;
        c->gid = pw->pw_gid;
        c->user = strdup(pw->pw_name);
        return BB_OK;
}

/* FNV-1a: only to tell state folders apart in a name. */
static uint64_t name_hash(const char *text)
{
        uint64_t h = UINT64_C(14695981039346656037);

        for (; *text != '\0'; text++)
                h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
        return h;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void)st, (void)type, (void)at;
        return remove(path);
}

void cluster_remove_tree(const char *path)
{
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A state folder below /root, say, which the server's user may not enter: then the cluster lies in /var/lib, and the
 * file "at" in the state folder says where. One whose state folder was removed since is moved aside, and the one before
 * it deleted. */
static bb_err choose_far_home(struct cluster *c, char **ret_why)
{
        char *at = join(c->folder, "at"), *secrets = join(c->folder, "secrets"), *aside = NULL, *version = NULL;
        bb_err err = BB_OK;
        FILE *f;

        if (asprintf(&c->home, "/var/lib/busbar-%016llx", (unsigned long long)name_hash(c->folder)) < 0 ||
            asprintf(&aside, "%s.old", c->home) < 0 || asprintf(&version, "%s/data/PG_VERSION", c->home) < 0)
                abort();
        if (access(secrets, F_OK) < 0 && access(version, F_OK) == 0) {
                cluster_remove_tree(aside);
                if (rename(c->home, aside) < 0)
                        err = because(BB_E_IO, ret_why, "cannot move %s aside: %s", c->home, strerror(errno));
        }
        f = err == BB_OK ? fopen(at, "we") : NULL;
        if (err == BB_OK && (f == NULL || fprintf(f, "%s\n", c->home) < 0))
                err = because(BB_E_IO, ret_why, "cannot write %s: %s", at, strerror(errno));
        if (f != NULL && fclose(f) != 0 && err == BB_OK)
                err = because(BB_E_IO, ret_why, "cannot write %s: %s", at, strerror(errno));
        free(version);
        free(aside);
        free(secrets);
        free(at);
        return err == BB_OK ? make_folder(c, c->home, ret_why) : err;
}

static bb_err choose_folders(struct cluster *c, const char *state, char **ret_why)
{
        c->folder = join(state, "postgres");
        TRY(make_folder(c, c->folder, ret_why));
        if (server_may_enter(c, c->folder))
                c->home = strdup(c->folder);
        else
                TRY(choose_far_home(c, ret_why));
        c->data = join(c->home, "data");
        c->log = join(c->home, "server.log");
        c->run = join(c->home, "run");
        if (strlen(c->run) > SOCKET_FOLDER_MAX) {
                free(c->run);
                if (asprintf(&c->run, "/tmp/busbar-%016llx", (unsigned long long)name_hash(c->home)) < 0)
                        abort();
        }
        return make_folder(c, c->run, ret_why);
}

char *cluster_url(const struct cluster *c, const char *role, const char *password, const char *database)
{
        struct buf url = {0};

        buf_print(&url, "postgresql://%s:%s@/%s?port=%d&host=", role, password, database, c->port);
        for (const char *p = c->run; *p != '\0'; p++) {
                if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~", *p) != NULL)
                        buf_add_char(&url, *p);
                else
                        buf_print(&url, "%%%02X", (unsigned char)*p);
        }
        buf_add_char(&url, '\0');
        return url.ptr;
}

/* The passwords are in a file of ours in any case; setting them again mends a cluster that was restored. */
static bb_err make_role(PGconn *pg, const char *role, const char *password, char **ret_why)
{
        PGresult *found = NULL;
        char *secret, *sql = NULL;
        bb_err err;
        int there;

        TRY(owner_query(pg, "select 1 from pg_roles where rolname = $1", &role, 1, &found, ret_why));
        there = PQntuples(found) == 1;
        PQclear(found);
        secret = PQencryptPasswordConn(pg, password, role, "scram-sha-256");
        if (secret == NULL ||
            asprintf(&sql, "%s role %s login nosuperuser nobypassrls nocreatedb nocreaterole password '%s'",
                     there ? "alter" : "create", role, secret) < 0)
                abort();
        err = owner_exec(pg, sql, "making the roles of the embedded database", ret_why);
        free(sql);
        PQfreemem(secret);
        return err;
}

static bb_err make_database(PGconn *pg, const struct cluster *c, char **ret_why)
{
        PGresult *found = NULL;
        int there;

        TRY(make_role(pg, "busbar_owner", c->owner, ret_why));
        TRY(make_role(pg, "busbar", c->runtime, ret_why));
        TRY(owner_query(pg, "select 1 from pg_database where datname = 'busbar'", NULL, 0, &found, ret_why));
        there = PQntuples(found) == 1;
        PQclear(found);
        if (there)
                return BB_OK;
        return owner_exec(pg, "create database busbar owner busbar_owner template template0", "making the database",
                          ret_why);
}

static bb_err prepare(const struct cluster *c, struct embedded *ret, char **ret_why)
{
        char *url = cluster_url(c, "postgres", c->admin, "postgres");
        PGconn *pg = PQconnectdb(url);
        bb_err err;

        free(url);
        if (PQstatus(pg) == CONNECTION_OK) {
                err = make_database(pg, c, ret_why);
        } else {
                char *reason = pg_reason(pg);

                err = because(BB_E_UNAVAILABLE, ret_why, "the embedded database refuses us: %s", reason);
                free(reason);
        }
        PQfinish(pg);
        TRY(err);
        *ret = (struct embedded){.url = cluster_url(c, "busbar", c->runtime, "busbar"),
                                 .owner_url = cluster_url(c, "busbar_owner", c->owner, "busbar"),
                                 .admin_url = cluster_url(c, "postgres", c->admin, "busbar")};
        return BB_OK;
}

static void cluster_clear(struct cluster *c)
{
        free(c->folder);
        free(c->home);
        free(c->data);
        free(c->run);
        free(c->log);
        free(c->bindir);
        free((void *)(uintptr_t)c->user);
        explicit_bzero(c, sizeof(*c));
}

static bb_err start(struct cluster *c, const struct embedded_config *config, struct embedded *ret, char **ret_why)
{
        char *version;
        bb_err err = BB_OK;

        if (config->state == NULL || config->state[0] != '/')
                return because(BB_E_INVALID, ret_why, "the state folder must be an absolute path");
        c->port = config->port > 0 ? config->port : 5432;
        c->max_connections = config->max_connections > 0 ? config->max_connections : 100;
        c->volatile_data = config->volatile_data;
        TRY(choose_user(c, config->user, ret_why));
        TRY(choose_folders(c, config->state, ret_why));
        TRY(have_secrets(c, ret_why));
        TRY(server_find_tools(c, config->bindir, ret_why));
        version = join(c->data, "PG_VERSION");
        if (access(version, F_OK) < 0)
                err = server_make(c, ret_why);
        free(version);
        TRY(err);
        TRY(server_start(c, ret_why));
        return prepare(c, ret, ret_why);
}

bb_err embedded_start(const struct embedded_config *config, struct embedded *ret, bb_str *ret_why)
{
        char *why = NULL;
        bb_err err;

        if (the_cluster.folder != NULL)
                return BB_E_EXISTS;
        err = start(&the_cluster, config, ret, &why);
        if (err == BB_OK)
                return BB_OK;
        server_stop();
        cluster_clear(&the_cluster);
        *ret_why = bb_cstr(why != NULL ? why : strdup("the embedded database did not start"));
        return err;
}

void embedded_stop(struct embedded *e)
{
        server_stop();
        cluster_clear(&the_cluster);
        free(e->url);
        free(e->owner_url);
        free(e->admin_url);
        *e = (struct embedded){.url = NULL};
}
