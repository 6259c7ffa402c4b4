/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords of stations: only MACs of them are kept (Security Whitepaper A01.FR.08). What a station makes of an
 * AuthorizationKey of hexadecimal digits differs: some send the digits, some the bytes. Both are right.
 */
#include "domain.h"

#define PASSWORD_MIN 8
#define PASSWORD_MAX 64 /* OCPP-J: an AuthorizationKey has 20 bytes, or 40 hexadecimal digits */
#define HEX_MIN 16      /* digits: what is decoded is no shorter than a password may be */
#define RECEIVED_MAX 256

int32_t password_valid(bb_str password)
{
        return password.len >= PASSWORD_MIN && text_clean(password, PASSWORD_MAX);
}

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 32);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of hexadecimal text, BB_NONE when it is none. */
static bb_str decoded(bb_str text)
{
        char *bytes = bb_alloc(text.len / 2 + 1);

        if (text.len < HEX_MIN || text.len % 2 != 0)
                return BB_NONE;
        for (size_t i = 0; i < text.len; i += 2) {
                int high = digit(text.ptr[i]), low = digit(text.ptr[i + 1]);

                if (high < 0 || low < 0)
                        return BB_NONE;
                bytes[i / 2] = (char)(high << 4 | low);
        }
        return (bb_str){.ptr = bytes, .len = text.len / 2};
}

/* The MAC binds the password to its station. Passwords may hold any byte, so nothing here prints. */
static bb_err mac_of(bb_str station_id, bb_str password, uint8_t ret[BB_MAC_BYTES])
{
        char *text = bb_alloc(station_id.len + password.len + 1);

        memcpy(text, station_id.ptr, station_id.len);
        text[station_id.len] = ':';
        if (password.len > 0)
                memcpy(text + station_id.len + 1, password.ptr, password.len);
        return bb_mac("station-password", (bb_str){.ptr = text, .len = station_id.len + 1 + password.len}, ret);
}

bb_err password_macs(bb_str station_id, bb_str password, struct password_macs *ret)
{
        bb_str bytes;

        if (password.len > RECEIVED_MAX)
                password.len = RECEIVED_MAX; /* and so is none that is kept */
        bytes = decoded(password);
        ret->is_hex = bytes.ptr != NULL;
        if (ret->is_hex)
                TRY(mac_of(station_id, bytes, ret->decoded));
        return mac_of(station_id, password, ret->verbatim);
}

bb_str password_mac(const struct password_macs *macs)
{
        return macs != NULL ? (bb_str){.ptr = (const char *)macs->verbatim, .len = BB_MAC_BYTES} : BB_NONE;
}

bb_str password_mac_hex(const struct password_macs *macs)
{
        return macs != NULL && macs->is_hex ? (bb_str){.ptr = (const char *)macs->decoded, .len = BB_MAC_BYTES}
                                            : BB_NONE;
}

BB_AWAIT bb_err charging_password_next(bb_str actor, bb_str station_id, bb_str password, int32_t replace)
{
        struct password_macs macs, *next = NULL;
        struct bb_station present;
        bb_err err;
        STATE(c);

        if (!station_id_valid(station_id))
                return BB_E_NOT_FOUND;
        if (password.len > 0 && !password_valid(password))
                return BB_E_INVALID;
        if (password.len > 0) {
                TRY(password_macs(station_id, password, &macs));
                next = &macs;
        }
        const struct bb_stmt stmts[] = {
                MUST_HIT("update charging.station set next_mac = $2, next_mac_hex = $3, updated_at = now(),"
                         " version = version + 1 where station_id = $1 and ($4 or next_mac is null)",
                         BB_TEXT(station_id), BB_BYTES(password_mac(next)), BB_BYTES(password_mac_hex(next)),
                         BB_BOOL(replace || next == NULL)),
                bb_audit_stmt(actor, next != NULL ? "station.password_next" : "station.password_kept", station_id,
                              BB_NONE),
        };

        (void)c;
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err != BB_E_NOT_FOUND)
                return err;
        TRY(charging_station_get(station_id, &present));
        return BB_E_EXISTS;
}
