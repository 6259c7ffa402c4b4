/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: limits, progress, cancelling, results, and what a crash leaves behind; the audit log and idempotency keys.
 */
#include "db/pool.h"
#include "db_fixture.h"

static struct bb_tenant west = {.magic = TENANT_MAGIC, .id = {"west", 4}, .name = {"West", 4}};
static int running, most, runs;
static int gate; /* jobs of type "gate" wait until it opens */

static bb_err work_gate(bb_job *job, bb_str params, void *state, bb_str *ret_result, bb_str *ret_error)
{
        bb_err err = BB_OK;
        int steps = 0;

        (void)params, (void)ret_error;
        assert_ptr_equal(state, bb_task_tenant());
        runs++;
        running++;
        most = running > most ? running : most;
        while (!gate && err == BB_OK) {
                err = bb_sleep(20);
                if (err == BB_OK)
                        err = bb_job_progress(job, ++steps, 100);
        }
        running--;
        TRY(err);
        *ret_result = BB_STR("{\"ok\":true}");
        return BB_OK;
}

static bb_err work_echo(bb_job *job, bb_str params, void *state, bb_str *ret_result, bb_str *ret_error)
{
        (void)job, (void)state;
        runs++;
        if (bb_str_is(params, "\"fail\"")) {
                *ret_error = BB_STR("the customer has no contract");
                return BB_E_NOT_FOUND;
        }
        if (bb_str_is(params, "\"mute\""))
                return BB_E_LIMIT;
        if (bb_str_is(params, "\"bad\"")) {
                *ret_result = BB_STR("not json");
                return BB_OK;
        }
        *ret_result = bb_print("{\"echo\":%.*s}", BB_FMT(params));
        return BB_OK;
}

/* Who was begun, by the first letter of the tenant. */
static char begun[128];

static bb_err work_note(bb_job *job, bb_str params, void *state, bb_str *ret_result, bb_str *ret_error)
{
        (void)job, (void)params, (void)state, (void)ret_result, (void)ret_error;
        begun[strlen(begun)] = bb_task_tenant()->id.ptr[0];
        return bb_sleep(20);
}

static void do_start(void *arg)
{
        assert_int_equal(db_start_tenant(arg), BB_OK);
}
static void do_stop(void *arg)
{
        db_stop_tenant(arg);
}

struct create {
        const char *type, *params;
        char id[64];
};
static void do_create(void *arg)
{
        struct create *c = arg;
        struct bb_stmt stmt;

        snprintf(c->id, sizeof(c->id), "%.*s", BB_FMT(bb_uuid()));
        stmt = bb_job_stmt(c->type, bb_cstr(c->id), c->params != NULL ? bb_cstr(c->params) : BB_NONE);
        assert_int_equal(bb_db_run(&stmt, 1, NULL), BB_OK);
}
static struct create create(bb_tenant *tenant, const char *type, const char *params)
{
        struct create c = {.type = type, .params = params};

        in_task(tenant, do_create, &c);
        return c;
}

struct info {
        const char *id;
        bb_err err;
        int32_t state, attempts;
        int64_t done, total, started_ms, ended_ms;
        char result[128], error[128];
};
static void do_info(void *arg)
{
        struct info *i = arg;
        struct bb_job_info info;

        i->err = bb_job_get(bb_cstr(i->id), &info);
        if (i->err < 0)
                return;
        i->state = info.state;
        i->attempts = info.attempts;
        i->done = info.done;
        i->total = info.total;
        i->started_ms = info.started_ms;
        i->ended_ms = info.ended_ms;
        snprintf(i->result, sizeof(i->result), "%.*s", BB_FMT(info.result));
        snprintf(i->error, sizeof(i->error), "%.*s", BB_FMT(info.error));
}
static struct info info(bb_tenant *tenant, const char *id)
{
        struct info i = {.id = id};

        in_task(tenant, do_info, &i);
        return i;
}
static struct info wait_state(bb_tenant *tenant, const char *id, int32_t state)
{
        struct info i = {.state = -1};

