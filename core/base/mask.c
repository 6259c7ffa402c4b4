/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds secrets in free text and JSON. Each word that announces one has a rule; a rule marks the bytes of the secret,
 * and at the end every run of marks becomes "***". A rule looks at its surroundings only, so that half a message or a
 * sentence with a stray quote does not lead it astray. When in doubt, it masks.
 */
#include "base/mask.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"

enum {
        MARK = 1, /* a control character: no loss if a text had it */
        /* How far a rule looks around, so that the time for a text full of its words does not grow with its square. */
        NAME_BYTES_MOST = 64,
        OBJECT_BYTES_MOST = 4096
};

struct text {
        char *ptr;
        size_t len;
};

static int is_name_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int at_char(const struct text *t, size_t i, char c)
{
        return i < t->len && t->ptr[i] == c;
}

static size_t skip_spaces(const struct text *t, size_t i)
{
        while (i < t->len && is_space(t->ptr[i]))
                i++;
        return i;
}

static void mark(struct text *t, size_t from, size_t to)
{
        if (to > t->len)
                to = t->len;
        if (from < to)
                memset(t->ptr + from, MARK, to - from);
}

static int contains_word(bb_str s, const char *word)
{
        size_t len = strlen(word);

        for (size_t i = 0; i + len <= s.len; i++) {
                if (str_eq_nocase(str_sub(s, i, len), (bb_str){.ptr = word, .len = len}))
                        return 1;
        }
        return 0;
}

/* Names that say which key or token it is, or how many, not the thing itself. */
static int is_harmless_name(bb_str name)
{
        static const char *const ends[] = {"_id", "_uid", "_count", "_name", "_kind", "_type", "_status", "_ms"};

        for (size_t i = 0; i < BB_COUNT(ends); i++) {
                if (str_ends(name, bb_cstr(ends[i])))
                        return 1;
        }
        return str_eq_nocase(name, BB_STR("idToken")) || str_eq_nocase(name, BB_STR("idTag"));
}

static int has_any_word(bb_str name, const char *const *words, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (contains_word(name, words[i]))
                        return 1;
        }
        return 0;
}

int mask_is_secret_name(bb_str name)
{
        static const char *const words[] = {"passw", "passphrase", "authorization", "secret", "key", "token", "cookie"};

        return has_any_word(name, words, BB_COUNT(words)) && !is_harmless_name(name);
}

/* The backslashes before position i. A quote inside JSON inside a JSON string has one more than it would have outside.
 */
static size_t slashes_before(const struct text *t, size_t i, size_t least)
{
        size_t n = 0;

        while (i > least && t->ptr[i - 1] == '\\') {
                i--;
                n++;
        }
        return n;
}

/* Is the quote at i one that opens or closes a string, at nesting `level` (0: plain JSON, 1: JSON in a JSON string)? */
static int is_delimiter(const struct text *t, size_t i, size_t least, int level)
{
        size_t n;

        if (t->ptr[i] != '"')
                return 0;
        n = slashes_before(t, i, least);
        return level == 0 ? n % 2 == 0 : n % 2 == 1 && (n - 1) / 2 % 2 == 0;
}

/* A string whose opening quote is at `open`: the position of the closing one, or the end of the text. */
static size_t string_end(const struct text *t, size_t open, int level)
{
        size_t i = open + 1;

        while (i < t->len && !is_delimiter(t, i, open + 1, level))
                i++;
        return i;
}

static void mark_string(struct text *t, size_t open, int level)
{
        size_t end = string_end(t, open, level);

        mark(t, open + 1, end < t->len ? end - (size_t)level : end);
}

/* The value of a JSON member, after the colon. Objects, arrays, true, false and null are no secrets. */
static void mark_json_value(struct text *t, size_t i, int level)
{
        size_t end;

        i = skip_spaces(t, i);
        if (level == 1 && at_char(t, i, '\\'))
                i++;
        if (at_char(t, i, '"')) {
                mark_string(t, i, level);
                return;
        }
        end = i;
        while (end < t->len && (is_name_char(t->ptr[end]) || t->ptr[end] == '.' || t->ptr[end] == '+'))
                end++;
        if (i < t->len && (t->ptr[i] == '-' || (t->ptr[i] >= '0' && t->ptr[i] <= '9')))
                mark(t, i, end);
}

