/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: a hardware protocol. Simple meters speak lines of text over TCP; this plugin makes stations of them, for the
 * charging domain as good as any other. A meter says, and gets OK or ERR <why>:
 *
 *      HELLO <station> <password>     STATE <available|charging|faulted>     AUTH <token>
 *      START <token> <wh>             METER <wh> <watts>                     STOP <wh>
 *
 * and is told START <token> or STOP, when an operator wants that; its OK or ERR answers the command.
 */
#include <busbar/charging.h>
#include <busbar/plugin.h>
#include <busbar/station_driver.h>
#include <stdlib.h>

#define MAX_LINE 200
#define IDLE_MS 120000

static const struct bb_charging_ops *charging;

struct config {
        uint64_t present;
        bb_str listen;
};
static const struct bb_field option_fields[] = {
        {.name = "listen",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         .offset = offsetof(struct config, listen),
         .min = 3,
         .max = 80,
         .about = "host:port where meters connect."},
};
static BB_SHAPE(line_meter_options, config, 0, "Options of the plugin line-meter.", option_fields);

struct meter {
        struct meter *next;
        bb_stream *stream;
        char id[65];
        int64_t epoch, transaction_id;
        bb_cond *answered; /* a command waits on it */
        int32_t waiting, accepted;
};
struct tenant_state {
        struct meter *meters;
};

static struct bb_station_ref ref_of(const struct meter *m)
{
        return (struct bb_station_ref){.station_id = bb_cstr(m->id), .epoch = m->epoch};
}

/* Takes one word off the front of *line. */
static bb_str word(bb_str *line)
{
        size_t n = 0;
        bb_str w;

        while (line->len > 0 && line->ptr[0] == ' ') {
                line->ptr++;
                line->len--;
        }
        while (n < line->len && line->ptr[n] != ' ')
                n++;
        w = (bb_str){.ptr = line->ptr, .len = n};
        line->ptr += n;
        line->len -= n;
        return w;
}

static bb_err number(bb_str w, int64_t *ret)
{
        if (w.len == 0 || w.len > 12)
                return BB_E_INVALID;
        *ret = 0;
        for (size_t i = 0; i < w.len; i++) {
                if (w.ptr[i] < '0' || w.ptr[i] > '9')
                        return BB_E_INVALID;
                *ret = *ret * 10 + (w.ptr[i] - '0');
        }
        return BB_OK;
}

static BB_AWAIT bb_err say_state(struct meter *m, bb_str line)
{
        static const struct {
                const char *name;
                int32_t status;
        } states[] = {{"available", BB_CONNECTOR_AVAILABLE},
                      {"charging", BB_CONNECTOR_CHARGING},
                      {"faulted", BB_CONNECTOR_FAULTED}};
        struct bb_station_ref ref = ref_of(m);
        bb_str name = word(&line);

        for (size_t i = 0; i < BB_COUNT(states); i++) {
                if (bb_str_is(name, states[i].name)) {
                        const struct bb_connector_report report = {
                                .connector_id = 1, .status = states[i].status, .error_code = BB_STR("NoError")};

                        return charging->connector_status(&ref, &report);
                }
        }
        return BB_E_INVALID;
}

static BB_AWAIT bb_err say_auth(struct meter *m, bb_str line)
{
        struct bb_station_ref ref = ref_of(m);
        struct bb_authorization authorization;

        TRY(charging->authorize(&ref, word(&line), &authorization));
        return authorization.status == BB_AUTH_ACCEPTED ? BB_OK : BB_E_DENIED;
}

static BB_AWAIT bb_err say_start(struct meter *m, bb_str line)
{
        struct bb_station_ref ref = ref_of(m);
        struct bb_start start = {.connector_id = 1, .at_ms = bb_now_ms(), .token_uid = word(&line)};
        struct bb_started started;

        TRY(number(word(&line), &start.meter_start_wh));
        TRY(charging->session_start(&ref, &start, &started));
        m->transaction_id = started.transaction_id;
        return started.authorization.status == BB_AUTH_ACCEPTED ? BB_OK : BB_E_DENIED;
}

static BB_AWAIT bb_err say_meter(struct meter *m, bb_str line)
{
        struct bb_station_ref ref = ref_of(m);
        bb_str energy = word(&line), power = word(&line);
        int64_t ignored, now = bb_now_ms();
        const struct bb_sample samples[] = {
                {.at_ms = now,
                 .measurand = BB_STR("Energy.Active.Import.Register"),
                 .phase = BB_STR(""),
                 .location = BB_STR("Outlet"),
                 .context = BB_STR("Sample.Periodic"),
                 .unit = BB_STR("Wh"),
                 .format = BB_STR("Raw"),
                 .value = energy},
                {.at_ms = now,
                 .measurand = BB_STR("Power.Active.Import"),
                 .phase = BB_STR(""),
                 .location = BB_STR("Outlet"),
                 .context = BB_STR("Sample.Periodic"),
                 .unit = BB_STR("W"),
                 .format = BB_STR("Raw"),
                 .value = power},
        };

        TRY(number(energy, &ignored));
        TRY(number(power, &ignored));
        return charging->session_samples(&ref, 1, m->transaction_id, samples, BB_COUNT(samples));
}