        for (int try = 0; try < 200 && i.state != state; try++) {
                turn_for(50);
                i = info(tenant, id);
        }
        assert_int_equal(i.state, state);
        return i;
}

static void do_cancel(void *arg)
{
        struct info *i = arg;

        i->err = bb_job_cancel(bb_cstr(i->id));
}
static bb_err cancel(bb_tenant *tenant, const char *id)
{
        struct info i = {.id = id};

        in_task(tenant, do_cancel, &i);
        return i.err;
}

static int start(void **state)
{
        (void)state;
        running = most = runs = gate = 0;
        admin_do("delete from core.job");
        in_task(&nord, do_start, &nord);
        in_task(&sued, do_start, &sued);
        return 0;
}
static int stop(void **state)
{
        (void)state;
        in_task(&nord, do_stop, &nord);
        in_task(&sued, do_stop, &sued);
        assert_int_equal(running, 0);
        return 0;
}

static void results_and_errors_are_kept(void **state)
{
        struct create good = create(&nord, "echo", "{\"a\":1}"), none = create(&nord, "echo", NULL);
        struct create bad = create(&nord, "echo", "\"fail\""), mute = create(&nord, "echo", "\"mute\""),
                      broken = create(&nord, "echo", "\"bad\"");
        struct info i = wait_state(&nord, good.id, BB_JOB_SUCCEEDED);

        (void)state;
        assert_string_equal(i.result, "{\"echo\": {\"a\": 1}}");
        assert_int_equal(i.attempts, 1);
        assert_true(i.started_ms > 0 && i.ended_ms >= i.started_ms);
        wait_state(&nord, none.id, BB_JOB_SUCCEEDED);
        i = wait_state(&nord, bad.id, BB_JOB_FAILED);
        assert_string_equal(i.error, "the customer has no contract");
        i = wait_state(&nord, mute.id, BB_JOB_FAILED);
        assert_non_null(strstr(i.error, bb_err_text(BB_E_LIMIT)));
        wait_state(&nord, broken.id, BB_JOB_FAILED);
        assert_int_equal(info(&sued, good.id).err, BB_E_NOT_FOUND);
        assert_int_equal(info(&nord, "nonsense").err, BB_E_NOT_FOUND);
        assert_int_equal(cancel(&nord, good.id), BB_E_CONFLICT);
        assert_int_equal(cancel(&sued, good.id), BB_E_NOT_FOUND);
}

static void limits_of_tenant_and_process(void **state)
{
        struct create jobs[8];

        (void)state;
        for (int i = 0; i < 4; i++)
                jobs[i] = create(&nord, "gate", NULL);
        turn_for(300);
        assert_int_equal(most, 2); /* per tenant */
        for (int i = 4; i < 8; i++)
                jobs[i] = create(&sued, "gate", NULL);
        turn_for(500);
        assert_int_equal(most, 3); /* per process */
        gate = 1;
        for (int i = 0; i < 8; i++)
                wait_state(i < 4 ? &nord : &sued, jobs[i].id, BB_JOB_SUCCEEDED);
        assert_int_equal(most, 3);
        assert_int_equal(runs, 8);
}

static int count_of(const char *text, char c)
{
        int count = 0;

        for (; *text != '\0'; text++)
                count += *text == c;
        return count;
}

