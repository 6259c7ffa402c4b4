/* SPDX-License-Identifier: Apache-2.0
 *
 * ChangeConfiguration and GetConfiguration (OCPP 1.6 §5.3, §5.8) of one key.
 */
#include "configuration.h"

#include "journal.h"

#include <strings.h>

static int32_t same_key(bb_str a, bb_str b) /* §7.29: a CiString */
{
        return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* §9: booleans are "true" and "false"; stations write them in any case. */
static int32_t same_value(bb_str a, bb_str b)
{
        if (bb_str_eq(a, b))
                return 1;
        return same_key(a, b) && (same_key(a, BB_STR("true")) || same_key(a, BB_STR("false")));
}

/* Secrets are written, never read and shown. */
int32_t configuration_confirms(const struct command *command, const bb_json *payload)
{
        return strcmp(command->action, "ChangeConfiguration") == 0 && secrets_masked(payload) == payload;
}

bb_json *configuration_question(const bb_json *payload)
{
        bb_json *question = bb_json_new_object(), *keys = bb_json_new_array();

        bb_json_append(keys, bb_json_new_str(bb_json_str(bb_json_get(payload, "key"))));
        bb_json_set(question, "key", keys);
        return question;
}

void configuration_compare(const bb_json *payload, const struct bb_command_result *result, struct bb_confirmation *ret)
{
        bb_str key = bb_json_str(bb_json_get(payload, "key")), wanted = bb_json_str(bb_json_get(payload, "value"));
        const bb_json *list = bb_json_get(result->answer, "configurationKey");

        ret->verdict = BB_CONFIRM_UNKNOWN;
        ret->text = BB_STR("The station did not say what value it has.");
        if (result->outcome != BB_COMMAND_ANSWERED)
                return;
        for (size_t i = 0; i < bb_json_count(list); i++) {
                const bb_json *entry = bb_json_at(list, i);
                bb_str value = bb_json_str(bb_json_get(entry, "value"));

                if (!same_key(bb_json_str(bb_json_get(entry, "key")), key) || value.ptr == NULL)
                        continue;
                ret->verdict = same_value(value, wanted) ? BB_CONFIRM_SAME : BB_CONFIRM_OTHER;
                ret->text = bb_print("The station has \"%.*s\".", BB_FMT(value));
                return;
        }
}
