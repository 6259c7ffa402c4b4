/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /ocpp/{station}: the handshake as a row of checks, the rule about a second connection of the same station
 * (README.md), and the end of a connection. Each refusal is counted, logged with what to do about it, and told to the
 * station in a word at most.
 */
#include "certificate.h"
#include "metrics.h"
#include "ocpp16.h"
#include "outbound.h"
#include "remote.h"
#include "security.h"

#include <stdlib.h>
#include <strings.h>

enum {
        PROBE_MS = 5000,
        TAKE_OVER_ROUNDS = 3,
        TELL_EVERY_MS = 60000,
        CLOSE_GOING_AWAY = 1001,
        CLOSE_PROTOCOL_ERROR = 1002,
};

struct handshake {
        bb_request *req;
        bb_response *res;
        struct ocpp_tenant *owner;
        bb_str id, password, remote, certificate;
        bb_str certificate_fault;    /* why the one that was shown counts for nothing; BB_NONE: it counts, or there was
                                        none */
        int32_t without_subprotocol; /* none was offered, and the option tolerates that */
        int64_t epoch;
};

static struct bb_admit admit_of(const struct handshake *h)
{
        return (struct bb_admit){.station_id = h->id,
                                 .password = h->password,
                                 .remote = h->remote,
                                 .driver = BB_STR(DRIVER),
                                 .protocol = BB_STR(SUBPROTOCOL),
                                 .policy = h->owner->options->onboarding,
                                 .tls = bb_request_is_tls(h->req),
                                 .certificate = h->certificate};
}

/* --- refusals --- */

/* `why` is for the operator's log. The answer is plain: problems are for people's software. BB_E_REJECTED ends the row
 * of checks. */
static bb_err refuse(struct handshake *h, int32_t status, const char *reason, bb_str why)
{
        metrics_refused(reason);
        bb_log(BB_WARN, "ocpp.refused", "a connection was refused", bb_kv_str("station", h->id),
               bb_kv_str("remote", h->remote), bb_kv_int("status", status), bb_kv_cstr("reason", reason),
               bb_kv_str("detail", why));
        bb_response_status(h->res, status);
        bb_response_bytes(h->res, "text/plain; charset=utf-8", bb_print("%s\n", reason));
        return BB_E_REJECTED;
}

/* Reasons that the domain does not see: it is told, so that they appear beside its own. */
static BB_AWAIT void record(const struct handshake *h, int32_t verdict, bb_str why)
{
        struct bb_admit admit = admit_of(h);
        bb_err err;

        if (!BB_HAS(charging, refused) || charging->refused == NULL)
                return;
        err = charging->refused(&admit, verdict, why);
        if (err < 0)
                bb_log(BB_WARN, "ocpp.record", "a refusal could not be recorded", bb_kv_str("station", h->id),
                       bb_kv_err(err));
}

static bb_err refuse_for_now(struct handshake *h, int64_t retry_s)
{
        bb_response_header(h->res, "Retry-After", bb_print("%lld", (long long)retry_s));
        return refuse(h, 503, "unavailable",
                      BB_STR("not at this moment: the database is away, has just come back, or the station is being "
                             "changed"));
}

/* --- the checks, in order --- */

static BB_AWAIT bb_err check_id(struct handshake *h)
{
        if (!station_id_valid(h->id)) {
                h->id = BB_STR("?");
                return refuse(h, 404, "station-id", BB_STR("a station id has 1 to 64 printable characters and no '/'"));
        }
        return BB_OK;
}

static bb_str trimmed(bb_str s)
{
        while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
                s.ptr++;
                s.len--;
        }
        while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
                s.len--;
        return s;
}

/* Is `word` one of a comma-separated list? */
static int32_t list_has(bb_str list, const char *word)
{
        while (list.len > 0) {
                const char *comma = memchr(list.ptr, ',', list.len);
                size_t len = comma != NULL ? (size_t)(comma - list.ptr) : list.len;

                if (bb_str_is(trimmed((bb_str){.ptr = list.ptr, .len = len}), word))
                        return 1;
                len += comma != NULL;
                list = (bb_str){.ptr = list.ptr + len, .len = list.len - len};
        }
        return 0;
}

/* OCPP-J 1.6 §3.1.2 for a station that speaks other versions only: the handshake succeeds without a subprotocol, and
 * the socket is closed at once. */
