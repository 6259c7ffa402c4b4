/* SPDX-License-Identifier: Apache-2.0
 *
 * With the domain's CDR the account of a session is made a last time, and kept.
 */
#include "cdr.h"

struct cdr cdr_of_session(const struct bb_session *s, const struct priced *p)
{
        return (struct cdr){.kind = CDR_KIND_SESSION,
                            .session_id = s->id,
                            .reservation_id = p->reservation_id,
                            .token_uid = s->token_uid,
                            .station_id = s->station_id,
                            .location_id = s->location_id,
                            .connector_id = s->connector_id,
                            .started_ms = s->started_ms,
                            .ended_ms = s->ended_ms};
}

BB_AWAIT bb_err cdr_settle(bb_str cdr_id, bb_str session_id)
{
        struct bb_stmt stmts[CDR_STMTS];
        struct bb_session s;
        struct priced p;
        struct cdr cdr;
        bb_err err;

        TRY(charging->session_get(session_id, &s));
        err = session_price_now(&s, &p);
        if (err == BB_E_NOT_FOUND) /* nobody said what it costs */
                return BB_OK;
        TRY(err);
        cdr = cdr_of_session(&s, &p);
        cdr.id = cdr_id;
        TRY(cdr_write(&cdr, &p));
        cdr_stmts(&cdr, stmts);
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_EXISTS ? BB_OK : err; /* the event came twice */
}
