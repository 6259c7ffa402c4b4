/* SPDX-License-Identifier: Apache-2.0
 *
 * Security profile 3 (Security Whitepaper §2.5): the certificate of a handshake against the tenant's own authorities.
 * That its common name is the station's is the domain's question.
 */
#include "certificate.h"

/* A00.FR.404. One that was signed here got its organization here. */
static void check_organization(const struct ocpp_tenant *owner, const struct bb_x509 *x, bb_str *ret_fault)
{
        bb_str wanted = authority_organization(owner);

        if (x->organization.ptr == NULL || !bb_str_eq(x->organization, wanted))
                *ret_fault = bb_print("The client certificate belongs to the organization \"%.*s\", not \"%.*s\".",
                                      BB_FMT(x->organization), BB_FMT(wanted));
}

/* A00.FR.702, .704: the authority is here, so what it says is what its table says. One that it does not know was signed
 * by an imported authority elsewhere. */
static BB_AWAIT bb_err check_register(const struct ocpp_tenant *owner, const struct bb_x509 *x, bb_str *ret_fault)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select state, revoked_at from ocpp16.certificate where serial = $1",
                        BB_TEXT(x->serial)));
        if (bb_rows_count(rows) == 0)
                check_organization(owner, x, ret_fault);
        else if (bb_row_int(rows, 0, 0, CERTIFICATE_REVOKED) == CERTIFICATE_REVOKED)
                *ret_fault = bb_print("The client certificate (serial number %.*s) was revoked at %.*s.",
                                      BB_FMT(x->serial), BB_FMT(bb_time_text(bb_row_time(rows, 0, 1, 0))));
        return BB_OK;
}

BB_AWAIT bb_err certificate_check(struct ocpp_tenant *owner, bb_str chain, bb_str *ret_name, bb_str *ret_fault)
{
        struct bb_x509 x = {.common_name = BB_NONE};
        bb_str roots, why = BB_NONE;
        bb_err err;

        *ret_name = *ret_fault = BB_NONE;
        TRY(authority_roots(&roots));
        if (roots.ptr == NULL) {
                *ret_fault = BB_STR("The station shows a client certificate, but this tenant has signed none.");
                return BB_OK;
        }
        err = bb_certificate_verify(chain, roots, &x, &why);
        if (err == BB_E_INVALID) {
                *ret_fault = bb_print("The client certificate is not valid: %.*s. Have the station ask for a new one "
                                      "(renew-certificate), or check its clock and ours.",
                                      BB_FMT(why));
                return BB_OK;
        }
        TRY(err);
        TRY(check_register(owner, &x, ret_fault));
        if (ret_fault->ptr == NULL)
                *ret_name = x.common_name;
        return BB_OK;
}
