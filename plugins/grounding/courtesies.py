"""Sentences that claim nothing: greetings, thanks, questions, offers of a person, and what the assistant says of itself."""

from __future__ import annotations

import re

# One beginning per line. Blanks match any white space.
_BEGINNINGS = r"""
hi|hello|hey|dear|welcome|good (?:morning|afternoon|evening)
thanks?|thank you|you'?re welcome|of course|sure|certainly|great|no problem|happy to help|have a
sorry|i'?m (?:so )?sorry|i am sorry|apologies
(?:please|just) (?:let me know|ask|feel free|do not hesitate|don't hesitate)|let me know|feel free
if you (?:have|need|want|would like|wish)|would you like|do you want|shall i
i(?:'ll| can| could| will| would| am going to) (?:gladly |happily )?(?:connect|pass|hand|bring|forward|transfer|put you|help|get you)
i'?m (?:passing|connecting|the)|i hope|a (?:person|colleague) (?:will|can)
(?:unfortunately,? )?i (?:did not|didn't|could not|couldn't|cannot|can't) (?:find|confirm|say|see|look)
hallo|willkommen|guten (?:tag|morgen|abend)|vielen dank|danke|gerne?(?: geschehen)?|schönen|auf wiedersehen
entschuldig\w*|(?:es )?tut mir leid|natürlich|selbstverständlich|klar
melden sie sich|sagen sie mir|(?:wenn|falls) sie (?:weitere|noch|möchten|fragen|mögen)|möchten sie|soll ich
ich (?:kann|könnte|werde|verbinde|gebe|leite|hole) (?:sie|ihnen|das|es|gern\w*|mit)|ich hoffe
ich habe (?:dazu|das|hierzu|leider) (?:nichts|nicht|keine)|ich (?:konnte|kann)(?: das| dazu| es)?(?: leider)? (?:nicht|nichts|keine)
leider (?:habe|konnte|kann) ich
bonjour|bonsoir|salut|bienvenue|merci|je vous en prie|avec plaisir|bien sûr|au revoir
(?:je suis )?désolée?|n'hésitez pas|si vous (?:avez|souhaitez|voulez)|souhaitez-vous|voulez-vous|j'espère
je (?:peux|pourrais|vais) (?:vous )?(?:mettre|passer|transmettre|aider)|je n'ai (?:pas|rien) trouvé|malheureusement,? je
¡?hola|buen[oa]s? (?:d[ií]as?|tardes|noches)|bienvenid[oa]|gracias|de nada|con gusto|claro|por supuesto|adiós|hasta luego
lo siento|no dude|si (?:tiene|necesita|quiere|desea)|¿?(?:quiere|desea|le gustaría)|espero
puedo (?:ponerle|pasarle|ayudarle)|no he encontrado|lamentablemente,? no (?:he|puedo)
i(?:'m| am) (?:an? |the |just |only )*(?:\w+ )?(?:ai|assistant|bot|chatbot|robot|virtual|digital|automated)
i (?:speak|understand|(?:can )?(?:answer|speak|reply|write) in) (?:also |only )?(?:english|german|french|spanish|italian|dutch|many|your)
ich bin (?:ein\w*|der|die|nur) (?:\w+ )?(?:ki|bot|chatbot|roboter|\w*assistent\w*|virtuell\w*|digital\w*)
ich (?:spreche|verstehe|antworte auf) (?:auch |nur )?(?:deutsch|englisch|französisch|spanisch|italienisch)
je suis (?:une? |l')(?:assistante?|robot|ia|intelligence)
je (?:parle|comprends) (?:aussi )?(?:le |l')?(?:français|anglais|allemand|espagnol)
soy (?:un|una|el|la) (?:asistente|bot|robot|ia)|(?:hablo|entiendo) (?:también )?(?:español|inglés|alemán|francés)
"""
# That the articles are silent is no claim: models are told to say so, and name what was not found.
_SILENT = r"""
(?:articles?|documentation|knowledge base) (?:do|does|did)(?: not|n't) (?:say|mention|tell|specify|state|explain)
(?:help articles?|documentation|knowledge base) (?:do|does|did)(?: not|n't) (?:contain|cover|include|list|give)
(?:there(?: is|'s)|i have|i see|i found) (?:no (?:mention|information|details?)|nothing) (?:about|on|of|regarding|in)
i (?:do not|don't) have (?:any )?(?:information|details)
hilfeartikeln?\b.{0,40}\b(?:nichts|keine (?:informationen?|angaben?|antwort)|nicht (?:erwähnt|genannt|beschrieben|angegeben))
(?:ich habe|es gibt|mir liegen) (?:dazu |leider |hierzu )*keine (?:informationen?|angaben?)
articles (?:d'aide )?ne (?:disent|mentionnent|contiennent|précisent)|je n'ai (?:pas|aucune) (?:d')?information
artículos (?:de ayuda )?no (?:dicen|mencionan|contienen|incluyen|indican)|no tengo (?:ninguna )?información
"""
_YES = r"(?:(?:yes|no|ja|nein|oui|non|sí)\b[,!.]?\s+)?"
_NOTHING = re.compile(
    rf"^\W*{_YES}(?:" + "|".join(line.replace(" ", r"\s+") for line in _BEGINNINGS.strip().splitlines()) + r")\b",
    re.IGNORECASE,
)
_NOT_THERE = re.compile(
    r"^.{0,60}?\b(?:" + "|".join(line.replace(" ", r"\s+") for line in _SILENT.strip().splitlines()) + r")\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[,;–—]\s|\b(?:but|however|so|aber|sondern|jedoch|mais|donc|pero|sino)\b", re.IGNORECASE)
LONG = 180
"""A longer sentence that begins so goes on to say something, and so does one with a number or an address in it."""
_CHECKABLE = re.compile(r"\d|@|https?:|www\.|[€$£]")


# "Of course, we ship to France" and "If you want, ..." go on to say something.
_BEHIND = re.compile(
    r"(?:[,:;]|\s[–—-])\s+(?:and\s+|but\s+|und\s+|aber\s+|et\s+|mais\s+|y\s+|pero\s+)?(?=(?:\S+\s+){3}\S)",
    re.IGNORECASE,
)
_TAG = re.compile(
    r",\s*(?:ok(?:ay)?|right|correct|isn't it|yes|no|oder|nicht wahr|richtig|non|n'est-ce pas|d'accord|no|verdad|vale)\s*[?？]$",
    re.IGNORECASE,
)


def says_nothing(sentence: str) -> bool:
    """Whether ``sentence`` is a question or a courtesy. "Hello, shipping costs €5" is neither."""
    words = sentence.strip().replace("’", "'")
    if words.endswith(("?", "？")) and not _TAG.search(words):
        return True
    if len(words) > LONG or _CHECKABLE.search(words):
        return False
    begins = _NOTHING.match(words)
    if begins is None:
        silent = _NOT_THERE.match(words)
        return silent is not None and not _GOES_ON.search(words, silent.end())
    behind = _BEHIND.search(words, begins.end())
    return behind is None or says_nothing(words[behind.end() :])