static BB_AWAIT bb_err turn_away(struct handshake *h, bb_str offered)
{
        static const struct bb_ws_handler deaf = {.size = sizeof(deaf), .max_message = 1024};
        bb_str why = bb_print("the station offers the subprotocols \"%.*s\", not " SUBPROTOCOL, BB_FMT(offered));
        bb_ws *ws;

        record(h, BB_ADMIT_HANDSHAKE, why);
        if (bb_ws_accept(h->req, &deaf, NULL, &ws) < 0)
                return refuse(h, 400, "subprotocol", why);
        metrics_refused("subprotocol");
        bb_log(BB_WARN, "ocpp.refused", "a connection was refused", bb_kv_str("station", h->id),
               bb_kv_str("remote", h->remote), bb_kv_cstr("reason", "subprotocol"), bb_kv_str("detail", why));
        bb_ws_close(ws, CLOSE_PROTOCOL_ERROR, BB_STR("subprotocol " SUBPROTOCOL " is required"));
        return BB_E_REJECTED;
}

static BB_AWAIT bb_err check_subprotocol(struct handshake *h)
{
        bb_str offered = bb_request_header(h->req, "Sec-WebSocket-Protocol");
        bb_str why;

        if (list_has(offered, SUBPROTOCOL))
                return BB_OK;
        if (trimmed(offered).len > 0)
                return turn_away(h, offered);
        h->without_subprotocol = h->owner->options->subprotocol == SUBPROTOCOL_TOLERATED;
        if (h->without_subprotocol)
                return BB_OK;
        why = BB_STR("the station offers no subprotocol; set \"subprotocol: tolerated\" to take it all the same");
        record(h, BB_ADMIT_HANDSHAKE, why);
        return refuse(h, 400, "subprotocol", why);
}

static bb_err ask_for_password(struct handshake *h, bb_str why)
{
        bb_response_header(h->res, "WWW-Authenticate", BB_STR("Basic realm=\"ocpp\", charset=\"UTF-8\""));
        return refuse(h, 401, "password", why);
}

/* The user is the station's id (OCPP-J 1.6 §6.2.2), which may itself hold a colon: what follows it and one more colon
 * is the password, in whatever form the station has it. */
static BB_AWAIT bb_err check_user(struct handshake *h)
{
        static const char scheme[] = "Basic ";
        bb_str header = bb_request_header(h->req, "Authorization");
        bb_str clear;

        if (header.ptr == NULL)
                return BB_OK;
        if (header.len < sizeof(scheme) - 1 || strncasecmp(header.ptr, scheme, sizeof(scheme) - 1) != 0)
                return ask_for_password(h, BB_STR("the station does not use HTTP Basic authentication"));
        header.ptr += sizeof(scheme) - 1;
        header.len -= sizeof(scheme) - 1;
        if (bb_unbase64(trimmed(header), &clear) < 0)
                return ask_for_password(h, BB_STR("the Authorization header is not base64"));
        if (clear.len <= h->id.len || memcmp(clear.ptr, h->id.ptr, h->id.len) != 0 || clear.ptr[h->id.len] != ':') {
                record(h, BB_ADMIT_HANDSHAKE, BB_STR("the user name is not the station's id"));
                return ask_for_password(h, BB_STR("the user name is not the station's id"));
        }
        h->password = (bb_str){.ptr = clear.ptr + h->id.len + 1, .len = clear.len - h->id.len - 1};
        return BB_OK;
}

static BB_AWAIT bb_err wait_for_admission(struct handshake *h)
{
        int64_t retry_s;
        bb_err err = storm_admit(&h->owner->admissions, h->owner->options->handshakes_per_second, &retry_s);

        return err == BB_E_UNAVAILABLE ? refuse_for_now(h, retry_s) : err;
}

/* The host has verified what came by an authority of its own (client_ca); the tenant's are asked here. A certificate
 * that counts for nothing is no reason to refuse: the station may have a password. */
static BB_AWAIT bb_err check_certificate(struct handshake *h)
{
        bb_str chain = bb_request_client_certificate(h->req);
        bb_err err;

        if (h->certificate.ptr != NULL || chain.ptr == NULL)
                return BB_OK;
        err = certificate_check(h->owner, chain, &h->certificate, &h->certificate_fault);
        return storm_is_outage(err) || err == BB_E_BUSY ? refuse_for_now(h, storm_retry_s()) : err;
}

