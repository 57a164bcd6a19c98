"""Words of four languages that turn a sentence round, that mean the same, that say nothing, and that are surely names."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DENIALS = {
    "en": "not no never cannot can't won't don't doesn't isn't aren't didn't wasn't neither nor nobody nothing none unable non",
    "de": "nicht kein keine keinen keinem keiner keines nie niemals weder nichts niemand",
    "fr": "pas jamais aucun aucune ni rien non",
    "es": "no nunca ningún ninguna ninguno ni nada tampoco",
}
DENIALS = {language: _words(words) for language, words in _DENIALS.items()}
_NO_DENIAL = {
    "en": """
        not only
        no later than
        no more than
        no problem
        no extra
        no additional
        no cost
        not cost
        do not hesitate
        don't hesitate
        no charge
        not least
        without charge
        need no
        no longer than
    """,
    "de": """
        nicht nur
        kein problem
        keine kosten
        ohne aufpreis
        nicht zuletzt
        zahlen nichts
        kostet nichts
    """,
    "fr": """
        pas seulement
        sans frais
        pas de problème
        ne paient pas
        ne payez pas
    """,
    "es": """
        no solo
        no sólo
        sin coste
        sin costo
        sin problema
        no dude
        no pagan
    """,
}
NO_DENIAL = {
    language: tuple(line.strip() for line in lines.strip().splitlines()) for language, lines in _NO_DENIAL.items()
}
"""Turns of phrase that deny nothing, or that say "free"."""

_OPPOSITES = """
en with without
en included excluded
en open closed
en unopened opened
en unused used
en allowed,permitted,welcome,may forbidden,prohibited,banned
en possible impossible
en before after
en accept,accepted refuse,refused,reject,rejected
en refundable non-refundable
en mandatory,required,must optional
en inside outside
en valid invalid
en weekday,weekdays weekend,weekends
en free paid
en increase decrease
en available unavailable
en cover,covers,covered exclude,excludes
de geöffnet,offen geschlossen
de erlaubt,gestattet,willkommen verboten,untersagt,unzulässig
de möglich,können,kann unmöglich,ausgeschlossen
de mit ohne
de inklusive,enthalten,inbegriffen exklusive,zuzüglich
de ungeöffnet,original geöffnete
de unbenutzt gebraucht,benutzt
de gültig ungültig
de innerhalb außerhalb
de kostenlos,gratis,kostenfrei kostenpflichtig
fr ouvert,ouverte fermé,fermée
fr autorisé,autorisés,autorisée,permis,admis interdit,interdits,interdite,interdites
fr possible impossible
fr inclus,incluse exclu,exclus
fr avec sans
fr avant après
fr gratuit,gratuite payant,payante
fr remboursable,remboursables non-remboursable
es abierto,abierta,abre cerrado,cerrada,cierra
es permitido,permitidos,admiten prohibido,prohibidos
es posible imposible
es incluido,incluida excluido,excluida
es con sin
es antes después
es gratis,gratuito,gratuita pago
"""
OPPOSITES: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
for _language, _one, _other in (line.split() for line in _OPPOSITES.strip().splitlines()):
    OPPOSITES.setdefault(_language, []).append((frozenset(_one.split(",")), frozenset(_other.split(","))))

_ALIKE = {
    "en": """
        ship deliver delivery shipping parcel package dispatch send
        cost price fee charge pay euro
        free gratis complimentary
        return back
        refund reimburse reimbursement money
        cancel end terminate quit
        buy purchase order
        shop store
        open opening
        begin start
        repair fix mend
        contact reach write call phone
        kid child children
        arrive take bring
        need require must
        delete erase remove
        height high tall
        weigh weight
        last long
        expire valid validity
        member membership
        hotel stay
    """,
    "de": """
        versand lieferung liefern versenden zustellung paket sendung
        kosten preis gebühr zahlen bezahlen betragen euro
        kostenlos gratis kostenfrei frei
        rückgabe zurückgeben rücksendung zurücksenden retoure umtauschen umtausch
        erstatten erstattung rückerstattung
        stornieren stornierung kündigen kündigung
        kaufen bestellen bestellung kauf
        laden geschäft filiale
        öffnen geöffnet öffnungszeiten
        dauern brauchen
        gültig gelten
        schreiben kontaktieren mailen
        anrufen telefon rufen
        wiegen gewicht
        koffer gepäck
        neukunde neukunden
        führung führen
    """,
    "fr": """
        livraison livrer colis expédition envoi
        coûter prix tarif payer frais euro
        gratuit gratuite offert
        retour retourner renvoyer
        rembourser remboursement
        résilier résiliation annuler annulation
        acheter achat commander commande
        magasin boutique
        ouvrir ouvert ouverture
        départ partir
        prélèvement prélever
        étudiant étudiante
    """,
    "es": """
        envío enviar entrega entregar pedido paquete
        costar coste precio valer pagar euro tarifa
        gratis gratuito
        devolver devolución
        reembolso reembolsar
        cancelar cancelación
        comprar compra
        tienda
        abrir abierto horario
        empezar comenzar
        llamar teléfono
        escribir contactar
    """,
}
ALIKE = {language: [line.split() for line in groups.strip().splitlines()] for language, groups in _ALIKE.items()}
"""Words that mean nearly the same in a support desk."""

_STOP = {
    "en": """
        a an the and or but if then so of to in on at by for from with without as is are was were be been being am
        do does did have has had i you he she it we they me him her us them my your his its our their this that
        these those there here what which who whom whose when where why how not no nor only also just can could may
        might must shall should will would than too very up down out over under again more most some any each all
        both few other such own same s t within until after before about into per please one once every during while
        don't can't isn't won't come get got let until
    """,
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder aber wenn dann so von zu zum zur in im an
        am auf bei beim für mit ohne als ist sind war waren sein bin habe haben hat hatte ich sie er es wir ihr mich
        dich ihn uns euch ihnen mein dein ihre ihren ihrem ihrer unser dies diese dieser dieses hier da was wer wie
        wo wann warum nicht kein keine nur auch noch schon kann können darf dürfen muss müssen soll sollen wird
        werden würde mehr sehr aus um nach vor über unter bis innerhalb pro je jede jeder jeden jedes bitte man sich
        dass ob also sowie zwischen ab um seit ihnen
    """,
    "fr": """
        le la les l un une des du de d au aux en et ou mais si alors dans sur à par pour avec sans comme est sont
        était être été ai as a avons avez ont je tu il elle nous vous ils elles me te se mon ma mes ton ta tes son
        sa ses notre nos votre vos leur leurs ce cet cette ces y qui que quoi dont où quand pourquoi comment ne pas
        plus très aussi peut pouvez pouvons doit devez chaque tout tous toute toutes c s n j qu lui dès jusqu entre
        s'il vous-même
    """,
    "es": """
        el la los las un una unos unas de del al a en y o u pero si entonces con sin por para como es son era ser
        está están he ha han hay yo tú él ella usted nosotros ellos ustedes me te se mi su sus nuestro nuestra este
        esta estos estas ese esa eso que quien cuál cuando dónde porqué cómo no más muy también puede pueden podemos
        debe cada todo toda todos todas lo le les desde hasta entre sobre durante
    """,
}
STOP = {language: _words(words) for language, words in _STOP.items()}

