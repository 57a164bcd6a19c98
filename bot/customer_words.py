"""Sentences of the core for customers, in their language. English is written where something is said; the others are looked up here by
it, and what is not here stays English. No I/O.
"""

from __future__ import annotations

from bot.language_names import base

GERMAN = {
    # Passed to people
    "I am sorry, I cannot answer this right now. Nothing you wrote is lost, and a person will look at it.": "Es tut mir leid, das kann ich"
    " gerade nicht beantworten. Nichts von dem, was Sie geschrieben haben, geht verloren, und ein Mensch sieht es sich an.",
    "I am passing this to a colleague.": "Ich gebe das an das Team weiter.",
    "I have passed this to my colleagues. One of them will answer here.": "Ich habe das an das Team weitergegeben. Jemand wird Ihnen"
    " hier antworten.",
    "One of them will answer here.": "Jemand wird Ihnen hier antworten.",
    "We are closed right now and open again {when}.": "Wir haben gerade geschlossen und öffnen wieder {when}.",
    "We are closed right now.": "Wir haben gerade geschlossen.",
    "I have noted your request as ticket #{number}.": "Ihr Anliegen ist als Ticket #{number} notiert.",
    "All my colleagues are away at the moment, so I have noted your request as ticket #{number}.": "Im Moment sind alle aus dem Team"
    " abwesend, darum ist Ihr Anliegen als Ticket #{number} notiert.",
    "An answer usually takes {time}.": "Eine Antwort dauert meist {time}.",
    "Nobody from the team is connected here right now, so I have noted your request as ticket #{number}.": "Gerade ist niemand aus dem"
    " Team hier verbunden, darum ist Ihr Anliegen als Ticket #{number} notiert.",
    "I would rather let a person answer this.": "Das soll lieber ein Mensch beantworten.",
    "They will answer to the address you left.": "Die Antwort kommt an die Adresse, die Sie hinterlassen haben.",
    "Leave your e-mail address and they will answer you there.": "Hinterlassen Sie Ihre E-Mail-Adresse, dann kommt die Antwort dorthin.",
    "You are number {position} in the queue.": "Sie sind Nummer {position} in der Reihe.",
    "It usually takes {time}.": "Meist dauert es {time}.",
    # While they wait
    "Nobody could come yet. Ticket #{number} stays open: they will answer here or to the address you left.": "Bisher konnte niemand"
    " kommen. Ticket #{number} bleibt offen: Die Antwort kommt hier oder an die Adresse, die Sie hinterlassen haben.",
    "Nobody could come yet. Ticket #{number} stays open. Leave your e-mail address and they will answer you there, or keep waiting"
    " here.": "Bisher konnte niemand kommen. Ticket #{number} bleibt offen. Hinterlassen Sie Ihre E-Mail-Adresse, dann kommt die Antwort"
    " dorthin, oder warten Sie hier weiter.",
    "I have opened ticket #{number} again and told my colleagues.": "Ticket #{number} ist wieder offen, und das Team weiß Bescheid.",
    "We open again {when}.": "Wir öffnen wieder {when}.",
    "You are back with the AI assistant. Your request to my colleagues is withdrawn; you can ask for a person at any time.": "Der"
    " KI-Assistent ist wieder für Sie da. Ihre Anfrage an das Team ist zurückgezogen; Sie können jederzeit nach einem Menschen fragen.",
    # Tickets and addresses
    "This is ticket #{number} now, with everything that was said here.": "Das ist jetzt Ticket #{number} mit allem, was hier gesagt wurde.",
    "They will answer to the address you left; you need not wait.": "Die Antwort kommt an die Adresse, die Sie hinterlassen haben; Sie"
    " müssen nicht warten.",
    "Leave your e-mail address, so that they can answer you when you are away.": "Hinterlassen Sie Ihre E-Mail-Adresse, damit die"
    " Antwort Sie auch erreicht, wenn Sie nicht hier sind.",
    "Thank you. Your ticket is #{number}; we will answer to the address you left.": "Danke. Ihr Ticket ist #{number}; wir antworten an die"
    " Adresse, die Sie hinterlassen haben.",
    "Please confirm it by the link in the mail that is on its way.": "Bitte bestätigen Sie sie über den Link in der Mail, die kommt.",
    # People come and go
    "{name} is here now.": "{name} ist jetzt hier.",
    "{name} goes on from here.": "{name} macht hier weiter.",
    "I am looking for a colleague who can go on with this.": "Ich suche jemanden aus dem Team, der hier weitermachen kann.",
    "This conversation is open again.": "Diese Unterhaltung ist wieder offen.",
    "The AI assistant answers again from here.": "Ab hier antwortet wieder der KI-Assistent.",
    "This conversation is closed. Write again to open it.": "Diese Unterhaltung ist geschlossen. Schreiben Sie wieder, um sie zu öffnen.",
    "This conversation is closed. Your next message begins a new one.": "Diese Unterhaltung ist geschlossen. Ihre nächste Nachricht"
    " beginnt eine neue.",
    # Times
    "today at {time} ({whose})": "heute um {time} Uhr ({whose})",
    "tomorrow at {time} ({whose})": "morgen um {time} Uhr ({whose})",
    "on {weekday} at {time} ({whose})": "am {weekday} um {time} Uhr ({whose})",
    "on {weekday}, {date} at {time} ({whose})": "am {weekday}, {date} um {time} Uhr ({whose})",
    "{day} {month}": "{day}. {month}",
    "your time": "Ihre Zeit",
    "{zone} time": "Zeit von {zone}",
    "Monday": "Montag", "Tuesday": "Dienstag", "Wednesday": "Mittwoch", "Thursday": "Donnerstag", "Friday": "Freitag",
    "Saturday": "Samstag", "Sunday": "Sonntag",
    "January": "Januar", "February": "Februar", "March": "März", "May": "Mai", "June": "Juni", "July": "Juli", "October": "Oktober",
    "December": "Dezember",
    "about {n} minute": "etwa {n} Minute", "about {n} minutes": "etwa {n} Minuten",
    "about {n} hour": "etwa {n} Stunde", "about {n} hours": "etwa {n} Stunden",
    "about {n} day": "etwa {n} Tag", "about {n} days": "etwa {n} Tage",
    "long": "lange",
}  # fmt: skip
SPOKEN = {"de": GERMAN}


def in_language(language: str, sentence: str, **values: object) -> str:
    """An English sentence in ``language`` (such as ``de-AT``; empty: nobody knows), with ``values`` in the places of their names."""
    said = SPOKEN.get(base(language), {}).get(sentence, sentence)
    return said.format(**values) if values else said