static BB_AWAIT bb_err say_stop(struct meter *m, bb_str line)
{
        struct bb_station_ref ref = ref_of(m);
        struct bb_stop stop = {.transaction_id = m->transaction_id, .at_ms = bb_now_ms(), .reason = BB_STR("Local")};
        struct bb_stopped stopped;

        TRY(number(word(&line), &stop.meter_stop_wh));
        TRY(charging->session_stop(&ref, &stop, &stopped));
        m->transaction_id = 0;
        return BB_OK;
}

static bb_err say_answer(struct meter *m, int32_t accepted)
{
        m->accepted = accepted;
        m->waiting = 0;
        bb_cond_wake_all(m->answered);
        return BB_OK;
}

static const struct {
        const char *word;
        bb_err (*handle)(struct meter *, bb_str line);
} sayings[] = {
        {"STATE", say_state}, {"AUTH", say_auth}, {"START", say_start}, {"METER", say_meter}, {"STOP", say_stop}};

/* One line of a meter that has said HELLO. Answers to our commands are not answered. */
static BB_AWAIT bb_err serve_line(struct meter *m, bb_str line)
{
        bb_str verb = word(&line);
        bb_err err = BB_E_UNSUPPORTED;

        if (m->waiting && (bb_str_is(verb, "OK") || bb_str_is(verb, "ERR")))
                return say_answer(m, bb_str_is(verb, "OK"));
        for (size_t i = 0; i < BB_COUNT(sayings); i++) {
                if (bb_str_is(verb, sayings[i].word))
                        err = sayings[i].handle(m, line);
        }
        if (err == BB_OK)
                return bb_stream_write(m->stream, BB_STR("OK\n"));
        return bb_stream_write(m->stream, bb_print("ERR %s\n", bb_err_text(err)));
}

static BB_AWAIT bb_err hello(struct meter *m, bb_stream *stream)
{
        struct bb_admit admit = {.policy = BB_ONBOARD_HOLD,
                                 .driver = BB_STR("line-meter"),
                                 .protocol = BB_STR("line-meter/1"),
                                 .remote = bb_stream_remote(stream)};
        struct bb_admitted admitted;
        bb_str line;

        TRY(bb_stream_read_line(stream, MAX_LINE, 10000, &line));
        if (!bb_str_is(word(&line), "HELLO"))
                return BB_E_PROTOCOL;
        admit.station_id = word(&line);
        admit.password = word(&line);
        if (admit.station_id.len == 0 || admit.station_id.len >= sizeof(m->id))
                return BB_E_INVALID;
        if (admit.password.len == 0)
                admit.password = BB_NONE;
        TRY(charging->admit(&admit, &admitted));
        if (admitted.verdict != BB_ADMIT_OK)
                return BB_E_UNAUTHORIZED;
        memcpy(m->id, admit.station_id.ptr, admit.station_id.len);
        m->stream = stream;
        m->epoch = admitted.epoch;
        struct bb_station_ref ref = ref_of(m);

        TRY(charging->online(&ref, admit.remote));
        return bb_stream_write(stream, BB_STR("OK\n"));
}

static void forget(struct tenant_state *state, struct meter *m)
{
        struct meter **link = &state->meters;

        while (*link != NULL && *link != m)
                link = &(*link)->next;
        if (*link == m)
                *link = m->next;
        m->stream = NULL;
        m->accepted = 0;
        m->waiting = 0;
        bb_cond_wake_all(m->answered);
        bb_cond_free(m->answered);
}

/* A task per connection; returning closes it. */
static void serve(bb_stream *stream, void *arg)
{
        struct tenant_state *state = arg;
        struct meter *m = BB_NEW(struct meter);
        bb_str line;
        bb_err err = hello(m, stream);

        if (err < 0) {
                (void)bb_stream_write(stream, bb_print("ERR %s\n", bb_err_text(err)));
                return;
        }
        struct bb_station_ref ref = ref_of(m);

        m->answered = bb_cond_new();
        m->next = state->meters;
        state->meters = m;
        while (bb_stream_read_line(stream, MAX_LINE, IDLE_MS, &line) == BB_OK && serve_line(m, line) == BB_OK)
                charging->station_seen(&ref);
        forget(state, m);
        (void)charging->offline(&ref, BB_STR("connection closed"));
}

/* --- the contract station_driver/1 --- */

static struct meter *find(bb_tenant *tenant, bb_str station_id)
{
        struct tenant_state *state = bb_tenant_state(tenant);

        for (struct meter *m = state != NULL ? state->meters : NULL; m != NULL; m = m->next) {
                if (bb_str_is(station_id, m->id))
                        return m;
        }
        return NULL;
}