/* Three at once, two of a tenant: who came first with many does not keep the others waiting. */
static void tenants_take_turns(void **state)
{
        enum { ALL = 3, MANY = 20, FEW = 4 };
        struct bb_tenant *others[] = {&sued, &west};
        struct create last = {.type = NULL};
        char until_last[sizeof(begun)];

        (void)state;
        in_task(&west, do_start, &west);
        memset(begun, 0, sizeof(begun));
        for (int i = 0; i < ALL; i++)
                create(i == 0 ? &sued : &nord, "gate", NULL);
        while (running < ALL)
                loop_turn(50);
        for (int i = 0; i < MANY; i++)
                create(&nord, "note", NULL);
        for (int i = 0; i < FEW; i++)
                for (size_t t = 0; t < BB_COUNT(others); t++)
                        last = create(others[t], "note", NULL);
        assert_string_equal(begun, "");
        gate = 1;
        wait_state(&west, last.id, BB_JOB_SUCCEEDED);
        assert_int_equal(count_of(begun, 'w'), FEW);
        assert_int_equal(count_of(begun, 's'), FEW);
        snprintf(until_last, sizeof(until_last), "%.*s", (int)(strrchr(begun, 'w') - begun), begun);
        /* A turn each, give or take the order of the first. */
        if (count_of(until_last, 'n') > FEW + 1)
                fail_msg("%s", begun);
        for (int i = 0; i < 400 && count_of(begun, 'n') < MANY; i++)
                turn_for(20);
        assert_int_equal(count_of(begun, 'n'), MANY);
        in_task(&west, do_stop, &west);
}

static void many_of_a_type_leave_room_for_others(void **state)
{
        int32_t usual = pool.config.jobs_per_type;
        struct create longer[2], other;

        (void)state;
        pool.config.jobs_per_type = 1;
        for (size_t i = 0; i < BB_COUNT(longer); i++)
                longer[i] = create(&nord, "gate", NULL);
        while (running < 1)
                loop_turn(50);
        other = create(&nord, "note", NULL);
        wait_state(&nord, other.id, BB_JOB_SUCCEEDED);
        assert_int_equal(running, 1);
        gate = 1;
        for (size_t i = 0; i < BB_COUNT(longer); i++)
                wait_state(&nord, longer[i].id, BB_JOB_SUCCEEDED);
        pool.config.jobs_per_type = usual;
}

static void progress_and_cancelling(void **state)
{
        struct create a = create(&nord, "gate", NULL), b = create(&nord, "gate", NULL), c = create(&nord, "gate", NULL);
        struct info i = {.done = 0};

        (void)state;
        for (int try = 0; try < 100 && i.done == 0; try++) {
                turn_for(50);
                i = info(&nord, a.id);
        }
        assert_int_equal(i.state, BB_JOB_RUNNING);
        assert_int_equal(i.total, 100);
        assert_true(i.done > 0);
        assert_int_equal(cancel(&nord, c.id), BB_OK); /* it waits: the limit is two */
        assert_int_equal(info(&nord, c.id).state, BB_JOB_CANCELED);
        assert_int_equal(cancel(&nord, a.id), BB_OK);
        wait_state(&nord, a.id, BB_JOB_CANCELED);
        /* As another node would do it: the job hears of it by its lease or its progress. */
        admin_do("update core.job set cancel = true where state = 1");
        wait_state(&nord, b.id, BB_JOB_CANCELED);
        assert_int_equal(runs, 2);
}

struct waiting {
        const char *id;
        int64_t done[64];
        int32_t count, state, over, with_time_left;
        bb_err err;
};

/* A live view. */
static void do_wait(void *arg)
{
        struct waiting *w = arg;
        struct bb_job_info seen = {.state = 0}, now;

        while (w->err == BB_OK && w->state < BB_JOB_SUCCEEDED && w->count < 64) {
                w->err = bb_job_wait(bb_cstr(w->id), &seen, 10000, &now);
                if (w->err < 0)
                        break;
                seen = now;
                w->state = now.state;
                w->with_time_left |= now.left_ms > 0;
                w->done[w->count++] = now.done;
        }
        w->over = 1;
}

static void watch(bb_tenant *tenant, struct waiting *w, const char *id)
{
        *w = (struct waiting){.id = id};
        assert_int_equal(bb_task_spawn("watch", tenant, 0, do_wait, w, NULL), BB_OK);
}