/* The value after '=' in a query string or a connection string. */
static void mark_assigned(struct text *t, size_t i)
{
        size_t end;

        i = skip_spaces(t, i);
        end = i;
        if (at_char(t, i, '\'') || at_char(t, i, '"')) {
                char quote = t->ptr[i];

                for (end = ++i; end < t->len && t->ptr[end] != quote; end++)
                        end += t->ptr[end] == '\\';
        } else {
                while (end < t->len && !is_space(t->ptr[end]) && strchr("&;,\"'<>)}]#", t->ptr[end]) == NULL)
                        end++;
        }
        mark(t, i, end);
}

static void mark_line(struct text *t, size_t i)
{
        size_t end;

        i = skip_spaces(t, i);
        end = i;
        while (end < t->len && t->ptr[end] != '\r' && t->ptr[end] != '\n')
                end++;
        mark(t, i, end);
}

/* From a place outside of strings back to the '{' of the object around it, or as far as it may look. */
static size_t object_begin(const struct text *t, size_t i, int level)
{
        size_t least = i > OBJECT_BYTES_MOST ? i - OBJECT_BYTES_MOST : 0;
        int depth = 0;

        while (i > least) {
                i--;
                if (is_delimiter(t, i, 0, level)) {
                        while (i > least && !is_delimiter(t, i - 1, 0, level))
                                i--;
                        i -= i > least;
                        continue;
                }
                if (t->ptr[i] == '}' || t->ptr[i] == ']')
                        depth++;
                else if ((t->ptr[i] == '{' || t->ptr[i] == '[') && depth-- == 0)
                        return i + 1;
        }
        return least;
}

/* Marks the string "value" of the object whose first member begins at i. */
static void mark_value_member(struct text *t, size_t i, int level)
{
        size_t most = t->len - i > 2 * OBJECT_BYTES_MOST ? i + 2 * OBJECT_BYTES_MOST : t->len;
        int depth = 0;

        for (; i < most && depth >= 0; i++) {
                size_t end, colon;

                depth += (t->ptr[i] == '{' || t->ptr[i] == '[') - (t->ptr[i] == '}' || t->ptr[i] == ']');
                if (!is_delimiter(t, i, 0, level))
                        continue;
                end = string_end(t, i, level);
                colon = skip_spaces(t, end + 1);
                if (depth == 0 && at_char(t, colon, ':') && end >= i + 1 + (size_t)level &&
                    str_eq_nocase((bb_str){t->ptr + i + 1, end - i - 1 - (size_t)level}, BB_STR("value")))
                        mark_json_value(t, colon + 1, level);
                i = end;
        }
}

/* OCPP: {"key":"AuthorizationKey","value":"…"}, in either order, and the answer's with "readonly" between them. The
 * name is at [from, to), `open` is its opening quote (or the backslash before it). */
static void mark_ocpp_key(struct text *t, size_t open, int level)
{
        size_t i = open;

        while (i > 0 && is_space(t->ptr[i - 1]))
                i--;
        if (i > 0 && t->ptr[i - 1] == ':')
                mark_value_member(t, object_begin(t, open, level), level);
}

static int is_assigned_secret(bb_str name)
{
        static const char *const words[] = {"passw",      "passphrase", "secret",    "authorization",
                                            "api_key",    "apikey",     "api-key",   "private_key",
                                            "privatekey", "access_key", "accesskey", "token"};

        return has_any_word(name, words, BB_COUNT(words)) && !is_harmless_name(name);
}

/* A word of a secret at [i, i + len): looks at the whole name it belongs to, and at what follows. */
static void rule_name(struct text *t, size_t i, size_t len)
{
        size_t from = i, to = i + len, next;
        int quoted, level;
        bb_str name;

        while (from > 0 && i - from < NAME_BYTES_MOST && is_name_char(t->ptr[from - 1]))
                from--;
        while (to < t->len && to - i < NAME_BYTES_MOST && is_name_char(t->ptr[to]))
                to++;
        name = (bb_str){.ptr = t->ptr + from, .len = to - from};
        if (!is_assigned_secret(name))
                return;
        level = at_char(t, to, '\\') && at_char(t, to + 1, '"');
        quoted = level || at_char(t, to, '"');
        next = skip_spaces(t, to + (quoted ? 1 + (size_t)level : 0));
        if (quoted && at_char(t, next, ':'))
                mark_json_value(t, next + 1, level);
        else if (quoted && from > 0 && str_eq_nocase(name, BB_STR("AuthorizationKey")))
                mark_ocpp_key(t, from - 1 - (size_t)(level && from > 1), level);
        else if (!quoted && at_char(t, next, '='))
                mark_assigned(t, next + 1);
        else if (!quoted && at_char(t, next, ':') &&
                 (contains_word(name, "authorization") || contains_word(name, "api-key")))
                mark_line(t, next + 1);
}

