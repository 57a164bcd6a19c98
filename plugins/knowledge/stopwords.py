"""Words that say nothing about what a question is about. Folded (lower case, no diacritics), by language."""

from __future__ import annotations

_EN = """
a about above after again all also am an and any are aren as at be because been before being below between both but by can cannot
could couldn did didn do does doesn doing don down during each either else ever every few for from further get gets getting got had
has have having he her here hers him his how however i id if ill im in into is isn it its itself ive just let like
may me might more most much must my myself no nor not now of off on once one only onto or other our ours out over own per quite
rather really s same shall she should shouldn so some someone something soon still such t than that thats the their theirs them then
there these they this those through to too toward under until up upon us very via was wasn we were what whats when where whether
which while who whom whose why will with within without won would wouldn yes yet you your yours youre dont doesnt didnt cant isnt
wont ive arent
"""
_DE = """
aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist da dabei dadurch dafur dagegen
damit dann daran darauf darf das dass dein deine dem den denn der des deshalb dich die dies diese diesem diesen dieser dieses dir doch dort
du durch ein eine einem einen einer eines einmal er es etwas euch euer eure fur gegen gibt hab habe haben hat hatte hatten hier hin hinter
ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in ins ist ja jede jedem jeden jeder jedes jemand jetzt kann kannst konnen konnte
konnten lasst man mehr mein meine meinem meinen meiner meines mich mir mit muss mussen nach nicht nichts noch nun nur ob oder ohne schon
sehr sein seine seinem seinen seiner selbst sich sie sind so soll sollen sollte sonst trotzdem uber um und uns unser unsere unseren
unserer unter vom von vor wann war waren warum was weil welche welchem welchen welcher welches wenn wer werde werden wie wieder will
wir wird wirst wo wohin wurde wurden zu zum zur zwischen ubers
"""
_FR = """
a ai as au aucun aussi autre aux avec avez avoir avons bien c ce cela celle celui ces cet cette ceux chez comme comment d dans de des
depuis dois doit donc du elle elles en encore entre es est et etes etre eu fait faire faut font ici il ils j je l la le les leur leurs
lui m ma mais me mes moi mon n ne ni nos notre nous on ont ou par pas peu peut peux plus pour pourquoi pouvez pouvons qu quand que quel
quelle quelles quels qui quoi s sa sans se sera ses si son sont sous suis sur t ta te tes toi ton tous tout toute toutes tu un une
va vers vos votre vous y bonjour merci
"""
_ES = """
a al algo alguien algun alguna ante antes aqui asi aun bien cada como con contra cual cuales cuando cuanto cuanta de del desde donde dos el
ella ellas ellos en entre era es esa ese eso esta estan estar este esto estos fue fueron gracias ha hace hacer han hasta hay hola la
las le les lo los mas me mi mis mucho muy nada ni no nos nosotros nuestra nuestro o os otra otro para pero por porque puede pueden puedo que
quien quiero se sea ser si sin sobre son soy su sus tambien te tengo tiene tienen todo todos tu tus un una uno unos usted ustedes y ya yo
"""
_IT = """
a ad agli ai al alla alle allo anche avere aveva c che chi ci ciao come con contro cosa cui da dagli dai dal dalla dalle dei del della delle
dello di do dove e ed era essere fa fare fra gli grazie ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mie miei mio
molto ne negli nei nel nella nelle noi non nostra nostro o ogni per perche piu po posso puo qual quale quali quando quanto quella quello
questa queste questi questo qui se sei senza si sia siamo siete solo sono sopra su sua sue sugli sui sul sulla suo suoi ti tra tu tua
tuo tutti tutto un una uno vi voglio voi vorrei
"""
_NL = """
aan al alle als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en er ge geen geweest haar had hallo
heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je jij jou jouw jullie kan kunnen kunt maar me meer men met mij mijn
moet moeten na naar niet niets nog nu of om omdat onder ons onze ook op over reeds te tegen toch toen tot u uit uw van veel voor waar
waarom wanneer want waren was wat we wel welke werd wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou
"""
_NORDIC = """
aldri alle alt andre at att av bare begge ble blei bli blir blive bliver blivit da dan dar de deg deim dem den denna denne der deras dere
deres det detta dette dig din dine disse ditt du efter eg ei ein eit eller elles en enn er et etter ett for fordi fore fra fran ha hade
han hans har hatt have hej hei hela her hos hun hur hva hvad hvem hver hvis hvor hvordan hvorfor i ifra ikke ikkje ingen inte ja jag jeg
kan kanske kom kommer kun kunde kunne man mange mått med meg mein mellan mellom men mer mig min mina mine mit mitt mot mycket na nagon nar
ned nei nej noe noen nogen noget nogle no nu ny og ogsa om opp oss over pa sa samma samme sedan seg selv si sig sin sina sine sit sitt sjol
skal skall skulle slik som somme till til um under upp ut utan uten vad var vara vare vart varfor vart ved vem vi via vid vil vilka
vilken ville vore vors være vært vår å år är över
"""
_PT = """
a ao aos aquela aquele aquilo as ate com como da das de dela dele deles depois do dos e ela elas ele eles em entre era essa esse esta
estao estar este estou eu faz fazer foi for foram ha isso isto ja la lhe mais mas me mesmo meu meus minha muito na nao nas nem no nos
nossa nosso num numa o obrigado ola os ou para pela pelo por porque posso pode qual quando que quem quero se sem ser seu seus so sobre
sou sua suas tambem te tem tenho teu tu tua um uma voce voces
"""
_FI = """
ei ette han he hei ja jo joka jos ja kanssa kuin kuinka kun me mika mikä mita mitä minun mina minä minulla missa missä mutta myos myös nama
ne niin nyt olen oli on ovat se sen sina sinä tai tama tämä te vai vain voi voiko voin
"""

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": _EN, "de": _DE, "fr": _FR, "es": _ES, "it": _IT, "nl": _NL, "sv": _NORDIC, "no": _NORDIC, "nb": _NORDIC,
        "nn": _NORDIC, "da": _NORDIC, "pt": _PT, "fi": _FI,
    }.items()
}  # fmt: skip