static void do_wait_in_vain(void *arg)
{
        struct bb_job_info seen = {.state = 0}, now = {.state = -1};

        assert_int_equal(bb_job_wait(bb_cstr(arg), &seen, 10000, &seen), BB_OK);
        assert_int_equal(bb_job_wait(bb_cstr(arg), &seen, 30, &now), BB_OK);
        assert_int_equal(now.state, seen.state);
        assert_true(bb_str_is(now.id, arg));
        assert_int_equal(bb_job_wait(BB_STR("nonsense"), &seen, 30, &now), BB_E_NOT_FOUND);
}

static void changes_are_waited_for(void **state)
{
        struct create here = create(&nord, "gate", NULL), there;
        struct waiting w, foreign, theirs;

        (void)state;
        watch(&nord, &w, here.id);
        watch(&sued, &theirs, here.id);
        while (w.count < 3)
                loop_turn(50);
        assert_int_equal(w.state, BB_JOB_RUNNING);
        assert_true(theirs.over && theirs.err == BB_E_NOT_FOUND);
        gate = 1;
        while (!w.over)
                loop_turn(50);
        assert_int_equal(w.err, BB_OK);
        assert_int_equal(w.state, BB_JOB_SUCCEEDED);
        assert_true(w.with_time_left);
        assert_int_equal(w.done[w.count - 1], 100);

        /* What another node runs. */
        in_task(&nord, do_stop, &nord);
        there = create(&nord, "echo", NULL);
        in_task(&nord, do_wait_in_vain, there.id);
        watch(&nord, &foreign, there.id);
        turn_for(100);
        assert_int_equal(foreign.count, 1);
        admin_do("update core.job set state = 1, total = 9, done = 4, attempts = 1, owner = 'node-2/x', started_at = "
                 "now() - interval '4 s' where type = 'echo'");
        while (foreign.count < 2)
                loop_turn(50);
        assert_int_equal(foreign.done[1], 4);
        assert_true(foreign.with_time_left);
        admin_do("update core.job set state = 2, done = 9, ended_at = now() where type = 'echo'");
        while (!foreign.over)
                loop_turn(50);
        assert_int_equal(foreign.state, BB_JOB_SUCCEEDED);
        in_task(&nord, do_start, &nord);
}

static void do_list(void *arg)
{
        struct create *jobs = arg;
        struct bb_job_info *list = NULL;
        size_t count = 0;

        assert_int_equal(bb_job_list("echo", BB_NONE, 2, &list, &count), BB_OK);
        assert_int_equal(count, 2);
        assert_true(bb_str_is(list[0].id, jobs[2].id));
        assert_true(bb_str_is(list[1].id, jobs[1].id));
        assert_int_equal(bb_job_list("echo", list[1].id, 2, &list, &count), BB_OK);
        assert_int_equal(count, 1);
        assert_true(bb_str_is(list[0].id, jobs[0].id));
        assert_int_equal(bb_job_list("none", BB_NONE, 2, &list, &count), BB_OK);
        assert_int_equal(count, 0);
        assert_int_equal(bb_job_list(NULL, BB_NONE, 100, &list, &count), BB_OK);
        assert_int_equal(count, 3);
}

static void lists_are_paged(void **state)
{
        struct create jobs[3];

        (void)state;
        for (int i = 0; i < 3; i++)
                jobs[i] = create(&nord, "echo", NULL);
        in_task(&nord, do_list, jobs);
}

static void a_crash_runs_it_again(void **state)
{
        struct create mine, other, often;
        struct info i;

        (void)state;
        in_task(&nord, do_stop, &nord);
        mine = create(&nord, "echo", NULL);
        other = create(&nord, "echo", NULL);
        often = create(&nord, "echo", NULL);
        admin_do("update core.job set state = 1, attempts = 1, owner = 'node-1/before', lease_until = now() + interval "
                 "'1 h',"
                 " started_at = now()");
        free(as_admin(bb_print("update core.job set owner = 'node-2/x', lease_until = now() + interval '1.2 s' where "
                               "id = '%s'",
                               other.id)
                              .ptr));
        free(as_admin(bb_print("update core.job set attempts = 3 where id = '%s'", often.id).ptr));
        in_task(&nord, do_start, &nord);
        i = wait_state(&nord, mine.id, BB_JOB_SUCCEEDED); /* ours: at once */
        assert_int_equal(i.attempts, 2);
        assert_int_equal(info(&nord, other.id).state, BB_JOB_RUNNING);
        wait_state(&nord, other.id, BB_JOB_SUCCEEDED); /* another node's: when its lease has run out */
        i = wait_state(&nord, often.id, BB_JOB_FAILED);
        assert_non_null(strstr(i.error, "interrupted 3 times"));
        assert_int_equal(runs, 2);
}

