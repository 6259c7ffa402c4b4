/* SPDX-License-Identifier: Apache-2.0
 *
 * Header blocks: finding the end, the first line, the fields, and what the fields say about the body that follows.
 */
#include "net/http1_parse.h"
#include "base/str.h"
#include "net/http1_chars.h"

static int32_t fault(struct http1_fault *ret, int32_t status, const char *code, const char *detail)
{
        *ret = (struct http1_fault){.status = status, .code = code, .detail = detail};
        return -1;
}

static int32_t bad(struct http1_fault *ret, const char *detail)
{
        return fault(ret, 400, "bad-request", detail);
}

/* --- the end of the block --- */

static int32_t scan_limits(const struct http1_scan *s, size_t i, struct http1_fault *ret)
{
        if (s->lines == 0 && i + 1 - s->line > HTTP1_MAX_LINE)
                return fault(ret, 414, "uri-too-long", "the request line is longer than 8 KiB");
        if (i + 1 - s->start > HTTP1_MAX_HEAD)
                return fault(ret, 431, "header-too-large", "the header block is larger than 16 KiB");
        if (s->lines > HTTP1_MAX_FIELDS + 1)
                return fault(ret, 431, "too-many-headers", "there are more than 100 header fields");
        return 0;
}

/* A line ends at `i` ('\n'). 1: it was the empty one that ends the block. */
static int32_t scan_line(struct http1_scan *s, const char *data, size_t i, struct http1_fault *ret)
{
        if (i == s->line || data[i - 1] != '\r')
                return bad(ret, "a line ends with a bare LF");
        if (i - 1 > s->line) {
                s->lines++;
                s->line = i + 1;
                return 0;
        }
        if (s->lines > 0)
                return 1;
        if (s->start > 0)
                return bad(ret, "more than one empty line before the request");
        s->start = s->line = i + 1; /* RFC 9112 §2.2: one is ignored */
        return 0;
}

ptrdiff_t http1_scan(struct http1_scan *s, const char *data, size_t len, struct http1_fault *ret)
{
        for (size_t i = s->at; i < len; i++) {
                int32_t r;

                if (data[i] == '\n') {
                        r = scan_line(s, data, i, ret);
                        if (r != 0)
                                return r < 0 ? -1 : (ptrdiff_t)(i + 1);
                } else if (i > s->line && data[i - 1] == '\r') {
                        return bad(ret, "a bare CR");
                } else if (data[i] != '\r' && !http1_is(data[i], CH_VALUE)) {
                        return bad(ret, "a control character in the header block");
                }
                if (scan_limits(s, i, ret) < 0)
                        return -1;
        }
        s->at = len;
        return 0;
}

/* --- words --- */

static int32_t all(bb_str s, int kind)
{
        for (size_t i = 0; i < s.len; i++)
                if (!http1_is(s.ptr[i], kind))
                        return 0;
        return s.len > 0;
}

int32_t http1_is_token(bb_str s)
{
        return all(s, CH_TOKEN);
}

int32_t http1_is_field_value(bb_str s)
{
        return s.len == 0 || (all(s, CH_VALUE) && bb_str_eq(str_trim(s), s));
}

int32_t http1_list_has(bb_str list, const char *token)
{
        bb_str part;

        while (str_split(&list, ',', &part))
                if (str_eq_nocase(str_trim(part), bb_cstr(token)))
                        return 1;
        return 0;
}

bb_str http1_header(const struct bb_http_header *headers, size_t count, const char *name, size_t *ret_count)
{
        bb_str value = BB_NONE;
        size_t found = 0;

        for (size_t i = 0; i < count; i++)
                if (bb_str_is(headers[i].name, name) && found++ == 0)
                        value = headers[i].value;
        if (ret_count != NULL)
                *ret_count = found;
        return value;
}

static void lower(bb_str s)
{
        char *p = (char *)(uintptr_t)s.ptr; /* within the caller's own block */

        for (size_t i = 0; i < s.len; i++)
                if (p[i] >= 'A' && p[i] <= 'Z')
                        p[i] = (char)(p[i] + ('a' - 'A'));
}

/* --- Host (RFC 9110 §7.2) --- */

static int32_t port_valid(bb_str port)
{
        int64_t value;

        return port.len == 0 || (all(port, CH_DIGIT) && str_to_int(port, &value) == BB_OK && value <= 65535);
}

