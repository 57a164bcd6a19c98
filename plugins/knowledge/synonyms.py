"""Words of customers that mean the same in a shop or a support desk. Lower case; stems are taken when they are used."""

from __future__ import annotations

import re

_GROUPS = {
    "en": """
return, returns, exchange, swap
refund, reimburse, repay, chargeback
delivery, shipping, ship, deliver, shipment, dispatch, postage, freight
parcel, package, packet, box
cost, price, fee, charge, expensive, rate, surcharge
broken, damaged, faulty, defective, defect, torn, cracked, snapped, fault
repair, fix, mend, patch
warranty, guarantee, cover
invoice, receipt, bill
voucher, coupon, certificate
discount, promo, promotion, sale, code, coupon
login, signin, account, profile
password, passcode, login
delete, erase, remove, close
cancel, abort, stop, withdraw
change, edit, modify, update, amend
buy, purchase, order
pay, payment, paid
phone, telephone, call, ring, hotline
email, mail, write
contact, reach, support
late, delayed, delay, overdue
lost, missing, disappeared
arrive, come, delivered, received
track, tracking, trace, locate, status
size, sizing, fit, measurement
clean, wash, washing, care, cleaning
waterproof, waterproofing, rainproof, impregnate, proofing, reproof
shop, store, showroom
hours, opening, open, closed, closing
job, career, vacancy, hiring, vacancies
wholesale, reseller, bulk, trade, b2b
tax, vat, duty, duties, customs, taxes
card, visa, mastercard, amex
newsletter, subscription, subscribe, unsubscribe
loyalty, points, rewards, membership, member
privacy, gdpr, personal, data
abroad, overseas, international, foreign
dead, died, die, dying, wilted
plant, plants, seedling, perennial
guarantee, guaranteed
recycle, recycling, dispose, disposal
allergic, allergy, allergen
stolen, theft
minimum, least
maximum, limit
fast, quick, express, urgent
download, load, print
beginner, first
complain, complaint
duration, day, week, month, year, hour, minute, long
""",
    "de": """
rucksendung, retoure, zuruckschicken, zurucksenden, zuruckgeben, umtausch, umtauschen, ruckgabe, widerruf
erstattung, ruckerstattung, geld, erstatten, zuruckzahlen
lieferung, versand, liefern, zustellung, versenden, lieferzeit, verschicken
paket, sendung, packchen
kosten, preis, gebuhr, kostet, versandkosten
kaputt, defekt, beschadigt, gerissen, mangel
reparatur, reparieren
garantie, gewahrleistung
rechnung, quittung, beleg
gutschein, geschenkkarte
bezahlen, zahlung, zahlen, zahlungsart
bestellung, bestellen, auftrag, kauf
stornieren, storno, abbrechen
konto, anmelden, login, kundenkonto
dauer, tag, tage, werktage, woche, monat, jahr, stunde, lange
""",
    # Of scripts without blanks the index has pairs of characters, so the words here are pairs.
    "zh": """
价格, 费用, 运费, 欧元
天数, 工作, 天内, 几天
退货, 退款, 换货
""",
    "ja": """
料金, 送料, 費用, 価格
日数, 営業, 日間, 日以
返品, 返金, 交換
""",
}

_PHRASES = {
    "en": {
        r"(?:send(?:ing)?|sent|giv(?:e|ing)|bring(?:ing)?|tak(?:e|ing)|ship(?:ping)?) (?:\w+ )?back": "return",
        r"money back|my money|get reimbursed": "refund",
        r"(?:log|sign)(?:ging|ging)? ?-?in(?:to)?": "login",
        r"(?:log|sign)(?:ging)? ?-?out": "logout",
        r"sign up": "register account",
        r"changed? my mind|do(?:es)? ?n[o']t like|don't want": "return",
        r"call off": "cancel",
        r"get rid of": "dispose",
        r"how long|how many (?:days|weeks|months|years|hours|minutes)|since when|until when": "duration",
        r"how much (?:is|are|does|do|would|will|for)": "cost",
        r"where(?:'s| is) my": "track",
        r"opening (?:hours|times?)|business hours|(?:are|is) (?:you|it|your \w+|the \w+) (?:open|closed)": "hours opening",
        r"fell apart|falling apart|came apart|does ?n[o']t work|stopped working|not working": "broken",
    },
    "de": {
        r"wie ?lange(?: dauert)?|wie viele (?:tage|wochen|werktage)|wann": "dauer",
        r"was kostet|wie ?viel kostet|wie teuer": "kosten",
    },
    "zh": {"要?多少钱|什么价格|贵吗": "价格", "要?(?:多少天|几天|多久)|什么时候": "天数"},
    "ja": {"いくら|何ユーロ": "料金", "何日|いつ": "日数"},
}

GROUPS: dict[str, dict[str, tuple[str, ...]]] = {}
for _language, _text in _GROUPS.items():
    _table: dict[str, tuple[str, ...]] = GROUPS.setdefault(_language, {})
    for _line in _text.strip().splitlines():
        _words = tuple(word.strip() for word in _line.split(","))
        for _word in _words:
            _table[_word] = tuple(dict.fromkeys((*_table.get(_word, ()), *_words)))

PHRASES: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    language: tuple(
        (re.compile(pattern if language in {"zh", "ja"} else rf"\b(?:{pattern})\b"), f" {replacement} ")
        for pattern, replacement in phrases.items()
    )
    for language, phrases in _PHRASES.items()
}


def with_phrases(text: str, language: str) -> str:
    """Put one word in the place of a phrase that means the same: ``send it back`` is return."""
    for pattern, replacement in PHRASES.get(language, ()):
        text = pattern.sub(replacement, text)
    return text