static const struct {
        int32_t status;
        const char *reason;
} verdicts[] = {
        [BB_ADMIT_UNKNOWN] = {404, "unknown"},
        [BB_ADMIT_HELD] = {403, "held"},
        [BB_ADMIT_PASSWORD] = {401, "password"},
        [BB_ADMIT_BLOCKED] = {403, "blocked"},
        [BB_ADMIT_RATE] = {429, "rate"},
        [BB_ADMIT_PROFILE] = {403, "profile"},
        [BB_ADMIT_CERTIFICATE] = {403, "certificate"},
};

/* Security events of refusals; those of wrong passwords are counted first (Security Whitepaper A00.FR.323, .408). */
static BB_AWAIT void raise_refusal(struct handshake *h, const struct bb_admitted *admitted)
{
        if (admitted->verdict == BB_ADMIT_CERTIFICATE)
                security_raise(h->owner, h->id, SECURITY_BAD_CERTIFICATE, admitted->detail);
        if (admitted->verdict != BB_ADMIT_PROFILE)
                return;
        if (h->certificate_fault.ptr == NULL) {
                security_raise(h->owner, h->id, SECURITY_DOWNGRADE, admitted->detail);
                return;
        }
        record(h, BB_ADMIT_CERTIFICATE, h->certificate_fault); /* what is behind it */
        security_raise(h->owner, h->id, SECURITY_BAD_CERTIFICATE, h->certificate_fault);
}

static BB_AWAIT bb_err check_admission(struct handshake *h)
{
        struct bb_admit admit = admit_of(h);
        struct bb_admitted admitted = {.verdict = BB_ADMIT_UNKNOWN};
        bb_err err;

        storm_work_begins();
        err = charging->admit(&admit, &admitted);
        storm_work_ends(err);
        if (storm_is_outage(err) || err == BB_E_CONFLICT) /* an operator is just changing the station */
                return refuse_for_now(h, storm_retry_s());
        TRY(err);
        if (admitted.verdict == BB_ADMIT_OK) {
                h->epoch = admitted.epoch;
                return BB_OK;
        }
        raise_refusal(h, &admitted);
        if (admitted.verdict == BB_ADMIT_PASSWORD)
                return ask_for_password(h, admitted.detail);
        if (admitted.verdict < 0 || (size_t)admitted.verdict >= BB_COUNT(verdicts) ||
            verdicts[admitted.verdict].status == 0)
                return refuse(h, 403, "refused", admitted.detail);
        if (admitted.verdict == BB_ADMIT_RATE) {
                security_raise(h->owner, h->id, SECURITY_WRONG_PASSWORDS,
                               bb_print("too many wrong passwords from %.*s", BB_FMT(h->remote)));
                bb_response_header(h->res, "Retry-After", bb_print("%lld", (long long)storm_retry_s()));
        }
        return refuse(h, verdicts[admitted.verdict].status, verdicts[admitted.verdict].reason, admitted.detail);
}

/* --- a second connection --- */

/* An event for the operator, at most one a minute and station. */
static BB_AWAIT void tell(const struct handshake *h, struct station *older, const char *outcome)
{
        int64_t now = bb_mono_ms();
        bb_json *payload = bb_json_new_object();
        struct bb_stmt event;

        if (older != NULL && older->told_mono_ms != 0 && now - older->told_mono_ms < TELL_EVERY_MS)
                return;
        if (older != NULL)
                older->told_mono_ms = now;
        bb_json_set_str(payload, "station_id", h->id);
        bb_json_set_str(payload, "remote", h->remote);
        bb_json_set_str(payload, "outcome", bb_cstr(outcome));
        event = bb_event_stmt("station.second_connection", h->id, bb_json_text(payload));
        if (bb_db_run(&event, 1, NULL) < 0)
                bb_log(BB_WARN, "ocpp.second_connection", "the event could not be stored", bb_kv_str("station", h->id),
                       bb_kv_cstr("outcome", outcome));
}

static BB_AWAIT bb_err refuse_second(struct handshake *h, struct station *older)
{
        static const char why[] = "another connection of this station is alive and answers";

        tell(h, older, "refused");
        record(h, BB_ADMIT_SECOND, bb_cstr(why));
        security_raise(
                h->owner, h->id, SECURITY_SECOND_CONNECTION,
                bb_print("%.*s connected with valid credentials while the station was connected", BB_FMT(h->remote)));
        return refuse(h, 409, "second-connection", bb_cstr(why));
}