CHAT_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """hello hi hey dear please thanks thank question questions ask asking wonder wondering tell know help want wanted need
        needed looking look try trying tried possible able way wish explain find understand mean say said think sure maybe guys
        anyone anybody everything anything thing things mine ok okay good morning evening afternoon today happen happens happened
        cheers regards sorry info information come comes go goes going make makes see seen use using actually exactly already
        bit lot many take takes does method methods way ways option options kind kinds type types sort offer offers choose exist exists""",
        "de": """hallo guten tag morgen bitte danke frage fragen wissen weiss mochte wurde hatte gern gerne brauche helfen hilfe
        suche finde sagen erklaren moglich moglichkeit geht gehen machen mache mal denn eigentlich genau heute viel viele""",
        "fr": "bonjour salut merci question savoir voudrais aimerais besoin aide aider dire possible",
        "es": "hola gracias pregunta saber quisiera necesito ayuda ayudar decir posible",
    }.items()
}
"""Words of talking to somebody. They are dropped from a question, and kept in articles."""

_CUTS = """
的 了 吗 呢 吧 啊 我 我们 你 你们 您 他 她 它 这 是 在 请 请问 怎么 怎样 如何 什么 多少 哪里 哪个 可以
能否 是否 有没有 没有 需要 应该 如果 为什么
ですか ますか でしょうか ください くださいませ です ます ました ません でした している しています する
して した される された から まで より など という いう こと もの ため とき それ これ あれ この その あの
どの どう どうすれば どのように どこ いつ いくら なに 何 誰 お ご は が を に へ で と も の や か ね よ
ので のに けど しかし または および もし ない なら れば たら
"""
CUTS: tuple[str, ...] = tuple(sorted(_CUTS.split(), key=len, reverse=True))
"""Function words of Chinese and Japanese. Runs of characters are cut at them, longest first, before they become pairs."""
