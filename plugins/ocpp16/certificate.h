/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate authority of a tenant, what stations ask it for, and what it signed (Security Whitepaper edition 3
 * §2.6, use cases A02 and A03).
 */
#ifndef OCPP16_CERTIFICATE_H
#define OCPP16_CERTIFICATE_H

#include "ocpp16.h"

enum { CERTIFICATES_HOLD = 0, CERTIFICATES_SIGN = 1, CERTIFICATES_REFUSE = 2 };
extern const char *const certificate_policy_names[] BB_HIDDEN;

enum { REQUEST_HELD = 0, REQUEST_APPROVED = 1, REQUEST_SIGNED = 2, REQUEST_REJECTED = 3 };
enum { CERTIFICATE_ISSUED = 0, CERTIFICATE_INSTALLED = 1, CERTIFICATE_REFUSED = 2, CERTIFICATE_REVOKED = 3 };

/* authority.c */
struct authority {
        bb_str id, certificate, key; /* PEM */
};
/* The one that signs, made when there is none. */
BB_AWAIT bb_err authority_get(struct ocpp_tenant *, struct authority *ret);
/* All that are trusted, PEM in one text; BB_NONE: there is none yet. */
BB_AWAIT bb_err authority_roots(bb_str *ret_pem);
/* The name that certificates carry as organization. */
bb_str authority_organization(const struct ocpp_tenant *);
BB_AWAIT bb_err authority_read(bb_request *, bb_response *);
BB_AWAIT bb_err authority_import(bb_request *, bb_response *);
BB_AWAIT bb_err authority_crl(bb_request *, bb_response *);
extern const struct bb_shape CertificateAuthority BB_HIDDEN, CertificateAuthorityImport BB_HIDDEN;

/* certificate_work.c: signs what is approved, brings it to the stations, has old ones renewed. Once a second looks
 * whether it was woken, once a minute in any case. */
BB_AWAIT void certificate_tick(void *owner);
void certificate_wake(struct ocpp_tenant *);
BB_AWAIT bb_err certificate_renew(bb_request *, bb_response *);

/* certificate_request.c, certificate_list.c */
BB_AWAIT bb_err certificate_request_list(bb_request *, bb_response *);
BB_AWAIT bb_err certificate_request_approve(bb_request *, bb_response *);
BB_AWAIT bb_err certificate_request_reject(bb_request *, bb_response *);
BB_AWAIT bb_err certificate_list(bb_request *, bb_response *);
BB_AWAIT bb_err certificate_revoke(bb_request *, bb_response *);
extern const struct bb_shape CertificateRequest BB_HIDDEN, CertificateDecision BB_HIDDEN, Certificate BB_HIDDEN;
extern const struct bb_query_param certificate_request_query[] BB_HIDDEN;
enum { CERTIFICATE_REQUEST_QUERIES = 1 };

/* certificate_check.c: is the certificate of a handshake one that the tenant's authorities signed, and not revoked?
 * *ret_name is its common name; otherwise BB_NONE, and *ret_fault says why. An error is one of the database. */
BB_AWAIT bb_err certificate_check(struct ocpp_tenant *, bb_str chain, bb_str *ret_name, bb_str *ret_fault);

/* key_rotation.c */
BB_AWAIT bb_err key_rotate(bb_request *, bb_response *);
extern const struct bb_shape KeyRotation BB_HIDDEN, KeyRotated BB_HIDDEN;

/* routes_security.c */
extern const struct bb_route security_routes[] BB_HIDDEN;
extern const size_t security_route_count BB_HIDDEN;

#endif