static BB_AWAIT bb_err ask(bb_tenant *tenant, bb_str station_id, bb_str line, struct bb_command_result *ret)
{
        struct meter *m = find(tenant, station_id);
        int64_t before = bb_mono_ms();

        ret->outcome = BB_COMMAND_OFFLINE;
        if (m == NULL)
                return BB_OK;
        ret->outcome = BB_COMMAND_BUSY;
        if (m->waiting)
                return BB_OK;
        m->waiting = 1;
        TRY(bb_stream_write(m->stream, line));
        if (m->waiting && bb_cond_wait(m->answered, 10000) < 0) {
                m = find(tenant, station_id);
                if (m != NULL)
                        m->waiting = 0;
                ret->outcome = BB_COMMAND_TIMEOUT;
                return BB_OK;
        }
        /* The meter may be gone by now: it is only looked at after it is found again. */
        m = find(tenant, station_id);
        ret->outcome = m == NULL ? BB_COMMAND_OFFLINE : BB_COMMAND_ANSWERED;
        ret->latency_ms = bb_mono_ms() - before;
        ret->answer = bb_json_new_object();
        bb_json_set_str(ret->answer, "status", m != NULL && m->accepted ? BB_STR("Accepted") : BB_STR("Rejected"));
        return BB_OK;
}

static BB_AWAIT bb_err start(bb_tenant *tenant, bb_str station_id, int32_t connector, bb_str token_uid,
                             struct bb_command_result *ret)
{
        (void)connector;
        return ask(tenant, station_id, bb_print("START %.*s\n", BB_FMT(token_uid)), ret);
}

static BB_AWAIT bb_err stop(bb_tenant *tenant, bb_str station_id, int32_t transaction_id, struct bb_command_result *ret)
{
        (void)transaction_id;
        return ask(tenant, station_id, BB_STR("STOP\n"), ret);
}

static BB_AWAIT bb_err command(bb_tenant *tenant, bb_str station_id, bb_str action, const bb_json *payload,
                               int64_t timeout_ms, struct bb_command_result *ret)
{
        (void)timeout_ms;
        if (bb_str_is(action, "Start"))
                return start(tenant, station_id, 1, bb_json_str(bb_json_get(payload, "token")), ret);
        if (bb_str_is(action, "Stop"))
                return stop(tenant, station_id, 0, ret);
        ret->outcome = BB_COMMAND_UNKNOWN;
        return BB_OK;
}

/* What an operator's command is to bring about, so that busbard can follow it there: a session. */
static bb_err effects(bb_tenant *tenant, bb_str action, const bb_json *payload, const bb_json *answer,
                      struct bb_effect_plan *ret)
{
        struct bb_effect *effect = BB_NEW(struct bb_effect);

        (void)tenant;
        *effect = (struct bb_effect){.kind = BB_EFFECT_SESSION_STARTED,
                                     .connector_id = BB_CONNECTOR_ANY,
                                     .token_uid = bb_json_str(bb_json_get(payload, "token")),
                                     .text = BB_STR("the meter charges"),
                                     .waiting = BB_STR("the meter to charge")};
        ret->answer = bb_json_str(bb_json_get(answer, "status"));
        ret->accepted = bb_str_is(ret->answer, "Accepted");
        ret->timeout_ms = 60000;
        ret->effects = effect;
        ret->effect_count = bb_str_is(action, "Start") ? 1 : 0;
        return BB_OK;
}

static BB_AWAIT bb_err disconnect(bb_tenant *tenant, bb_str station_id, bb_str reason)
{
        struct meter *m = find(tenant, station_id);

        (void)reason;
        if (m == NULL)
                return BB_E_OFFLINE;
        bb_stream_close(m->stream);
        return BB_OK;
}

static const struct bb_station_driver_ops driver_ops = {.size = sizeof(driver_ops),
                                                        .protocol = "line-meter/1",
                                                        .command = command,
                                                        .start = start,
                                                        .stop = stop,
                                                        .disconnect = disconnect,
                                                        .effects = effects};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = NULL;
        charging = bb_require("charging/1", sizeof(*charging));
        return charging != NULL ? bb_provide("station_driver/1", &driver_ops) : BB_E_UNSUPPORTED;
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        const struct config *options = config;
        struct tenant_state *state = calloc(1, sizeof(*state));
        int32_t port;

        (void)self;
        if (state == NULL)
                return BB_E_BUSY;
        *ret_state = state;
        TRY(bb_listen(tenant, bb_str_c(options->listen), serve, state, &port));
        bb_log(BB_INFO, "line_meter.listening", NULL, bb_kv_int("port", port));
        return BB_OK;
}

static BB_AWAIT void tenant_stop(void *self, void *state)
{
        (void)self;
        free(state);
}

static const char *const needs[] = {"charging/1", NULL};

BB_PLUGIN(load, .name = "line-meter", .version = "1.0", .vendor = "Busbar examples", .license = "Apache-2.0",
          .needs = needs, .options = &line_meter_options, .tenant_config_size = sizeof(struct config),
          .tenant_start = tenant_start, .tenant_stop = tenant_stop);