static int32_t ipv6_valid(bb_str s)
{
        int colons = 0;

        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] == ':')
                        colons++;
                else if (!http1_is(s.ptr[i], CH_HEX) && s.ptr[i] != '.')
                        return 0;
        }
        return colons >= 2 && s.len <= 45;
}

/* "host[:port]" into the host, lower case; 0 when it is not well-formed. */
static int32_t split_authority(bb_str authority, bb_str *ret_host)
{
        bb_str host = authority, port = BB_STR("");
        ptrdiff_t colon;

        if (authority.len > 0 && authority.ptr[0] == '[') {
                ptrdiff_t end = str_find(authority, ']');

                if (end < 0 || !ipv6_valid(str_sub(authority, 1, (size_t)end - 1)))
                        return 0;
                host = str_sub(authority, 0, (size_t)end + 1);
                port = str_sub(authority, host.len, authority.len);
                if (port.len > 0 && port.ptr[0] != ':')
                        return 0;
                port = str_sub(port, 1, port.len);
        } else {
                colon = str_find(authority, ':');
                if (colon >= 0) {
                        host = str_sub(authority, 0, (size_t)colon);
                        port = str_sub(authority, (size_t)colon + 1, authority.len);
                }
                if (!all(host, CH_HOST) || host.len > 255)
                        return 0;
                if (host.ptr[host.len - 1] == '.')
                        host.len--;
                if (host.len == 0 || host.ptr[0] == '.')
                        return 0;
        }
        if (!port_valid(port))
                return 0;
        *ret_host = host;
        return 1;
}

/* --- fields that say how the message goes on --- */

struct parse {
        struct http1_head *head;
        struct http1_fault *fault;
        int32_t hosts, lengths, has_coding, unknown_coding, has_expect, close, keep;
};

static int32_t take_host(struct parse *p, bb_str value)
{
        if (p->hosts++ > 0)
                return bad(p->fault, "more than one Host field");
        if (!split_authority(value, &p->head->host))
                return bad(p->fault, "the Host field is not a host and a port");
        p->head->authority = value;
        return 0;
}

/* RFC 9110 §8.6. Even equal doubles and lists are refused: some reader would take the other one. */
static int32_t take_content_length(struct parse *p, bb_str value)
{
        if (p->lengths++ > 0)
                return bad(p->fault, "more than one Content-Length field");
        if (!all(value, CH_DIGIT) || value.len > 18 || str_to_int(value, &p->head->content_length) < 0)
                return bad(p->fault, "Content-Length is not a plain decimal number");
        return 0;
}

/* RFC 9112 §6.1 */
static int32_t take_transfer_encoding(struct parse *p, bb_str value)
{
        bb_str part;

        p->has_coding = 1;
        while (str_split(&value, ',', &part)) {
                part = str_trim(part);
                if (p->head->chunked)
                        return bad(p->fault, "\"chunked\" is not the last transfer coding, or is there twice");
                if (part.len == 0)
                        return bad(p->fault, "an empty transfer coding");
                if (str_eq_nocase(part, BB_STR("chunked")))
                        p->head->chunked = 1;
                else if (all(part, CH_TOKEN))
                        p->unknown_coding = 1;
                else
                        return bad(p->fault, "a transfer coding is ill-formed");
        }
        return 0;
}

static int32_t take_connection(struct parse *p, bb_str value)
{
        p->close |= http1_list_has(value, "close");
        p->keep |= http1_list_has(value, "keep-alive");
        p->head->has_upgrade |= http1_list_has(value, "upgrade");
        return 0;
}

static int32_t take_expect(struct parse *p, bb_str value)
{
        p->has_expect = 1;
        if (!str_eq_nocase(value, BB_STR("100-continue")))
                return fault(p->fault, 417, "expectation-failed", "the only expectation known is 100-continue");
        p->head->expect_continue = 1;
        return 0;
}

static const struct {
        const char *name;
        int32_t (*take)(struct parse *, bb_str value);
} known_fields[] = {
        {"host", take_host},
        {"content-length", take_content_length},
        {"transfer-encoding", take_transfer_encoding},
        {"connection", take_connection},
        {"expect", take_expect},
};

