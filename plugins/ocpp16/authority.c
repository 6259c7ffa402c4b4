/* SPDX-License-Identifier: Apache-2.0
 *
 * The tenant's certificate authority (Security Whitepaper §2.6.2: the operator may be one): made on first use, or
 * imported. Its key is sealed by the host, and leaves this file only to sign.
 */
#include "certificate.h"
#include "shapes.h"

enum { AUTHORITY_DAYS = 7300, ORGANIZATION_CHARS = 64 /* X.520 ub-organization-name */ };

#define DAY_MS 86400000LL
#define BACKDATED_MS 3600000LL /* clocks of stations are slow */
#define KEY_PURPOSE "ocpp16-authority-key"

bb_str authority_organization(const struct ocpp_tenant *owner)
{
        bb_str name = owner->options->cpo_name;
        size_t len = 0, chars = 0;

        if (name.len == 0)
                name = bb_tenant_name(owner->tenant);
        while (len < name.len && chars < ORGANIZATION_CHARS) {
                do
                        len++;
                while (len < name.len && ((unsigned char)name.ptr[len] & 0xc0) == 0x80);
                chars++;
        }
        return (bb_str){.ptr = name.ptr, .len = len};
}

static BB_AWAIT bb_err load(struct authority *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select id::text, certificate, sealed_key from ocpp16.authority where active"));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        ret->id = bb_row_str(rows, 0, 0);
        ret->certificate = bb_row_str(rows, 0, 1);
        return bb_unseal(KEY_PURPOSE, bb_row_bytes(rows, 0, 2), &ret->key);
}

static struct bb_stmt insert_stmt(bb_str certificate, bb_str sealed, const struct bb_x509 *x, int32_t imported)
{
        struct bb_param *params = BB_NEW_ARRAY(struct bb_param, 9);

        params[0] = BB_UUID(bb_uuid());
        params[1] = BB_TEXT(certificate);
        params[2] = BB_BYTES(sealed);
        params[3] = BB_TEXT(x->subject);
        params[4] = BB_TEXT(x->serial);
        params[5] = BB_TEXT(bb_hex((bb_str){.ptr = (const char *)x->digest, .len = sizeof(x->digest)}));
        params[6] = BB_TIME(x->not_before_ms);
        params[7] = BB_TIME(x->not_after_ms);
        params[8] = BB_BOOL(imported);
        return (struct bb_stmt){.sql = "insert into ocpp16.authority (id, certificate, sealed_key, subject, serial,"
                                       " fingerprint, not_before, not_after, imported, active)"
                                       " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, true)"
                                       " on conflict (tenant_id) where active do nothing",
                                .params = params,
                                .param_count = 9};
}

/* Two at once: the first one counts. */
static BB_AWAIT bb_err make(struct ocpp_tenant *owner)
{
        struct bb_certificate_order order = {.organization = authority_organization(owner),
                                             .common_name = BB_STR("Charging Station CA"),
                                             .not_before_ms = bb_now_ms() - BACKDATED_MS,
                                             .not_after_ms = bb_now_ms() + AUTHORITY_DAYS * DAY_MS,
                                             .use = BB_CERTIFICATE_AUTHORITY};
        bb_str pem, sealed, why = BB_NONE;
        struct bb_x509 x;
        struct bb_stmt stmts[2];
        bb_err err;

        TRY(bb_key_new(&order.key));
        err = bb_certificate_issue(&order, &pem, &x, &why);
        if (err < 0)
                bb_log(BB_ERROR, "ocpp.authority", "the certificate authority could not be made", bb_kv_err(err),
                       bb_kv_str("reason", why));
        TRY(err);
        TRY(bb_seal(KEY_PURPOSE, order.key, &sealed));
        stmts[0] = insert_stmt(pem, sealed, &x, 0);
        stmts[1] = bb_audit_stmt(BB_STR("ocpp16"), "certificate_authority.made", x.serial, BB_NONE);
        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

BB_AWAIT bb_err authority_get(struct ocpp_tenant *owner, struct authority *ret)
{
        bb_err err = load(ret);

        if (err != BB_E_NOT_FOUND)
                return err;
        TRY(make(owner));
        return load(ret);
}

BB_AWAIT bb_err authority_roots(bb_str *ret_pem)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select string_agg(certificate, e'\\n' order by active desc, created_at desc)"
                               " from ocpp16.authority where not_after > now()"));
        *ret_pem = bb_row_str(rows, 0, 0);
        return BB_OK;
}

/* --- for operators --- */