NO_NAMES = _words(
    """
    I I'm I'll I've I'd I’m I’ll I’ve I’d AI KI IA
    OK PDF FAQ API URL ID PIN SMS TV USB CSV VAT Mr Mrs Ms Dr Prof St AM PM A.M P.M Uhr Std Nr No Yes Herr Frau
    Hello Hi Thanks Monsieur Madame Señor Señora Sr Sra Mme M Tel Please Note Sie Ihr Ihre Ihren Ihrem Ihrer Ihnen
    """
)
"""Capitalised words that name nobody."""

KNOWN = _words(
    """
    hermes trans-o-flex fedex amazon ebay otto zalando ikea apple google microsoft samsung klarna paypal visa
    mastercard maestro sofort giropay girocard bitcoin whatsapp telegram facebook instagram youtube twitter linkedin
    tiktok android windows berlin hamburg munchen koln frankfurt stuttgart dusseldorf leipzig dortmund essen bremen
    dresden hannover nurnberg wien salzburg graz linz innsbruck zurich genf basel bern london paris madrid barcelona
    rom mailand amsterdam brussel prag warschau lissabon dublin deutschland osterreich schweiz frankreich italien
    spanien portugal polen belgien niederlande holland luxemburg danemark schweden norwegen finnland irland
    grossbritannien england schottland usa kanada japan china indien turkei griechenland ungarn tschechien slowakei
    slowenien kroatien rumanien bulgarien europa
    """
)
"""Names that are surely names in German, where every noun has a capital. All others are told by standing in pairs or behind a title."""

_PLACES = """
germany deutschland allemagne alemania
austria osterreich autriche
switzerland schweiz suisse suiza
france frankreich francia
italy italien italie italia
spain spanien espagne espana
portugal
netherlands niederlande bas paises holland hollande holanda
belgium belgien belgique belgica
luxembourg luxemburg luxemburgo
denmark danemark dinamarca
sweden schweden suede suecia
norway norwegen norvege noruega
finland finnland finlande finlandia
iceland island islande islandia
ireland irland irlande irlanda
britain grossbritannien bretagne bretana
england angleterre inglaterra
scotland schottland ecosse escocia
poland polen pologne polonia
czechia tschechien tchequie chequia
slovakia slowakei slovaquie eslovaquia
slovenia slowenien slovenie eslovenia
croatia kroatien croatie croacia
hungary ungarn hongrie hungria
romania rumanien roumanie rumania
bulgaria bulgarien bulgarie
greece griechenland grece grecia
turkey turkei turquie turquia
europe europa
usa us
canada kanada
japan japon
munich munchen
cologne koln colonia
vienna wien vienne viena
zurich
geneva genf geneve ginebra
milan mailand milano
rome rom roma
brussels brussel bruxelles bruselas
prague prag praga
warsaw warschau varsovie varsovia
lisbon lissabon lisbonne lisboa
copenhagen kopenhagen copenhague
"""
SAME_PLACE = {word: line.split()[0] for line in _PLACES.strip().splitlines() for word in line.split()}
"""Countries and cities in four languages, without accents, by their English names."""
GENERIC = _words("great european union christmas eve year new easter monday holiday holidays bank customs")
"""Words of names that other languages translate."""