static int32_t judge_field(struct parse *p, const struct bb_http_header *h)
{
        for (size_t i = 0; i < BB_COUNT(known_fields); i++)
                if (bb_str_is(h->name, known_fields[i].name))
                        return known_fields[i].take(p, h->value);
        return 0;
}

/* --- lines --- */

/* Takes the next line off *rest; the scan made sure that each ends in CRLF. The empty last one: 0. */
static int32_t next_line(bb_str *rest, bb_str *ret_line)
{
        ptrdiff_t end = str_find(*rest, '\n');

        if (end < 2)
                return 0;
        *ret_line = str_sub(*rest, 0, (size_t)end - 1);
        *rest = str_sub(*rest, (size_t)end + 1, rest->len);
        return 1;
}

/* field-line = field-name ":" OWS field-value OWS (RFC 9112 §5): no space before the colon, no folding. */
static int32_t split_field(bb_str line, struct bb_http_header *ret, struct http1_fault *ret_fault)
{
        ptrdiff_t colon = str_find(line, ':');

        if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
                return bad(ret_fault, "a header field is folded over several lines");
        if (colon <= 0)
                return bad(ret_fault, "a header field without a name or a colon");
        ret->name = str_sub(line, 0, (size_t)colon);
        ret->value = str_trim(str_sub(line, (size_t)colon + 1, line.len));
        if (!all(ret->name, CH_TOKEN))
                return bad(ret_fault, "a header field's name has a character that it may not have");
        if (ret->value.len > 0 && !all(ret->value, CH_VALUE))
                return bad(ret_fault, "a header field's value has a control character");
        lower(ret->name);
        return 0;
}

static int32_t parse_fields(bb_str rest, struct bb_http_header *headers, struct http1_head *head,
                            struct http1_fault *ret_fault)
{
        bb_str line;

        while (next_line(&rest, &line)) {
                if (head->header_count == HTTP1_MAX_FIELDS)
                        return fault(ret_fault, 431, "too-many-headers", "there are more than 100 header fields");
                if (split_field(line, &headers[head->header_count], ret_fault) < 0)
                        return -1;
                head->header_count++;
        }
        return 0;
}

/* "HTTP/1.1" into *ret_minor. */
static int32_t parse_version(bb_str s, int32_t *ret_minor, struct http1_fault *ret_fault)
{
        if (s.len != 8 || memcmp(s.ptr, "HTTP/", 5) != 0 || !http1_is(s.ptr[5], CH_DIGIT) || s.ptr[6] != '.' ||
            !http1_is(s.ptr[7], CH_DIGIT))
                return bad(ret_fault, "the request line does not end in a version of HTTP");
        if (s.ptr[5] != '1' || s.ptr[7] > '1')
                return fault(ret_fault, 505, "http-version-not-supported", "this server speaks HTTP/1.0 and HTTP/1.1");
        *ret_minor = s.ptr[7] - '0';
        return 0;
}

/* absolute-form (RFC 9112 §3.2.2): the host comes from it, and the rest becomes the target. */
static int32_t take_absolute_form(struct http1_head *head, bb_str rest, bb_str *ret_host, struct http1_fault *ret_fault)
{
        size_t end = 0;

        while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
                end++;
        head->authority = str_sub(rest, 0, end);
        if (!split_authority(head->authority, ret_host))
                return bad(ret_fault, "the target's host is ill-formed");
        head->target = str_sub(rest, end, rest.len);
        if (head->target.len == 0)
                head->target = BB_STR("/");
        if (head->target.ptr[0] != '/')
                return bad(ret_fault, "the target has a query but no path");
        return 0;
}

static int32_t parse_target(struct http1_head *head, bb_str target, bb_str *ret_host, struct http1_fault *ret_fault)
{
        static const bb_str schemes[] = {BB_STR("http://"), BB_STR("https://")};

        if (!all(target, CH_TARGET))
                return bad(ret_fault, "the target has a character that must be percent-encoded, or a fragment");
        head->target = target;
        if (target.ptr[0] == '/')
                return 0;
        if (bb_str_is(target, "*") && bb_str_is(head->method, "OPTIONS"))
                return 0;
        for (size_t i = 0; i < BB_COUNT(schemes); i++)
                if (str_eq_nocase(str_sub(target, 0, schemes[i].len), schemes[i]))
                        return take_absolute_form(head, str_sub(target, schemes[i].len, target.len), ret_host,
                                                  ret_fault);
        return bad(ret_fault, "the target is neither a path nor an http URL");
}

