/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration keys (OCPP 1.6 §9). A station keeps only those that were changed.
 */
#include "sim.h"
#include <stdlib.h>

#define VALUE_MOST 500

struct key_value {
        struct key_value *next;
        const struct key *key;
        bb_str value;
};

const struct key key_table[] = {
        {"AuthorizeRemoteTxRequests", KEY_BOOL, "false"},
        {"ClockAlignedDataInterval", KEY_NUMBER, "0"},
        {"ConnectionTimeOut", KEY_NUMBER, "60"},
        {"ConnectorPhaseRotation", 0, "0.RST,1.RST"},
        {"GetConfigurationMaxKeys", KEY_NUMBER | KEY_READONLY, "50"},
        {"HeartbeatInterval", KEY_NUMBER, "300"},
        {"LocalAuthorizeOffline", KEY_BOOL, "true"},
        {"LocalPreAuthorize", KEY_BOOL, "false"},
        {"MeterValuesAlignedData", 0, "Energy.Active.Import.Register"},
        {"MeterValuesSampledData", 0, "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"},
        {"MeterValueSampleInterval", KEY_NUMBER, NULL}, /* 10 to 60, each station its own */
        {"NumberOfConnectors", KEY_NUMBER | KEY_READONLY, NULL},
        {"ResetRetries", KEY_NUMBER, "1"},
        {"StopTransactionOnEVSideDisconnect", KEY_BOOL, "true"},
        {"StopTransactionOnInvalidId", KEY_BOOL, "true"},
        {"StopTxnAlignedData", 0, ""},
        {"StopTxnSampledData", 0, "Energy.Active.Import.Register"},
        {"SupportedFeatureProfiles", KEY_READONLY, "Core,RemoteTrigger"},
        {"TransactionMessageAttempts", KEY_NUMBER, "3"},
        {"TransactionMessageRetryInterval", KEY_NUMBER, "60"},
        {"UnlockConnectorOnEVSideDisconnect", KEY_BOOL, "true"},
        {"WebSocketPingInterval", KEY_NUMBER | KEY_REBOOT, "0"},
        {"AuthorizationKey", KEY_SECRET, ""},
};
const size_t key_count = BB_COUNT(key_table);

const struct key *key_find(bb_str name)
{
        for (size_t i = 0; i < key_count; i++)
                if (str_eq_nocase(name, bb_cstr(key_table[i].name)))
                        return &key_table[i];
        return NULL;
}

bb_str key_value(const struct station *st, const struct key *key)
{
        for (const struct key_value *v = st->keys; v != NULL; v = v->next)
                if (v->key == key)
                        return v->value;
        if (key->value != NULL)
                return bb_cstr(key->value);
        if (strcmp(key->name, "NumberOfConnectors") == 0)
                return bb_print("%d", st->connector_count);
        return bb_print("%u", 10 + st->index * 7 % 51);
}

int64_t key_number(const struct station *st, const char *name)
{
        int64_t number = 0;

        str_to_int(key_value(st, key_find(bb_cstr(name))), &number);
        return number;
}

int key_is_true(const struct station *st, const char *name)
{
        return str_eq_nocase(key_value(st, key_find(bb_cstr(name))), BB_STR("true"));
}

static int value_fits(const struct key *key, bb_str value)
{
        int64_t number;

        if (value.len > VALUE_MOST)
                return 0;
        if (key->flags & KEY_NUMBER)
                return str_to_int(value, &number) == BB_OK && number >= 0 && number <= 1000000;
        if (key->flags & KEY_BOOL)
                return str_eq_nocase(value, BB_STR("true")) || str_eq_nocase(value, BB_STR("false"));
        return 1;
}

const char *key_change(struct station *st, bb_str name, bb_str value)
{
        const struct key *key = key_find(name);
        struct key_value *v = st->keys;

        if (key == NULL)
                return "NotSupported";
        if (key->flags & KEY_READONLY || !value_fits(key, value))
                return "Rejected";
        while (v != NULL && v->key != key)
                v = v->next;
        if (v == NULL) {
                v = heap_new(sizeof(*v));
                *v = (struct key_value){.next = st->keys, .key = key};
                st->keys = v;
        }
        free((void *)(uintptr_t)v->value.ptr);
        v->value = heap_str(value);
        return key->flags & KEY_REBOOT ? "RebootRequired" : "Accepted";
}

void keys_free(struct station *st)
{
        while (st->keys != NULL) {
                struct key_value *v = st->keys;

                st->keys = v->next;
                free((void *)(uintptr_t)v->value.ptr);
                free(v);
        }
}
