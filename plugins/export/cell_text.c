/* SPDX-License-Identifier: Apache-2.0
 */
#include "cell_text.h"

#define REPLACEMENT 0xFFFDu

static int is_continuation(const char *p)
{
        return ((unsigned char)*p & 0xC0) == 0x80;
}

/* The bytes of the sequence that starts with `first`, and the bits that `first` brings; 0 when nothing starts so. */
static size_t sequence(unsigned char first, uint32_t *ret_bits)
{
        if (first >= 0xC2 && first <= 0xDF) {
                *ret_bits = first & 0x1Fu;
                return 2;
        }
        if (first >= 0xE0 && first <= 0xEF) {
                *ret_bits = first & 0x0Fu;
                return 3;
        }
        if (first >= 0xF0 && first <= 0xF4) {
                *ret_bits = first & 0x07u;
                return 4;
        }
        return 0;
}

uint32_t utf8_next(const char **at, const char *end)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        const char *p = (*at)++;
        uint32_t c;
        size_t len;

        if ((unsigned char)*p < 0x80)
                return (unsigned char)*p;
        len = sequence((unsigned char)*p, &c);
        if (len == 0 || len > (size_t)(end - p))
                return REPLACEMENT;
        for (size_t i = 1; i < len; i++) {
                if (!is_continuation(p + i))
                        return REPLACEMENT;
                c = c << 6 | ((unsigned char)p[i] & 0x3Fu);
        }
        if (c < least[len] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                return REPLACEMENT;
        *at = p + len;
        return c;
}

static int starts_formula(uint32_t c)
{
        switch (c) {
        case '=':
        case '+':
        case '-':
        case '@':
        case '\t':
        case '\r':
        case '\n':
        case 0xFF1D: /* full width, as Japanese keyboards have them */
        case 0xFF0B:
        case 0xFF0D:
        case 0xFF20:
                return 1;
        default:
                return 0;
        }
}

int32_t text_is_formula(const char *data, size_t len)
{
        const char *end = data + len;

        while (data < end && *data == ' ')
                data++;
        return data < end && starts_formula(utf8_next(&data, end));
}

/* XML 1.0 §2.2: Char. Surrogates are no UTF-8, so they do not come here. */
static int is_dropped(uint32_t c)
{
        return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xFFFE || c == 0xFFFF;
}

static uint32_t next_kept(const char **at, const char *end)
{
        while (*at < end) {
                uint32_t c = utf8_next(at, end);

                if (!is_dropped(c))
                        return c;
        }
        return 0;
}

static int is_hex(uint32_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Does "x0041_" follow? Behind a '_' readers would take it for a character (ECMA-376 part 1, §22.9.2.19). */
static int is_character_code(const char *at, const char *end)
{
        if (next_kept(&at, end) != 'x')
                return 0;
        for (int32_t i = 0; i < 4; i++)
                if (!is_hex(next_kept(&at, end)))
                        return 0;
        return next_kept(&at, end) == '_';
}

static const char *entity(uint32_t c)
{
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '_':
                return "_x005F_";
        case '\r':
                return "\n";
        case REPLACEMENT:
                return "\xEF\xBF\xBD";
        default:
                return NULL;
        }
}

void put_xml_text(struct out *out, const char *data, size_t len, int32_t units)
{
        const char *end = data + len;

        while (data < end) {
                const char *from = data, *other;
                char *at = out_room(out);
                uint32_t c = utf8_next(&data, end);
                size_t size = (size_t)(data - from);

                if (is_dropped(c) || (c == '\n' && from > end - len && from[-1] == '\r'))
                        continue;
                units -= c > 0xFFFF ? 2 : 1;
                if (units < 0)
                        return;
                other = c == '_' && !is_character_code(data, end) ? NULL : entity(c);
                if (other != NULL) {
                        from = other;
                        size = strlen(other);
                }
                memcpy(at, from, size);
                out->at = at + size;
        }
}

int32_t text_needs_space(const char *data, size_t len)
{
        static const char breaks[] = "\t\n\r";

        if (len == 0)
                return 0;
        for (size_t i = 0; i < sizeof(breaks) - 1; i++)
                if (memchr(data, breaks[i], len) != NULL)
                        return 1;
        /* A blank may become the last character when what is behind it is cut off or dropped. */
        return (unsigned char)data[0] <= ' ' || (unsigned char)data[len - 1] <= ' ' || len > 32767 ||
               memmem(data, len, "\xEF\xBF", 2) != NULL;
}