static int32_t parse_request_line(bb_str line, struct http1_head *head, bb_str *ret_host, struct http1_fault *ret_fault)
{
        ptrdiff_t first = str_find(line, ' '), second;
        bb_str rest;

        if (first <= 0)
                return bad(ret_fault, "the request line is not method, target and version");
        head->method = str_sub(line, 0, (size_t)first);
        rest = str_sub(line, (size_t)first + 1, line.len);
        second = str_find(rest, ' ');
        if (second <= 0)
                return bad(ret_fault, "the request line is not method, target and version, one space between them");
        if (!all(head->method, CH_TOKEN) || head->method.len > 32)
                return bad(ret_fault, "the method is not a token");
        if (parse_version(str_sub(rest, (size_t)second + 1, rest.len), &head->minor_version, ret_fault) < 0)
                return -1;
        return parse_target(head, str_sub(rest, 0, (size_t)second), ret_host, ret_fault);
}

/* What the fields say together (RFC 9112 §6.3, §9.3). */
static int32_t judge_together(struct parse *p, bb_str target_host, bb_str target_authority)
{
        struct http1_head *head = p->head;

        if (p->hosts == 0 && head->minor_version == 1)
                return bad(p->fault, "the Host field is missing");
        if (target_host.len > 0) {
                head->host = target_host;
                head->authority = target_authority;
        }
        if (p->has_coding && head->minor_version == 0)
                return bad(p->fault, "Transfer-Encoding in HTTP/1.0");
        if (p->has_coding && p->lengths > 0)
                return bad(p->fault, "both Transfer-Encoding and Content-Length");
        if (p->unknown_coding || (p->has_coding && !head->chunked))
                return fault(p->fault, 501, "transfer-coding-not-implemented",
                             "the only transfer coding known is chunked");
        if (head->minor_version == 0) {
                head->expect_continue = head->has_upgrade = 0; /* RFC 9110 §10.1.1, §7.8 */
                head->keep_alive = p->keep && !p->close;
        } else {
                head->keep_alive = !p->close;
        }
        lower(head->host);
        return 0;
}

int32_t http1_parse_request(char *block, size_t len, struct bb_http_header headers[HTTP1_MAX_FIELDS],
                            struct http1_head *ret, struct http1_fault *ret_fault)
{
        struct parse p = {.head = ret, .fault = ret_fault};
        bb_str rest = {.ptr = block, .len = len}, line, target_host = BB_NONE, target_authority;

        *ret = (struct http1_head){.content_length = -1, .host = BB_STR(""), .authority = BB_STR("")};
        if (!next_line(&rest, &line))
                return bad(ret_fault, "the request line is missing");
        if (parse_request_line(line, ret, &target_host, ret_fault) < 0)
                return -1;
        target_authority = ret->authority;
        if (parse_fields(rest, headers, ret, ret_fault) < 0)
                return -1;
        for (size_t i = 0; i < ret->header_count; i++)
                if (judge_field(&p, &headers[i]) < 0)
                        return -1;
        return judge_together(&p, target_host, target_authority);
}

int32_t http1_parse_answer(char *block, size_t len, struct bb_http_header headers[HTTP1_MAX_FIELDS],
                           struct http1_head *ret, struct http1_fault *ret_fault)
{
        bb_str rest = {.ptr = block, .len = len}, line;
        int64_t status;

        *ret = (struct http1_head){.content_length = -1};
        if (!next_line(&rest, &line) || line.len < 12 || line.ptr[8] != ' ' || (line.len > 12 && line.ptr[12] != ' '))
                return bad(ret_fault, "the answer does not begin with a status line");
        if (parse_version(str_sub(line, 0, 8), &ret->minor_version, ret_fault) < 0)
                return -1;
        if (!all(str_sub(line, 9, 3), CH_DIGIT) || str_to_int(str_sub(line, 9, 3), &status) < 0 || status < 100)
                return bad(ret_fault, "the answer's status is no number from 100 to 999");
        ret->status = (int32_t)status;
        return parse_fields(rest, headers, ret, ret_fault);
}
