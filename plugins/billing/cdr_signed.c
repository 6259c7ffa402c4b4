/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed meter values, from samples (OCPP 1.6 §7.30). Two forms are met: the string of the meter itself
 * ("OCMF|{…}|{…}"), and a JSON object around it (OCA, Signed Meter Values in OCPP) that tells encoding and public key.
 */
#include "cdr_signed.h"
#include "ocpi.h"
#include <busbar/rt.h>

static const struct bb_field value_fields[] = {
        FIELD(cdr_signed_value, nature, "nature", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(cdr_signed_value, plain_data, "plain_data", BB_T_STR),
        FIELD(cdr_signed_value, signed_data, "signed_data", BB_T_STR, .flags = BB_REQUIRED),
};
static BB_SHAPE(CdrSignedValue, cdr_signed_value, 0, "OCPI SignedValue.", value_fields);

enum { SIGNED_VERSION = 1 };
static const struct bb_field signed_fields[] = {
        FIELD(cdr_signed, encoding_method, "encoding_method", BB_T_STR, .flags = BB_REQUIRED),
        [SIGNED_VERSION] = FIELD(cdr_signed, encoding_method_version, "encoding_method_version", BB_T_INT),
        FIELD(cdr_signed, public_key, "public_key", BB_T_STR),
        FIELD(cdr_signed, signed_values, "signed_values", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &CdrSignedValue),
        FIELD(cdr_signed, url, "url", BB_T_STR),
};
BB_SHAPE(CdrSignedData, cdr_signed, 0, "OCPI SignedData.", signed_fields);

struct envelope {
        uint64_t present;
        bb_str data, encoding, public_key;
};
static const struct bb_field envelope_fields[] = {
        FIELD(envelope, data, "signedMeterData", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(envelope, encoding, "encodingMethod", BB_T_STR, .flags = BB_NULLABLE),
        FIELD(envelope, public_key, "publicKey", BB_T_STR, .flags = BB_NULLABLE),
};
static BB_SHAPE(SignedEnvelope, envelope, BB_SHAPE_OPEN, "A signed value with its encoding.", envelope_fields);

struct ocmf_head {
        uint64_t present;
        bb_str format_version;
};
static const struct bb_field ocmf_fields[] = {
        FIELD(ocmf_head, format_version, "FV", BB_T_STR, .flags = BB_REQUIRED),
};
static BB_SHAPE(OcmfPayload, ocmf_head, BB_SHAPE_OPEN, "The head of an OCMF record.", ocmf_fields);

static const char ocmf[] = "OCMF|";

/* What stands between the mark and the signature, which is the last part: the payload may have the separator in a text.
 */
static bb_str ocmf_payload(bb_str value)
{
        size_t head = sizeof(ocmf) - 1, end = value.len;

        if (value.len < head || memcmp(value.ptr, ocmf, head) != 0)
                return BB_NONE;
        while (end > head && value.ptr[end - 1] != '|')
                end--;
        return end > head ? (bb_str){.ptr = value.ptr + head, .len = end - 1 - head} : BB_NONE;
}

static void take_ocmf(struct cdr_signed *s, bb_str payload)
{
        struct bb_fault fault;
        struct ocmf_head head;

        s->encoding_method = BB_STR("OCMF");
        if (bb_shape_decode_text(&OcmfPayload, payload, &head, &fault) == BB_OK &&
            bb_decimal(head.format_version, 0, &s->encoding_method_version) == BB_OK)
                s->present |= 1u << SIGNED_VERSION;
}

static bb_str plain_of(struct cdr_signed *s, bb_str value)
{
        bb_str payload = ocmf_payload(value);
        struct envelope e;
        struct bb_fault fault;

        if (payload.ptr != NULL) {
                take_ocmf(s, payload);
                return payload;
        }
        if (bb_shape_decode_text(&SignedEnvelope, value, &e, &fault) < 0)
                return BB_NONE;
        if (e.encoding.len > 0)
                s->encoding_method = e.encoding;
        if (e.public_key.len > 0)
                s->public_key = e.public_key;
        return e.data;
}

static bb_str nature_of(bb_str context)
{
        if (bb_str_is(context, "Transaction.Begin"))
                return BB_STR("Start");
        return bb_str_is(context, "Transaction.End") ? BB_STR("End") : BB_STR("Intermediate");
}

struct cdr_signed *cdr_signed_of(const struct bb_sample *samples, size_t count)
{
        struct cdr_signed *s = NULL;
        struct cdr_signed_value *values;

        for (size_t i = 0; i < count; i++) {
                if (!bb_str_is(samples[i].format, "SignedData"))
                        continue;
                if (s == NULL) {
                        s = BB_NEW(struct cdr_signed);
                        s->encoding_method = BB_STR("unknown");
                        s->signed_values.items = BB_NEW_ARRAY(struct cdr_signed_value, count - i);
                }
                values = s->signed_values.items;
                values[s->signed_values.count++] =
                        (struct cdr_signed_value){.nature = nature_of(samples[i].context),
                                                  .plain_data = plain_of(s, samples[i].value),
                                                  .signed_data = samples[i].value};
        }
        return s;
}