static void stopping_puts_jobs_back(void **state)
{
        struct create job = create(&nord, "gate", NULL);
        struct info i;

        (void)state;
        while (running == 0)
                loop_turn(50);
        in_task(&nord, do_stop, &nord);
        assert_int_equal(running, 0);
        i = info(&nord, job.id);
        assert_int_equal(i.state, BB_JOB_QUEUED);
        gate = 1;
        in_task(&nord, do_start, &nord);
        i = wait_state(&nord, job.id, BB_JOB_SUCCEEDED);
        assert_int_equal(i.attempts, 1); /* the interruption was ours */
}

static void stopping_ends_what_was_cancelled(void **state)
{
        struct create job = create(&nord, "gate", NULL);
        char *ended;

        (void)state;
        while (running == 0)
                loop_turn(50);
        admin_do("update core.job set cancel = true"); /* by another node: ours does not know yet */
        in_task(&nord, do_stop, &nord);
        assert_int_equal(info(&nord, job.id).state, BB_JOB_CANCELED);
        ended = as_admin("select ended_at is not null from core.job");
        assert_string_equal(ended, "t");
        free(ended);
}

static void do_audit(void *arg)
{
        bb_rows *rows = NULL;

        (void)arg;
        assert_int_equal(
                bb_db_run((struct bb_stmt[]){bb_audit_stmt(BB_STR("user:1"), "station.reset", BB_STR("s-1"), BB_NONE),
                                             bb_audit_stmt(BB_STR("user:1"), "station.reset", BB_STR("s-2"),
                                                           BB_STR("{\"hard\":true}"))},
                          2, NULL),
                BB_OK);
        assert_int_equal(bb_db_query(&rows, "select object, details->>'hard' from core.audit order by seq"), BB_OK);
        assert_int_equal(bb_rows_count(rows), 2);
        assert_true(bb_str_is(bb_row_str(rows, 1, 0), "s-2"));
        assert_true(bb_str_is(bb_row_str(rows, 1, 1), "true"));
        assert_int_equal(bb_db_query(NULL, "update core.audit set actor = 'nobody'"), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "delete from core.audit"), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "truncate core.audit"), BB_E_INVALID);
        assert_int_equal(bb_db_query(NULL, "update core.migration set checksum = ''"), BB_E_INVALID);
}

static void the_audit_log_only_grows(void **state)
{
        PGconn *pg = PQconnectdb(cluster.admin_url);
        PGresult *r;

        (void)state;
        in_task(&nord, do_audit, NULL);
        /* Not even with full rights, unless on purpose. */
        r = PQexec(pg, "delete from core.audit");
        assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
        PQclear(r);
        PQfinish(pg);
        assert_int_equal(admin_number("select count(*) from core.audit"), 2);
}

static bb_err begin(const char *key, uint8_t digest, int32_t *status, bb_str *headers, bb_str *body)
{
        uint8_t d[32] = {digest};

        return db_idempotency_begin(BB_STR("user:1"), BB_STR("POST /v1/x"), bb_cstr(key), d, status, headers, body);
}

