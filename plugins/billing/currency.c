/* SPDX-License-Identifier: Apache-2.0
 *
 * The currencies of ISO 4217 that people pay with, by their number of decimals.
 */
#include "ocpi.h"

static const struct {
        int32_t decimals;
        const char *codes; /* four characters each */
} currencies[] = {
        {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "},
        {3, "BHD IQD JOD KWD LYD OMR TND "},
        {2,
         "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
         "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
         "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
         "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
         "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "},
};

int32_t currency_decimals(bb_str code)
{
        if (code.len != 3)
                return -1;
        for (size_t i = 0; i < BB_COUNT(currencies); i++) {
                for (const char *at = currencies[i].codes; *at != '\0'; at += 4) {
                        if (memcmp(at, code.ptr, 3) == 0)
                                return currencies[i].decimals;
                }
        }
        return -1;
}
