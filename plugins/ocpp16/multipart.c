/* SPDX-License-Identifier: Apache-2.0
 *
 * See multipart.h. A part ends at CR LF and the boundary (RFC 2046 §5.1.1); so many bytes as that delimiter has are
 * kept back until more is there.
 */
#include "multipart.h"

#include <busbar/rt.h>
#include <strings.h>

enum { PREAMBLE, AFTER_DELIMITER, HEADERS, BODY, EPILOGUE };
enum { MAX_BOUNDARY = 70, MAX_HEADERS = 8 * 1024, MAX_PADDING = 256, MAX_NAME = 255 };

/* Where `word` begins in s, without regard to case; NULL: nowhere. */
static const char *find_word(bb_str s, const char *word)
{
        size_t len = strlen(word);

        for (size_t i = 0; i + len <= s.len; i++) {
                if (strncasecmp(s.ptr + i, word, len) == 0)
                        return s.ptr + i;
        }
        return NULL;
}

/* The value of a parameter, with or without quotes; BB_NONE when it is absent. `name` ends in "=". */
static bb_str parameter(bb_str s, const char *name)
{
        bb_str rest = s;
        const char *at, *end = s.ptr + s.len;
        char stop;

        for (;;) {
                at = find_word(rest, name);
                if (at == NULL)
                        return BB_NONE;
                /* "filename=" is not "name=". */
                if (at == s.ptr || strchr("; \t", at[-1]) != NULL)
                        break;
                rest = (bb_str){.ptr = at + 1, .len = (size_t)(end - at - 1)};
        }
        at += strlen(name);
        stop = at < end && *at == '"' ? '"' : ';';
        at += stop == '"';
        rest.ptr = at;
        while (at < end && *at != stop && *at != '\r' && *at != '\n' && (stop == '"' || *at != ' '))
                at++;
        rest.len = (size_t)(at - rest.ptr);
        return rest;
}

struct multipart *multipart_new(bb_str content_type)
{
        static const char form[] = "multipart/form-data";
        struct multipart *m;
        bb_str boundary;

        if (content_type.len < sizeof(form) - 1 || strncasecmp(content_type.ptr, form, sizeof(form) - 1) != 0)
                return NULL;
        boundary = parameter(content_type, "boundary=");
        if (boundary.len == 0 || boundary.len > MAX_BOUNDARY)
                return NULL;
        m = bb_alloc(sizeof(*m));
        m->state = PREAMBLE;
        m->taking = m->found = 0;
        m->file_name = BB_STR("");
        memcpy(m->delimiter, "\r\n--", 4);
        memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
        m->delimiter_len = boundary.len + 4;
        /* The first boundary may stand at the very beginning. */
        memcpy(m->bytes, "\r\n", 2);
        m->len = 2;
        m->used = 0;
        return m;
}

void multipart_feed(struct multipart *m, bb_str piece)
{
        memmove(m->bytes, m->bytes + m->used, m->len - m->used);
        m->len -= m->used;
        m->used = 0;
        memcpy(m->bytes + m->len, piece.ptr, piece.len);
        m->len += piece.len;
}

static bb_str rest_of(const struct multipart *m)
{
        return (bb_str){.ptr = m->bytes + m->used, .len = m->len - m->used};
}

/* Bytes in front of the next delimiter, or of what may become one; *ret_found: there is one. */
static size_t before_delimiter(const struct multipart *m, int32_t *ret_found)
{
        bb_str rest = rest_of(m);
        const char *at = memmem(rest.ptr, rest.len, m->delimiter, m->delimiter_len);

        *ret_found = at != NULL;
        if (at != NULL)
                return (size_t)(at - rest.ptr);
        return rest.len >= m->delimiter_len ? rest.len - (m->delimiter_len - 1) : 0;
}

static int32_t skip_preamble(struct multipart *m)
{
        int32_t found;

        m->used += before_delimiter(m, &found);
        if (!found)
                return MULTIPART_MORE;
        m->used += m->delimiter_len;
        m->state = AFTER_DELIMITER;
        return MULTIPART_DATA;
}

/* "--" ends it all; otherwise blanks and CR LF, which is left to stand for the line end before the headers. */
static int32_t after_delimiter(struct multipart *m)
{
        bb_str rest = rest_of(m);
        size_t at = 0;

        if (rest.len < 2)
                return MULTIPART_MORE;
        if (memcmp(rest.ptr, "--", 2) == 0) {
                m->state = EPILOGUE;
                return MULTIPART_DATA;
        }
        while (at < rest.len && (rest.ptr[at] == ' ' || rest.ptr[at] == '\t'))
                at++;
        if (at > MAX_PADDING)
                return MULTIPART_BAD;
        if (rest.len - at < 2)
                return MULTIPART_MORE;
        if (memcmp(rest.ptr + at, "\r\n", 2) != 0)
                return MULTIPART_BAD;
        m->used += at;
        m->state = HEADERS;
        return MULTIPART_DATA;
}

/* The last part of a path that a client may have sent whole. */
static bb_str base_name(bb_str name)
{
        for (size_t i = name.len; i > 0; i--) {
                if (name.ptr[i - 1] == '/' || name.ptr[i - 1] == '\\')
                        return (bb_str){.ptr = name.ptr + i, .len = name.len - i};
        }
        return name;
}

static int32_t read_headers(struct multipart *m)
{
        bb_str rest = rest_of(m), name;
        const char *end = memmem(rest.ptr, rest.len, "\r\n\r\n", 4);

        if (end == NULL)
                return rest.len > MAX_HEADERS ? MULTIPART_BAD : MULTIPART_MORE;
        rest.len = (size_t)(end - rest.ptr);
        name = parameter(rest, "filename=");
        m->taking = name.ptr != NULL && !m->found;
        if (m->taking) {
                m->found = 1;
                name = base_name(name);
                m->file_name = bb_str_dup((bb_str){.ptr = name.ptr, .len = name.len < MAX_NAME ? name.len : MAX_NAME});
        }
        /* Its line end belongs to the delimiter when the part is empty. */
        m->used += rest.len + 4;
        m->state = BODY;
        return MULTIPART_DATA;
}

static int32_t read_body(struct multipart *m, bb_str *ret_data)
{
        int32_t found;

        *ret_data = (bb_str){.ptr = m->bytes + m->used};
        ret_data->len = before_delimiter(m, &found);
        m->used += ret_data->len;
        if (found) {
                m->used += m->delimiter_len;
                m->state = AFTER_DELIMITER;
        }
        if (!m->taking)
                ret_data->len = 0;
        return found || ret_data->len > 0 ? MULTIPART_DATA : MULTIPART_MORE;
}

int32_t multipart_next(struct multipart *m, bb_str *ret_data)
{
        int32_t step = MULTIPART_DATA;

        *ret_data = BB_NONE;
        while (step == MULTIPART_DATA) {
                switch (m->state) {
                case PREAMBLE:
                        step = skip_preamble(m);
                        break;
                case AFTER_DELIMITER:
                        step = after_delimiter(m);
                        break;
                case HEADERS:
                        step = read_headers(m);
                        break;
                case BODY:
                        step = read_body(m, ret_data);
                        if (ret_data->len > 0)
                                return step;
                        break;
                default:
                        m->used = m->len; /* whatever follows */
                        return MULTIPART_END;
                }
        }
        return step;
}
