/* SPDX-License-Identifier: Apache-2.0
 *
 * SignCertificate (Security Whitepaper §5.17): a station asks for a certificate.
 */
#include "messages.h"

BB_AWAIT bb_err message_sign_certificate(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct generic_status_conf conf = {.status = GENERIC_REJECTED};

        (void)message;
        bb_log(BB_WARN, "ocpp.sign_certificate", "no certificate authority is set up: rejected (A02.FR.12)",
               bb_kv_str("station", station_id(st)));
        *ret_answer = bb_shape_encode_text(&SignCertificateResponse, &conf);
        return BB_OK;
}
