/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorize (OCPP 1.6 §4.1). While the database is away the question stays open: "Invalid" would be a lie.
 */
#include "messages.h"

void id_tag_info_from(const struct bb_authorization *a, struct id_tag_info *ret)
{
        *ret = (struct id_tag_info){.status = a->status};
        if (a->expires_ms != 0) {
                ret->expiry_date = a->expires_ms;
                ret->present |= 1u << ID_TAG_INFO_EXPIRY_DATE;
        }
        /* A parent that came from another protocol may be longer than OCPP 1.6 allows. */
        if (a->parent_uid.len > 0 && a->parent_uid.len <= ID_TAG_CHARS) {
                ret->parent_id_tag = a->parent_uid;
                ret->present |= 1u << ID_TAG_INFO_PARENT;
        }
}

BB_AWAIT bb_err message_authorize(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct authorize_req *m = message;
        struct bb_station_ref ref = station_ref(st);
        struct bb_authorization verdict = {.status = BB_AUTH_INVALID};
        struct authorize_conf conf = {.present = 0};
        bb_err err;

        UNTIL_STORED(err, charging->authorize(&ref, m->id_tag, &verdict));
        TRY(err);
        id_tag_info_from(&verdict, &conf.id_tag_info);
        *ret_answer = bb_shape_encode_text(&AuthorizeResponse, &conf);
        return BB_OK;
}
