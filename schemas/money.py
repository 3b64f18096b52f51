"""Money: integer minor units with a currency inside, decimal strings outside; never a float."""

#: ISO 4217 currencies in use, by the number of digits of their minor unit.
_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN"
    " BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP"
    " GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP"
    " LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR"
    " NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN"
    " SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW"
    " ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
#: Digits after the point, by currency code (ISO 4217).
DIGITS = {code: digits for digits, codes in _CODES.items() for code in codes.split()}

#: Minor units; keeps sums of many amounts inside the 64 bits of a column.
MINOR_MAX_UNITS = 10**15 - 1


def to_minor(amount: str, currency: str) -> int:
    """`"12.30"` USD is 1230; ValueError if it does not fit the currency or the limit."""
    whole, _, part = amount.partition(".")
    digits = DIGITS[currency]
    if len(part) > digits or (not digits and "." in amount):
        raise ValueError(f"{currency} has {digits} digits after the point, {amount!r} has more")
    minor = int(whole + part.ljust(digits, "0"))
    if minor > MINOR_MAX_UNITS:
        raise ValueError(f"{currency} {amount} is too much")
    return minor


def to_amount(minor: int, currency: str) -> str:
    """1230 USD is `"12.30"`."""
    digits = DIGITS[currency]
    if not digits:
        return str(minor)
    sign, text = ("-" if minor < 0 else ""), str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"