void connection_supersede(struct station *st, const char *why)
{
        if (st->superseded)
                return;
        st->superseded = 1;
        table_remove(&st->owner->stations, st);
        bb_bus_unsubscribe(st->subscription);
        st->subscription = NULL;
        bb_log(BB_INFO, "ocpp.replaced", why, bb_kv_str("station", station_id(st)), bb_kv_int("epoch", st->epoch));
        if (st->ws != NULL)
                bb_ws_close(st->ws, CLOSE_GOING_AWAY, bb_cstr(why));
}

BB_AWAIT int32_t connection_probe(struct station *st, bb_str certificate)
{
        int32_t same = st->certificate != NULL && bb_str_is(certificate, st->certificate);
        int32_t found = PROBE_CLOSED;
        bb_err err;

        station_hold(st);
        /* One without a socket is still in its own handshake: nobody can be at its other end yet. */
        if (st->ws != NULL && !st->superseded) {
                err = same ? BB_E_TIMEOUT : bb_ws_probe(st->ws, PROBE_MS);
                if (err == BB_E_TIMEOUT)
                        found = PROBE_SILENT;
                else if (err != BB_E_CLOSED && !st->superseded) /* a cancelled probe proves nothing */
                        found = PROBE_ALIVE;
        }
        if (found != PROBE_ALIVE && st->listed)
                connection_supersede(st, "a newer connection took over");
        station_drop(st);
        return found;
}

/* On this node. BB_E_REJECTED: the other one is alive. */
static BB_AWAIT bb_err take_over_here(struct handshake *h)
{
        for (int32_t round = 0; round < TAKE_OVER_ROUNDS; round++) {
                struct station *older = table_find(&h->owner->stations, h->id);
                bb_err err = BB_OK;
                int32_t found;

                if (older == NULL)
                        return BB_OK;
                station_hold(older);
                found = connection_probe(older, h->certificate);
                if (found == PROBE_ALIVE)
                        err = refuse_second(h, older);
                else if (found == PROBE_SILENT)
                        tell(h, older, "replaced");
                station_drop(older);
                TRY(err);
        }
        return table_find(&h->owner->stations, h->id) == NULL ? BB_OK : refuse_second(h, NULL);
}

static BB_AWAIT bb_err take_over(struct handshake *h)
{
        int32_t alive;

        TRY(take_over_here(h));
        TRY(remote_alive(h->owner, h->id, h->certificate, &alive));
        return alive ? refuse_second(h, NULL) : take_over_here(h);
}

/* --- the beginning --- */

/* Stations come by few ways, so the tenant keeps each of them once. */
struct base_url {
        struct base_url *next;
        char text[];
};
enum { MOST_URLS = 64, MOST_URL_BYTES = 300 };

static const char *keep_url(struct ocpp_tenant *owner, bb_str url)
{
        struct base_url *kept = owner->base_urls;
        size_t count = 0;

        for (; kept != NULL; kept = kept->next, count++) {
                if (bb_str_is(url, kept->text))
                        return kept->text;
        }
        if (count >= MOST_URLS || url.len == 0 || url.len > MOST_URL_BYTES)
                return NULL;
        kept = calloc(1, sizeof(*kept) + url.len + 1);
        if (kept == NULL)
                return NULL;
        memcpy(kept->text, url.ptr, url.len);
        kept->next = owner->base_urls;
        owner->base_urls = kept;
        return kept->text;
}

void connection_free_urls(struct ocpp_tenant *owner)
{
        while (owner->base_urls != NULL) {
                struct base_url *next = owner->base_urls->next;

                free(owner->base_urls);
                owner->base_urls = next;
        }
}

static void connected(struct handshake *h, struct station *st, bb_ws *ws)
{
        st->ws = ws;
        metrics_connections(1);
        if (remote_subscribe(st) < 0)
                bb_log(BB_WARN, "ocpp.bus", "commands from other nodes will not reach the station",
                       bb_kv_str("station", h->id));
        bb_log(BB_INFO, "ocpp.connected", NULL, bb_kv_str("station", h->id), bb_kv_str("remote", h->remote),
               bb_kv_int("epoch", st->epoch));
}

