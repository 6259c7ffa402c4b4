/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of the Security Whitepaper's part: security events, certificates, passwords.
 */
#include "certificate.h"
#include "security.h"

#define SECURITY_LIST(path_, summary_)                                                                                 \
        {                                                                                                              \
                .method = "GET", .path = (path_), .permission = "stations:read", .handle = security_list,              \
                .summary = (summary_), .flags = BB_ROUTE_LIST, .response = &SecurityEvent, .query = security_query,    \
                .query_count = SECURITY_QUERIES, .query_stride = sizeof(struct bb_query_param)                         \
        }
#define REQUEST_LIST(path_, summary_)                                                                                  \
        {                                                                                                              \
                .method = "GET", .path = (path_), .permission = "stations:read", .handle = certificate_request_list,   \
                .summary = (summary_), .flags = BB_ROUTE_LIST, .response = &CertificateRequest,                        \
                .query = certificate_request_query, .query_count = CERTIFICATE_REQUEST_QUERIES,                        \
                .query_stride = sizeof(struct bb_query_param)                                                          \
        }
#define CERTIFICATE_LIST(path_, summary_)                                                                              \
        {                                                                                                              \
                .method = "GET", .path = (path_), .permission = "stations:read", .handle = certificate_list,           \
                .summary = (summary_), .flags = BB_ROUTE_LIST, .response = &Certificate                                \
        }

const struct bb_route security_routes[] = {
        SECURITY_LIST("/v1/security-events",
                      "What stations reported of their security, and what was noticed about it, newest first"),
        SECURITY_LIST("/v1/stations/{id}/security-events", "The same of one station"),
        {.method = "GET",
         .path = "/v1/certificate-authority",
         .permission = "stations:read",
         .handle = authority_read,
         .summary = "The authority that signs stations' certificates; made when there is none",
         .response = &CertificateAuthority},
        {.method = "PUT",
         .path = "/v1/certificate-authority",
         .permission = "stations:write",
         .handle = authority_import,
         .summary = "Another one, with its key; what the one before has signed stays good",
         .request = &CertificateAuthorityImport,
         .response = &CertificateAuthority},
        {.method = "GET",
         .path = "/v1/certificate-authority/crl",
         .permission = "stations:read",
         .handle = authority_crl,
         .summary = "What it has signed and revoked: a list by RFC 5280 in PEM"},
        REQUEST_LIST("/v1/certificate-requests", "What stations want signed, newest first"),
        REQUEST_LIST("/v1/stations/{id}/certificate-requests", "The same of one station"),
        {.method = "POST",
         .path = "/v1/stations/{id}/certificate-requests/{request}/approve",
         .permission = "stations:write",
         .handle = certificate_request_approve,
         .summary = "Has a held request signed and the certificate sent to the station",
         .request = &CertificateDecision,
         .response = &CertificateRequest},
        {.method = "POST",
         .path = "/v1/stations/{id}/certificate-requests/{request}/reject",
         .permission = "stations:write",
         .handle = certificate_request_reject,
         .summary = "Says no to a held request",
         .request = &CertificateDecision,
         .response = &CertificateRequest},
        CERTIFICATE_LIST("/v1/certificates", "What was signed, newest first"),
        CERTIFICATE_LIST("/v1/stations/{id}/certificates", "The same of one station"),
        {.method = "POST",
         .path = "/v1/certificates/{id}/revoke",
         .permission = "stations:write",
         .handle = certificate_revoke,
         .summary = "Nobody connects with this certificate any more",
         .response = &Certificate},
        {.method = "POST",
         .path = "/v1/stations/{id}/renew-certificate",
         .permission = "stations:write",
         .handle = certificate_renew,
         .summary = "Asks the station for a new key and a request to sign it",
         .status = 202},
        {.method = "POST",
         .path = "/v1/stations/{id}/rotate-password",
         .permission = "stations:write",
         .handle = key_rotate,
         .summary = "Sends the station a new random password (AuthorizationKey), which nobody else gets to see",
         .request = &KeyRotation,
         .response = &KeyRotated},
};
const size_t security_route_count = BB_COUNT(security_routes);
