/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets that pass in OCPP: the value of AuthorizationKey and of other keys that are called passwords, in either
 * direction and also within a DataTransfer, the user of an URL, and the token of one of ours. One look tells nearly
 * every payload apart from those that have to be read for it; what cannot be read and may hold a secret is hidden as a
 * whole.
 */
#include "journal.h"
#include "transfer.h"

#include <stdlib.h>
#include <strings.h>

#define MASK "********"
enum { MOST_NESTED = 3 }; /* JSON in a string in JSON … */

static const char *const secret_words[] = {"authorizationkey", "password", "passphrase", "secret"};

static int32_t begins(bb_str s, size_t at, const char *word)
{
        size_t len = strlen(word);

        return s.len - at >= len && strncasecmp(s.ptr + at, word, len) == 0;
}

static int32_t word_at(bb_str s, size_t at)
{
        for (size_t i = 0; i < BB_COUNT(secret_words); i++) {
                if (begins(s, at, secret_words[i]))
                        return 1;
        }
        return 0;
}

/* Two letters tell nearly every place apart from those that have to be compared. */
static int32_t word_may_begin(bb_str s, size_t at)
{
        char next = (char)(at + 1 < s.len ? s.ptr[at + 1] | 32 : 0);

        switch (s.ptr[at] | 32) {
        case 'a':
                return next == 'u';
        case 'p':
                return next == 'a';
        case 's':
                return next == 'e';
        default:
                return 0;
        }
}

static int32_t has_word(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                if (word_may_begin(s, i) && word_at(s, i))
                        return 1;
        }
        return 0;
}

/* May there be a secret? Escapes can spell any word, so they count. */
static int32_t is_suspect(bb_str s)
{
        static const uint8_t interesting[256] = {
                ['a'] = 1, ['A'] = 1, ['p'] = 1, ['P'] = 1, ['s'] = 1, ['S'] = 1, ['\\'] = 2, [':'] = 3};

        for (size_t i = 0; i < s.len; i++) {
                uint8_t kind = interesting[(unsigned char)s.ptr[i]];

                if (kind == 0)
                        continue;
                if (kind == 1 && word_may_begin(s, i) && word_at(s, i))
                        return 1;
                if (kind == 2 && (begins(s, i, "\\u") || begins(s, i, "\\/")))
                        return 1;
                if (kind == 3 && i + 2 < s.len && s.ptr[i + 1] == '/' && s.ptr[i + 2] == '/')
                        return 1;
        }
        return 0;
}

/* ftp://user:password@host/… */
static bb_str without_user(bb_str s)
{
        for (size_t i = 0; i + 3 <= s.len; i++) {
                size_t end = i + 3, at = 0;

                if (memcmp(s.ptr + i, "://", 3) != 0)
                        continue;
                for (; end < s.len && strchr("/?# \"", s.ptr[end]) == NULL; end++)
                        at = s.ptr[end] == '@' ? end : at;
                if (at == 0)
                        continue;
                return bb_print("%.*s" MASK "%.*s", (int)(i + 3), s.ptr, (int)(s.len - at), s.ptr + at);
        }
        return s;
}

/* Our own one-time URLs (transfer.h). */
static bb_str without_token(bb_str s)
{
        const char *at = s.len > 0 ? memmem(s.ptr, s.len, TRANSFER_PATH, sizeof(TRANSFER_PATH) - 1) : NULL;
        size_t begin, end;

        if (at == NULL)
                return s;
        begin = (size_t)(at - s.ptr) + sizeof(TRANSFER_PATH) - 1;
        for (end = begin; end < s.len && strchr("/?# \"", s.ptr[end]) == NULL; end++)
                ;
        return bb_print("%.*s" MASK "%.*s", (int)begin, s.ptr, (int)(s.len - end), s.ptr + end);
}

static int32_t is_name(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '_' || c == '-'))
                        return 0;
        }
        return s.len <= 50; /* a configuration key, OCPP 1.6 §7.29 */
}

static bb_json *masked(bb_json *value, int32_t nested);

static bb_json *masked_str(bb_json *value, int32_t nested)
{
        bb_str s = bb_json_str(value), clear;
        struct bb_fault fault;
        bb_json *inner;

        if (s.len > 0 && (s.ptr[0] == '{' || s.ptr[0] == '[') && is_suspect(s)) {
                if (nested < MOST_NESTED && bb_json_parse(s, &inner, &fault) == BB_OK)
                        return bb_json_new_str(bb_json_text(masked(inner, nested + 1)));
                return bb_json_new_str(BB_STR(MASK));
        }
        if (has_word(s) && !is_name(s))
                return bb_json_new_str(BB_STR(MASK));
        clear = without_token(without_user(s));
        return clear.ptr != s.ptr ? bb_json_new_str(clear) : value;
}

static int32_t is_value(bb_str name)
{
        return name.len == 5 && begins(name, 0, "value");
}

/* {"key": "AuthorizationKey", "value": …}, or a member that is called so itself. */
static bb_json *masked_object(bb_json *object, int32_t nested)
{
        int32_t names_secret = has_word(bb_json_str(bb_json_get(object, "key")));
        bb_json *copy = bb_json_new_object();
        bb_json *value;
        bb_str name;

        for (size_t i = 0; i < bb_json_count(object); i++) {
                if (bb_json_member(object, i, &name, &value) < 0)
                        continue;
                if (bb_json_kind(value) != BB_J_NULL && (has_word(name) || (names_secret && is_value(name))))
                        value = bb_json_new_str(BB_STR(MASK));
                bb_json_set(copy, bb_str_c(name), masked(value, nested));
        }
        return copy;
}

static bb_json *masked_array(bb_json *array, int32_t nested)
{
        bb_json *copy = bb_json_new_array();

        for (size_t i = 0; i < bb_json_count(array); i++)
                bb_json_append(copy, masked(bb_json_at(array, i), nested));
        return copy;
}

static bb_json *masked(bb_json *value, int32_t nested)
{
        switch (bb_json_kind(value)) {
        case BB_J_STR:
                return masked_str(value, nested);
        case BB_J_ARRAY:
                return masked_array(value, nested);
        case BB_J_OBJECT:
                return masked_object(value, nested);
        default:
                return value;
        }
}

bb_json *secrets_masked(const bb_json *payload)
{
        return is_suspect(bb_json_text(payload)) ? masked((bb_json *)payload, 0) : (bb_json *)payload;
}

/* What is kept of a CALLERROR begins with its code: see journal.h. Read as the list that it was. */
static bb_str masked_text(const struct journal_record *r)
{
        struct bb_fault fault;
        bb_json *list;
        bb_str text;

        if (bb_json_parse(bb_print("[%.*s]", BB_FMT(r->payload)), &list, &fault) < 0)
                return BB_STR("(hidden: it may hold a password, and is not whole)");
        text = bb_json_text(masked(list, 0));
        return (bb_str){.ptr = text.ptr + 1, .len = text.len - 2};
}

void journal_mask(struct journal_record *r)
{
        bb_str text;

        if (r->clean)
                return;
        r->clean = 1;
        if (!is_suspect(r->payload))
                return;
        text = masked_text(r);
        r->masked = strndup(text.ptr, text.len);
        if (r->masked == NULL)
                abort();
        /* The secret itself does not stay in memory either. */
        explicit_bzero((char *)(uintptr_t)r->payload.ptr, r->payload.len);
        r->payload = (bb_str){.ptr = r->masked, .len = strlen(r->masked)};
}