/* The name is taken in the table before anything waits, so that of two connections at once one finds the other. */
static BB_AWAIT bb_err open_socket(struct handshake *h)
{
        struct station *st = station_new(h->owner, h->id, h->epoch, h->certificate);
        struct bb_station_ref ref = station_ref(st);
        bb_ws *ws = NULL;
        bb_err err;

        st->base_url = keep_url(h->owner, bb_request_base_url(h->req));
        table_add(&h->owner->stations, st);
        err = charging->online(&ref, h->remote);
        st->online = err == BB_OK || storm_is_outage(err); /* then it may have been stored */
        if (err == BB_OK && st->superseded)
                err = BB_E_EXISTS;
        if (err == BB_OK)
                err = bb_ws_accept(h->req, h->without_subprotocol ? &h->owner->bare_handler : &h->owner->handler, st,
                                   &ws);
        if (err == BB_OK) {
                connected(h, st, ws);
                return BB_OK;
        }
        table_remove(&h->owner->stations, st);
        farewell_add(st);
        if (storm_is_outage(err))
                return refuse_for_now(h, storm_retry_s());
        if (err == BB_E_EXISTS || err == BB_E_CONFLICT)
                return refuse(h, 409, "second-connection",
                              BB_STR("a newer connection of this station took over during the handshake"));
        if (err == BB_E_PROTOCOL) /* the host has answered what is wrong with the upgrade */
                metrics_refused("upgrade");
        return err;
}

BB_AWAIT bb_err connection_open(bb_request *req, bb_response *res)
{
        static BB_AWAIT bb_err (*const steps[])(struct handshake *) = {
                check_id,          check_subprotocol, check_user, wait_for_admission,
                check_certificate, check_admission,   take_over,  open_socket,
        };
        struct handshake h = {.req = req,
                              .res = res,
                              .owner = bb_request_state(req),
                              .id = bb_request_param(req, "station"),
                              .password = BB_NONE,
                              .remote = bb_request_remote(req),
                              .certificate = bb_request_client_certificate_name(req)};
        bb_err err = BB_OK;

        if (h.owner == NULL)
                return BB_E_NOT_FOUND;
        for (size_t i = 0; i < BB_COUNT(steps) && err == BB_OK; i++)
                err = steps[i](&h);
        return err == BB_E_REJECTED ? BB_OK : err; /* a refusal has given its answer */
}

/* --- the end --- */

/* Ends that say something about the station: what its sockets did wrong (RFC 6455 §7.4.1). */
static const char *fault_of_close(int32_t code)
{
        static const struct {
                int32_t code;
                const char *text;
        } faults[] = {{1002, "the station broke the WebSocket protocol"},
                      {1003, "the station sent a binary message"},
                      {1007, "the station sent text that is not UTF-8"},
                      {1008, "the station sent too much that is not OCPP-J"},
                      {1009, "the station sent a message that is too large"}};

        for (size_t i = 0; i < BB_COUNT(faults); i++) {
                if (faults[i].code == code)
                        return faults[i].text;
        }
        return NULL;
}

/* On the loop, the last call for this socket. The reference that the socket held goes to the farewell. */
static void connection_closed(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        struct station *st = station_from(user);

        (void)ws;
        if (st == NULL)
                return;
        bb_log(fault_of_close(code) != NULL ? BB_WARN : BB_INFO, "ocpp.disconnected", fault_of_close(code),
               bb_kv_str("tenant", bb_tenant_id(st->owner->tenant)), bb_kv_str("station", station_id(st)),
               bb_kv_int("code", code), bb_kv_str("reason", reason), bb_kv_int("epoch", st->epoch));
        metrics_connections(-1);
        st->ws = NULL;
        st->close_code = code;
        outbound_abandon(st);
        table_remove(&st->owner->stations, st);
        bb_bus_unsubscribe(st->subscription);
        st->subscription = NULL;
        farewell_add(st);
}

void connection_handler_init(struct bb_ws_handler *h, const struct options *o, const char *subprotocol)
{
        *h = (struct bb_ws_handler){.size = sizeof(*h),
                                    .ping_ms = o->ping_ms,
                                    .ping_timeout_ms = o->ping_timeout_ms,
                                    .max_message = o->max_message_bytes,
                                    .subprotocol = subprotocol,
                                    .on_arrival = inbound_arrival,
                                    .on_message = inbound_message,
                                    .on_close = connection_closed};
}