static void rule_cookie(struct text *t, size_t i, size_t len)
{
        mark_line(t, i + len);
}

/* "Bearer eyJ…", "Basic Y3A6…": long enough to be one, not a word of a sentence. */
static void rule_scheme(struct text *t, size_t i, size_t len)
{
        size_t from = i + len, end = from;

        while (end < t->len &&
               (is_name_char(t->ptr[end]) || (t->ptr[end] != '\0' && strchr("._~+/=", t->ptr[end]) != NULL)))
                end++;
        if (end - from >= 16)
                mark(t, from, end);
}

/* scheme://user:password@host */
static void rule_url(struct text *t, size_t i, size_t len)
{
        size_t from = i + len, end = from, at, colon;

        while (end < t->len && !is_space(t->ptr[end]) && strchr("/?#\"'<>\\", t->ptr[end]) == NULL)
                end++;
        for (at = end; at > from && t->ptr[at - 1] != '@'; at--)
                continue;
        if (at == from)
                return;
        for (colon = from; colon < at && t->ptr[colon] != ':'; colon++)
                continue;
        mark(t, colon + 1, at - 1);
}

static const struct rule {
        const char *word; /* in lower case */
        void (*apply)(struct text *, size_t at, size_t len);
} rules[] = {
        {"://", rule_url},          {"passw", rule_name},         {"passphrase", rule_name},
        {"secret", rule_name},      {"authorization", rule_name}, {"token", rule_name},
        {"api_key", rule_name},     {"apikey", rule_name},        {"api-key", rule_name},
        {"private_key", rule_name}, {"privatekey", rule_name},    {"access_key", rule_name},
        {"accesskey", rule_name},   {"cookie:", rule_cookie},     {"bearer ", rule_scheme},
        {"basic ", rule_scheme},
};

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The rule for the word at position i, or NULL. The first letters sift out nearly all positions. */
static const struct rule *find_rule(bb_str s, size_t i)
{
        static const char first[256] = {[':'] = 1, ['p'] = 1, ['s'] = 1, ['a'] = 1, ['t'] = 1, ['c'] = 1, ['b'] = 1,
                                        ['P'] = 1, ['S'] = 1, ['A'] = 1, ['T'] = 1, ['C'] = 1, ['B'] = 1};

        if (!first[(unsigned char)s.ptr[i]] || i + 1 == s.len)
                return NULL;
        for (size_t r = 0; r < BB_COUNT(rules); r++) {
                const char *word = rules[r].word;
                size_t len;

                if (word[0] != lower(s.ptr[i]) || word[1] != lower(s.ptr[i + 1]))
                        continue;
                len = strlen(word);
                if (s.len - i >= len && str_eq_nocase(str_sub(s, i, len), (bb_str){word, len}))
                        return &rules[r];
        }
        return NULL;
}

static void add_without_marks(struct buf *out, const char *p, size_t len)
{
        size_t i = 0;

        while (i < len) {
                size_t from = i;

                while (i < len && p[i] != MARK)
                        i++;
                buf_add(out, p + from, i - from);
                if (i == len)
                        break;
                buf_add(out, "***", 3);
                while (i < len && p[i] == MARK)
                        i++;
        }
}

void mask_add(struct buf *out, bb_str s)
{
        _cleanup_buf_ struct buf copy = {.ptr = NULL};
        struct text t = {.ptr = NULL};

        for (size_t i = 0; i < s.len; i++) {
                const struct rule *r = find_rule(s, i);

                if (r == NULL)
                        continue;
                if (t.ptr == NULL) {
                        buf_add(&copy, s.ptr, s.len);
                        t = (struct text){.ptr = copy.ptr, .len = copy.len};
                        s = buf_str(&copy); /* what is marked by now announces nothing more */
                }
                r->apply(&t, i, strlen(r->word));
        }
        if (t.ptr == NULL)
                buf_add_str(out, s);
        else
                add_without_marks(out, t.ptr, t.len);
}

bb_str log_mask(bb_str text)
{
        _cleanup_buf_ struct buf out = {.ptr = NULL};

        if (text.ptr == NULL)
                return BB_NONE;
        mask_add(&out, text);
        return arena_str(arena_current, buf_str(&out));
}