struct authority_view {
        uint64_t present;
        bb_str certificate, subject, serial, fingerprint;
        int64_t not_before_ms, not_after_ms, created_ms;
        int32_t imported;
};
static const struct bb_field view_fields[] = {
        FIELD(authority_view, certificate, "certificate", BB_T_STR, .flags = BB_REQUIRED,
              .about = "PEM: the one that signs, then those above it."),
        FIELD(authority_view, subject, "subject", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(authority_view, serial, "serial", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(authority_view, fingerprint, "fingerprint", BB_T_STR, .flags = BB_REQUIRED, .about = "SHA-256."),
        FIELD(authority_view, not_before_ms, "not_before", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(authority_view, not_after_ms, "not_after", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(authority_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(authority_view, imported, "imported", BB_T_BOOL, .flags = BB_REQUIRED),
};
BB_SHAPE(CertificateAuthority, authority_view, 0, "Who signs the certificates of this tenant's stations.", view_fields);

static BB_AWAIT bb_err send_view(bb_response *res)
{
        struct authority_view v = {.present = 0};
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select certificate, subject, serial, fingerprint, not_before, not_after, created_at,"
                               " imported from ocpp16.authority where active"));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        v.certificate = bb_row_str(rows, 0, 0);
        v.subject = bb_row_str(rows, 0, 1);
        v.serial = bb_row_str(rows, 0, 2);
        v.fingerprint = bb_row_str(rows, 0, 3);
        v.not_before_ms = bb_row_time(rows, 0, 4, 0);
        v.not_after_ms = bb_row_time(rows, 0, 5, 0);
        v.created_ms = bb_row_time(rows, 0, 6, 0);
        v.imported = (int32_t)bb_row_int(rows, 0, 7, 0);
        bb_response_shape(res, &CertificateAuthority, &v);
        return BB_OK;
}

/* GET /v1/certificate-authority: asking for it is a first use. */
BB_AWAIT bb_err authority_read(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct authority authority;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(authority_get(owner, &authority));
        return send_view(res);
}

struct import {
        uint64_t present;
        bb_str certificate, key;
};
static const struct bb_field import_fields[] = {
        FIELD(import, certificate, "certificate", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 40000,
              .about = "PEM: the authority's certificate, then those above it."),
        FIELD(import, key, "key", BB_T_STR, .flags = BB_REQUIRED | BB_SECRET, .min = 1, .max = 20000,
              .about = "PEM: its private key, without a passphrase. Cannot be read back."),
};
BB_SHAPE(CertificateAuthorityImport, import, 0, "Takes the place of the authority that signed so far.", import_fields);

static bb_err import_fault(bb_response *res, const char *pointer, bb_str why)
{
        bb_problem_field(res, bb_cstr(pointer), why);
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("This is no certificate authority."));
}

static BB_AWAIT bb_err check_import(const struct import *m, bb_response *res, struct bb_x509 *ret)
{
        struct bb_x509 *all;
        bb_str why = BB_NONE;
        size_t count;
        bb_err err = bb_certificates_read(m->certificate, &all, &count, &why);

        if (err == BB_E_INVALID)
                return import_fault(res, "/certificate", why);
        TRY(err);
        if (!all[0].is_authority)
                return import_fault(res, "/certificate", BB_STR("the first certificate may not sign others"));
        if (all[0].not_after_ms <= bb_now_ms())
                return import_fault(res, "/certificate", BB_STR("has ended"));
        err = bb_key_check(m->key, m->certificate, &why);
        if (err == BB_E_INVALID)
                return import_fault(res, "/key", why);
        *ret = all[0];
        return err;
}

/* PUT /v1/certificate-authority. What the one before has signed stays good. */
BB_AWAIT bb_err authority_import(bb_request *req, bb_response *res)
{
        struct import m;
        struct bb_x509 x;
        bb_str sealed;
        struct bb_stmt stmts[3];

        TRY(bb_request_decode(req, &CertificateAuthorityImport, &m, res));
        TRY(check_import(&m, res, &x));
        TRY(bb_seal(KEY_PURPOSE, m.key, &sealed));
        stmts[0] = BB_STMT("update ocpp16.authority set active = false where active");
        stmts[1] = insert_stmt(m.certificate, sealed, &x, 1);
        stmts[1].flags |= BB_STMT_MUST_HIT; /* somebody else imported at the same moment */
        stmts[2] = bb_audit_stmt(bb_request_actor(req), "certificate_authority.import", x.serial, BB_NONE);
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        return send_view(res);
}

static BB_AWAIT bb_err revoked_of(bb_str authority_id, struct bb_revoked **ret, size_t *ret_count)
{
        struct bb_revoked *items;
        bb_rows *rows;
        size_t count;

        TRY(bb_db_query(&rows,
                        "select serial, revoked_at from ocpp16.certificate where authority_id = $1 and state = 3"
                        " and not_after > now() order by revoked_at limit 100000",
                        BB_UUID(authority_id)));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_revoked, count + 1);
        for (size_t i = 0; i < count; i++)
                items[i] = (struct bb_revoked){.serial = bb_row_str(rows, i, 0), .at_ms = bb_row_time(rows, i, 1, 0)};
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

/* GET /v1/certificate-authority/crl, for whoever else checks certificates of these stations. */
BB_AWAIT bb_err authority_crl(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct authority authority;
        struct bb_revoked *revoked;
        bb_str pem, why = BB_NONE;
        size_t count;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(authority_get(owner, &authority));
        TRY(revoked_of(authority.id, &revoked, &count));
        TRY(bb_revocation_list(authority.certificate, authority.key, revoked, count, bb_now_ms(), bb_now_ms() + DAY_MS,
                               &pem, &why));
        bb_response_bytes(res, "application/x-pem-file", pem);
        return BB_OK;
}