static void do_idempotency(void *arg)
{
        bb_str headers = BB_NONE, body = BB_NONE;
        int32_t status = 0;

        (void)arg;
        assert_int_equal(begin("k", 1, &status, &headers, &body), BB_OK);
        assert_int_equal(begin("k", 1, &status, &headers, &body), BB_E_BUSY);
        assert_int_equal(begin("k", 2, &status, &headers, &body), BB_E_CONFLICT);
        assert_int_equal(db_idempotency_end(BB_STR("user:1"), BB_STR("POST /v1/x"), BB_STR("k"), 201,
                                            BB_STR("{\"location\":\"/x\"}"), ((bb_str){"a\0b", 3})),
                         BB_OK);
        assert_int_equal(begin("k", 1, &status, &headers, &body), BB_E_EXISTS);
        assert_int_equal(status, 201);
        assert_true(bb_str_is(headers, "{\"location\":\"/x\"}"));
        assert_true(bb_str_eq(body, (bb_str){"a\0b", 3}));
        assert_int_equal(begin("k", 2, &status, &headers, &body), BB_E_CONFLICT);
        /* A failure of ours leaves the key free. */
        assert_int_equal(begin("k2", 1, &status, &headers, &body), BB_OK);
        assert_int_equal(
                db_idempotency_end(BB_STR("user:1"), BB_STR("POST /v1/x"), BB_STR("k2"), 503, BB_NONE, BB_NONE), BB_OK);
        assert_int_equal(begin("k2", 1, &status, &headers, &body), BB_OK);
}

static void do_idempotency_later(void *arg)
{
        bb_str headers = BB_NONE, body = BB_NONE;
        int32_t status = 0;

        (void)arg;
        assert_int_equal(begin("k", 2, &status, &headers, &body), BB_OK);
}

static void idempotency_keys(void **state)
{
        (void)state;
        in_task(&nord, do_idempotency, NULL);
        in_task(&sued, do_idempotency, NULL); /* the same keys are others there */
        admin_do("update core.idempotency set created_at = now() - interval '25 h'");
        in_task(&nord, do_idempotency_later, NULL);
}

static int up(void **state)
{
        db_config = (struct db_config){.node = "node-1",
                                       .poll_ms = 50,
                                       .poll_idle_ms = 200,
                                       .lease_ms = 900,
                                       .jobs_per_process = 3,
                                       .jobs_per_tenant = 2};
        if (fixture_up(state) != 0)
                return -1;
        assert_int_equal(bb_job_type("gate", work_gate), BB_E_INVALID); /* the core itself has none */
        assert_int_equal(bb_db_->job_type(&plugin_a, "gate", work_gate), BB_OK);
        assert_int_equal(bb_db_->job_type(&plugin_a, "echo", work_echo), BB_OK);
        assert_int_equal(bb_db_->job_type(&plugin_a, "note", work_note), BB_OK);
        assert_int_equal(bb_db_->job_type(&plugin_b, "echo", work_echo), BB_E_EXISTS);
        log_set_level(BB_ERROR + 1);
        return 0;
}
static int down(void **state)
{
        db_remove_plugin(&plugin_a);
        return fixture_down(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(results_and_errors_are_kept, start, stop),
                cmocka_unit_test_setup_teardown(limits_of_tenant_and_process, start, stop),
                cmocka_unit_test_setup_teardown(tenants_take_turns, start, stop),
                cmocka_unit_test_setup_teardown(many_of_a_type_leave_room_for_others, start, stop),
                cmocka_unit_test_setup_teardown(progress_and_cancelling, start, stop),
                cmocka_unit_test_setup_teardown(changes_are_waited_for, start, stop),
                cmocka_unit_test_setup_teardown(lists_are_paged, start, stop),
                cmocka_unit_test_setup_teardown(a_crash_runs_it_again, start, stop),
                cmocka_unit_test_setup_teardown(stopping_puts_jobs_back, start, stop),
                cmocka_unit_test_setup_teardown(stopping_ends_what_was_cancelled, start, stop),
                cmocka_unit_test(the_audit_log_only_grows),
                cmocka_unit_test(idempotency_keys),
        };

        return cmocka_run_group_tests_name("db_job", tests, up, down);
}
