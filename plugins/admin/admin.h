/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the operators' API share.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <busbar/charging.h>
#include <busbar/plugin.h>
#include <stdarg.h>

extern const struct bb_charging_ops *charging BB_HIDDEN;

/* --- page.c --- */
struct page {
        bb_str after; /* the item before, or BB_NONE */
        size_t limit;
};
/* limit and cursor of the request. */
bb_err page_of(bb_request *, bb_response *, struct page *ret);
/* The items as JSON, with their cursor. `last` is the key of the last item. */
void page_send(bb_response *, const struct bb_shape *, void *items, size_t count, const struct page *, bb_str last);
/* What a list said to this page: that it does not know the item before is the cursor's fault (400). */
bb_err page_fault(bb_response *, const struct page *, bb_err);
/* Stored JSON as a value; what cannot be read is left out (NULL). */
bb_json *json_of(bb_str text);
bb_json *object_json(const struct bb_shape *, void *object);
/* Sends one object. */
void object_encode(bb_response *, const struct bb_shape *, void *object);
/* Sends one object with its ETag, or 304. */
bb_err object_send(bb_request *, bb_response *, const struct bb_shape *, void *object, int64_t version);
/* What If-Match and If-None-Match: * ask of a change, as the contract's if_version. `exists` 0: there is no object. */
bb_err version_wanted(bb_request *, bb_response *, int32_t exists, int64_t version, int64_t *ret_if_version);
/* RFC 7396: the members of the request's body laid over `present_object` (NULL: nothing), decoded into ret_struct. */
bb_err body_over(bb_request *, bb_response *, const struct bb_shape *, void *present_object, void *ret_struct);
/* What a change left: 201 with Location or 200, the object and its new ETag. */
void changed_send(bb_request *, bb_response *, const struct bb_shape *, void *object, int64_t version, int32_t created,
                  bb_str path);
/* A segment of a path, percent-encoded. */
bb_str path_segment(bb_str);
/* A whole number of at most ten digits in a path or a cursor; BB_E_NOT_FOUND for anything else. */
bb_err int_of(bb_str, int64_t *ret);
int64_t int_query(bb_request *, const char *name, int64_t otherwise);
/* 400 with the parameter's name when the value is outside. */
bb_err query_in_range(bb_response *, const char *name, int64_t value, int64_t min, int64_t max);
/* 400 when one of these parameters (ended by NULL) is there and empty: that must not mean "everything". */
__attribute__((sentinel)) bb_err filters_filled(bb_request *, bb_response *, ...);
int32_t bool_query(bb_request *, const char *name); /* -1: not given */
bb_err time_query(bb_request *, const char *name, int64_t *ret);

/* --- commands.c --- */
/* The problem of a command that was not sent or not answered; `pointer` is where its payload is in the body. */
bb_err command_fault(bb_response *, const struct bb_command_result *, bb_str detail, const char *pointer);

/* --- one file each --- */
BB_AWAIT bb_err locations_list(bb_request *, bb_response *);
BB_AWAIT bb_err location_read(bb_request *, bb_response *);
BB_AWAIT bb_err location_write(bb_request *, bb_response *);
BB_AWAIT bb_err location_remove(bb_request *, bb_response *);
BB_AWAIT bb_err stations_list(bb_request *, bb_response *);
BB_AWAIT bb_err station_read(bb_request *, bb_response *);
BB_AWAIT bb_err station_write(bb_request *, bb_response *);
BB_AWAIT bb_err station_adopt(bb_request *, bb_response *);
BB_AWAIT bb_err station_remove(bb_request *, bb_response *);
BB_AWAIT bb_err connectors_list(bb_request *, bb_response *);
BB_AWAIT bb_err connector_write(bb_request *, bb_response *);
BB_AWAIT bb_err attempts_list(bb_request *, bb_response *);
BB_AWAIT bb_err tokens_list(bb_request *, bb_response *);
BB_AWAIT bb_err token_read(bb_request *, bb_response *);
BB_AWAIT bb_err token_write(bb_request *, bb_response *);
BB_AWAIT bb_err token_remove(bb_request *, bb_response *);
BB_AWAIT bb_err sessions_list(bb_request *, bb_response *);
BB_AWAIT bb_err session_read(bb_request *, bb_response *);
BB_AWAIT bb_err session_samples(bb_request *, bb_response *);
BB_AWAIT bb_err cdrs_list(bb_request *, bb_response *);
BB_AWAIT bb_err command_send(bb_request *, bb_response *);
BB_AWAIT bb_err reservations_list(bb_request *, bb_response *);
BB_AWAIT bb_err reservation_read(bb_request *, bb_response *);
BB_AWAIT bb_err reservation_create(bb_request *, bb_response *);
BB_AWAIT bb_err reservation_remove(bb_request *, bb_response *);
BB_AWAIT bb_err operations_list(bb_request *, bb_response *);
BB_AWAIT bb_err operation_read(bb_request *, bb_response *);
BB_AWAIT bb_err operation_withdraw(bb_request *, bb_response *);
BB_AWAIT bb_err operation_live(bb_request *, bb_response *);
BB_AWAIT bb_err bulk_create(bb_request *, bb_response *);
BB_AWAIT bb_err bulks_list(bb_request *, bb_response *);
BB_AWAIT bb_err bulk_read(bb_request *, bb_response *);
BB_AWAIT bb_err bulk_pause(bb_request *, bb_response *);
BB_AWAIT bb_err bulk_resume(bb_request *, bb_response *);
BB_AWAIT bb_err bulk_cancel(bb_request *, bb_response *);
BB_AWAIT bb_err profiles_list(bb_request *, bb_response *);
BB_AWAIT bb_err profile_read(bb_request *, bb_response *);
BB_AWAIT bb_err profile_create(bb_request *, bb_response *);
BB_AWAIT bb_err profile_remove(bb_request *, bb_response *);
BB_AWAIT bb_err composite_read(bb_request *, bb_response *);
enum { COMPOSITE_QUERIES = 3 };
extern const struct bb_query_param composite_query[COMPOSITE_QUERIES] BB_HIDDEN;
BB_AWAIT bb_err audit_entries(bb_request *, bb_response *);
BB_AWAIT bb_err reviews_list(bb_request *, bb_response *);
BB_AWAIT bb_err review_read(bb_request *, bb_response *);
BB_AWAIT bb_err review_sent(bb_request *, bb_response *, bb_str id); /* what a decision left */
BB_AWAIT bb_err review_settle(bb_request *, bb_response *);
BB_AWAIT bb_err review_dismiss(bb_request *, bb_response *);
BB_AWAIT bb_err session_settle(bb_request *, bb_response *);
BB_AWAIT bb_err session_shut(bb_request *, bb_response *);
BB_AWAIT bb_err dead_letters_list(bb_request *, bb_response *);
BB_AWAIT bb_err dead_letter_again(bb_request *, bb_response *);

extern const struct bb_shape Location BB_HIDDEN;
extern const struct bb_shape LocationChange BB_HIDDEN;
extern const struct bb_shape Station BB_HIDDEN;
extern const struct bb_shape StationChange BB_HIDDEN;
extern const struct bb_shape Connector BB_HIDDEN;
extern const struct bb_shape ConnectorChange BB_HIDDEN;
extern const struct bb_shape LatestAttempts BB_HIDDEN;
extern const struct bb_shape Token BB_HIDDEN;
extern const struct bb_shape TokenChange BB_HIDDEN;
extern const struct bb_shape Session BB_HIDDEN;
extern const struct bb_shape Sample BB_HIDDEN;
extern const struct bb_shape Cdr BB_HIDDEN;
extern const struct bb_shape CommandPayload BB_HIDDEN;
extern const struct bb_shape CommandOutcome BB_HIDDEN;
extern const struct bb_shape Operation BB_HIDDEN;
extern const struct bb_shape BulkCommandRequest BB_HIDDEN, BulkCommand BB_HIDDEN;
extern const struct bb_shape AuditEntry BB_HIDDEN;
extern const struct bb_shape Review BB_HIDDEN;
extern const struct bb_shape Reservation BB_HIDDEN;
extern const struct bb_shape ChargingProfile BB_HIDDEN;
extern const struct bb_shape CompositeSchedule BB_HIDDEN;
extern const struct bb_shape SessionSettlement BB_HIDDEN;
extern const struct bb_shape ReviewSettlement BB_HIDDEN;
extern const struct bb_shape DecisionNote BB_HIDDEN;
extern const struct bb_shape DeadLetter BB_HIDDEN;

extern const char *const session_states[];
extern const char *const review_states[];
extern const char *const authorization_states[];
extern const char *const operation_states[] BB_HIDDEN;

#endif
