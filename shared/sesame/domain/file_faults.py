"""What can be wrong with a file of rows or one of its rows, and how to mend it, in two languages.

The words never hold a value of the file: reports are stored and logged beside ids only.
"""

from dataclasses import dataclass
from enum import StrEnum

from sesame.domain.tenancy import Language


class Fault(StrEnum):
    """One kind of problem. The values are stored in reports, so they stay."""

    # The whole file
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    SPREADSHEET = "spreadsheet"
    UTF_16 = "utf_16"
    BROKEN_UTF_8 = "broken_utf_8"
    UNKNOWN_ENCODING = "unknown_encoding"
    BINARY = "binary"
    NO_HEADER = "no_header"
    MISSING_COLUMNS = "missing_columns"
    REPEATED_COLUMNS = "repeated_columns"
    NO_ROWS = "no_rows"
    TOO_MANY_ROWS = "too_many_rows"
    OPEN_QUOTE = "open_quote"
    # A row
    SHORT_ROW = "short_row"
    LONG_ROW = "long_row"
    BAD_QUOTES = "bad_quotes"
    # A cell
    MISSING = "missing"
    TOO_LONG = "too_long"
    FORMULA = "formula"
    LOST_LETTERS = "lost_letters"
    MISREAD_LETTERS = "misread_letters"
    INVISIBLE = "invisible"
    BAD_REFERENCE = "bad_reference"
    REPEATED_REFERENCE = "repeated_reference"
    BAD_RESIDENCE = "bad_residence"
    BAD_NAME = "bad_name"
    BAD_POSTAL_CODE = "bad_postal_code"
    NOT_A_DATE = "not_a_date"
    TWO_DIGIT_YEAR = "two_digit_year"
    IMPOSSIBLE_DATE = "impossible_date"
    UNLIKELY_DATE = "unlikely_date"
    UNLIKELY_BIRTH_DATE = "unlikely_birth_date"
    END_BEFORE_START = "end_before_start"
    NOT_AN_AMOUNT = "not_an_amount"
    AMBIGUOUS_AMOUNT = "ambiguous_amount"
    NEGATIVE_AMOUNT = "negative_amount"
    UNLIKELY_AMOUNT = "unlikely_amount"
    BAD_INE = "bad_ine"
    INE_OF_ANOTHER_ROW = "ine_of_another_row"
    BAD_EMAIL = "bad_email"
    BAD_PHONE = "bad_phone"
    BAD_LANGUAGE = "bad_language"
    BAD_CODE = "bad_code"
    CODE_OF_ANOTHER_ROW = "code_of_another_row"
    # Found at admission, against what is on record
    REFERENCE_KNOWN = "reference_known"
    INE_OF_ANOTHER_PERSON = "ine_of_another_person"
    INE_UNLIKE_RECORD = "ine_unlike_record"
    CODE_TAKEN = "code_taken"
    CODE_NOT_EXPECTED = "code_not_expected"
    UNKNOWN_RESIDENCE = "unknown_residence"
    OTHER_RESIDENCE = "other_residence"
    # Found against what is on record, in a file of aid
    BAD_PERIOD = "bad_period"
    ZERO_AMOUNT = "zero_amount"
    BAD_AID = "bad_aid"
    PAID_IN_FUTURE = "paid_in_future"
    PAID_TOO_LONG_AGO = "paid_too_long_ago"
    REPEATED_ROW = "repeated_row"
    UNKNOWN_TENANT = "unknown_tenant"
    OUTSIDE_LEASE = "outside_lease"
    OWN_LEASE = "own_lease"
    # A row of an acknowledgement
    UNKNOWN_TRANSMISSION = "unknown_transmission"
    BAD_ACKNOWLEDGEMENT = "bad_acknowledgement"
    NOT_SENT = "not_sent"
    # Posted, with something to know
    AID_DIFFERS = "aid_differs"
    TENANT_DEPARTED = "tenant_departed"
    SECOND_OF_PERIOD = "second_of_period"
    # A change that a lease's life does not allow
    STAY_NOT_BEGUN = "stay_not_begun"
    STAY_UNDER_WAY = "stay_under_way"
    STAY_OVER = "stay_over"
    NOTICE_WAS_GIVEN = "notice_was_given"
    LEASE_CLOSED = "lease_closed"
    LEASE_CANCELLED = "lease_cancelled"
    OUTSIDE_THE_STAY = "outside_the_stay"
    NOT_A_ROOM_CHANGE_DAY = "not_a_room_change_day"
    ENDS_BEFORE_START = "ends_before_start"
    SAME_ROOM = "same_room"
    NOTHING_CHANGES = "nothing_changes"
    END_NOT_LATER = "end_not_later"
    END_TOO_FAR = "end_too_far"
    NOTICE_IN_FUTURE = "notice_in_future"
    NOTICE_TOO_SHORT = "notice_too_short"
    LEAVES_AFTER_END = "leaves_after_end"
    TOO_LATE_TO_CANCEL = "too_late_to_cancel"
    # In a file of enrolments or of social files
    BAD_YEAR = "bad_year"
    BAD_ENROLMENT = "bad_enrolment"
    BAD_FILE_STATE = "bad_file_state"
    BAD_DECISION = "bad_decision"
    BAD_ECHELON = "bad_echelon"
    BAD_PIECES = "bad_pieces"
    NO_STUDENT = "no_student"
    REPEATED_LINE = "repeated_line"
    SAME_STUDENT = "same_student"
    DECISION_MISSING = "decision_missing"
    DECISION_UNLIKE_STATE = "decision_unlike_state"
    ECHELON_WITHOUT_GRANT = "echelon_without_grant"
    DUE_DATE_MISSING = "due_date_missing"
    UNKNOWN_STUDENT = "unknown_student"
    TWO_STUDENTS = "two_students"
    STEP_NOT_POSSIBLE = "step_not_possible"
    # In a file of amendments or of departures
    NO_LEASE = "no_lease"
    UNKNOWN_LEASE = "unknown_lease"
    TWO_LEASES = "two_leases"
    BAD_CHANGE = "bad_change"
    BAD_REASON = "bad_reason"
    BAD_OCCUPANTS = "bad_occupants"
    NOT_FOR_THIS_CHANGE = "not_for_this_change"
    TOO_MANY_MONTHS = "too_many_months"
    # Known, with something to know
    CHANGED_SINCE = "changed_since"
    # Taken, with something to know
    DUE_DATE_PAST = "due_date_past"
    # Not taken, since something newer is known
    OVERTAKEN = "overtaken"
    # Admitted, with something to know
    CONTACT_KEPT = "contact_kept"


@dataclass(frozen=True, slots=True)
class Wording:
    """Reason and remedy; `{about}` is a line number, header names or a limit, never a cell's value."""

    reason_fr: str
    remedy_fr: str
    reason_en: str
    remedy_en: str

    def reason(self, language: Language, about: str) -> str:
        """What is wrong."""
        text = self.reason_fr if language is Language.FRENCH else self.reason_en
        return text.replace("{about}", about)

    def remedy(self, language: Language, about: str) -> str:
        """What to do about it."""
        text = self.remedy_fr if language is Language.FRENCH else self.remedy_en
        return text.replace("{about}", about)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """A problem of one row: `line` as an editor counts it, `column` the file's own header, or empty."""

    line: int
    column: str
    fault: Fault
    about: str = ""

    def reason(self, language: Language) -> str:
        """What is wrong, in the reader's language."""
        return WORDS[self.fault].reason(language, self.about)

    def remedy(self, language: Language) -> str:
        """What to do about it, in the reader's language."""
        return WORDS[self.fault].remedy(language, self.about)


class FileUnreadable(Exception):
    """The file as a whole cannot be read; nothing of it is taken."""

    def __init__(self, fault: Fault, about: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.about = about

    def reason(self, language: Language) -> str:
        """What is wrong, in the reader's language."""
        return WORDS[self.fault].reason(language, self.about)

    def remedy(self, language: Language) -> str:
        """What to do about it, in the reader's language."""
        return WORDS[self.fault].remedy(language, self.about)


_EXPORT_FR = "Réexporter depuis le logiciel en « CSV UTF-8 »."
_EXPORT_EN = "Export it again from the software as “CSV UTF-8”."

WORDS: dict[Fault, Wording] = {
    Fault.EMPTY: Wording(
        "Le fichier est vide.",
        "Envoyer un fichier CSV avec une ligne de titres, puis une ligne par bail ou par versement.",
        "The file is empty.",
        "Send a CSV file with one line of headers, then one line a lease or payment.",
    ),
    Fault.TOO_LARGE: Wording(
        "Le fichier dépasse {about} Mo.",
        "Le couper en plusieurs fichiers, chacun avec la ligne de titres.",
        "The file is larger than {about} MB.",
        "Cut it into several files, each with the line of headers.",
    ),
    Fault.SPREADSHEET: Wording(
        "Le fichier est un classeur de tableur, pas un CSV.",
        "L'ouvrir dans le tableur et l'enregistrer sous « CSV UTF-8 ».",
        "The file is a spreadsheet workbook, not a CSV.",
        "Open it in the spreadsheet and save it as “CSV UTF-8”.",
    ),
    Fault.UTF_16: Wording(
        "Le fichier est en UTF-16 (« texte Unicode »).",
        _EXPORT_FR,
        "The file is in UTF-16 (“Unicode text”).",
        _EXPORT_EN,
    ),
    Fault.BROKEN_UTF_8: Wording(
        "Le fichier s'annonce en UTF-8 mais ne l'est plus à la ligne {about}.",
        _EXPORT_FR,
        "The file says it is UTF-8 but is not at line {about}.",
        _EXPORT_EN,
    ),
    Fault.UNKNOWN_ENCODING: Wording(
        "Le fichier n'est ni en UTF-8 ni en Windows-1252 (ligne {about}).",
        _EXPORT_FR,
        "The file is neither UTF-8 nor Windows-1252 (line {about}).",
        _EXPORT_EN,
    ),
    Fault.BINARY: Wording(
        "Le fichier contient des octets qui ne sont pas du texte (ligne {about}).",
        _EXPORT_FR,
        "The file holds bytes that are not text (line {about}).",
        _EXPORT_EN,
    ),
    Fault.NO_HEADER: Wording(
        "La première ligne ne contient aucun titre de colonne connu.",
        "Mettre les titres en première ligne (Référence, Résidence, Nom…), séparés par ; , ou tabulation.",
        "The first line holds no known column header.",
        "Put the headers on the first line (Reference, Residence, Room, Surname…), separated by ; , or tab.",
    ),
    Fault.MISSING_COLUMNS: Wording(
        "Colonnes absentes : {about}.",
        "Ajouter ces colonnes, avec leur titre en première ligne ; l'ordre est libre.",
        "Missing columns: {about}.",
        "Add these columns, with their header on the first line; any order will do.",
    ),
    Fault.REPEATED_COLUMNS: Wording(
        "Plusieurs colonnes portent la même donnée : {about}.",
        "N'en garder qu'une, ou renommer l'autre.",
        "Several columns stand for the same thing: {about}.",
        "Keep one, or rename the other.",
    ),
    Fault.NO_ROWS: Wording(
        "Le fichier n'a que sa ligne de titres.",
        "Ajouter une ligne par bail ou par versement.",
        "The file has only its line of headers.",
        "Add one line a lease or payment.",
    ),
    Fault.TOO_MANY_ROWS: Wording(
        "Le fichier dépasse {about} lignes.",
        "Le couper en plusieurs fichiers, chacun avec la ligne de titres.",
        "The file has more than {about} rows.",
        "Cut it into several files, each with the line of headers.",
    ),
    Fault.OPEN_QUOTE: Wording(
        "Un guillemet ouvert à la ligne {about} n'est jamais fermé : la suite du fichier est illisible.",
        "Fermer ou ôter ce guillemet.",
        "A quote opened at line {about} is never closed: the rest of the file cannot be read.",
        "Close or remove that quote.",
    ),
    Fault.SHORT_ROW: Wording(
        "La ligne a moins de cellules que de titres ({about}).",
        "Compléter la ligne ; une cellule vide garde son séparateur.",
        "The row has fewer cells than there are headers ({about}).",
        "Complete the row; an empty cell keeps its separator.",
    ),
    Fault.LONG_ROW: Wording(
        "La ligne a plus de cellules que de titres ({about}).",
        "Mettre entre guillemets la cellule qui contient un séparateur.",
        "The row has more cells than there are headers ({about}).",
        "Put the cell that contains a separator between quotes.",
    ),
    Fault.BAD_QUOTES: Wording(
        "Les guillemets de la ligne sont mal formés.",
        "Doubler les guillemets à l'intérieur d'une cellule entre guillemets.",
        "The row's quotes are malformed.",
        "Double the quotes inside a quoted cell.",
    ),
    Fault.MISSING: Wording(
        "La cellule est vide.",
        "La remplir : cette donnée est nécessaire.",
        "The cell is empty.",
        "Fill it in: it is needed.",
    ),
    Fault.TOO_LONG: Wording(
        "Le texte dépasse {about} caractères.",
        "L'abréger.",
        "The text is longer than {about} characters.",
        "Shorten it.",
    ),
    Fault.FORMULA: Wording(
        "La cellule commence par un signe (=, +, -, @, tabulation) qu'un tableur prendrait pour une formule.",
        "Remplacer la formule par le texte voulu.",
        "The cell starts with a sign (=, +, -, @, tab) that a spreadsheet would run as a formula.",
        "Replace the formula by the text that is meant.",
    ),
    Fault.LOST_LETTERS: Wording(
        "Des lettres ont été perdues à l'export : un point d'interrogation ou un losange les remplace.",
        "Réexporter en « CSV UTF-8 », ou retaper le mot avec ses lettres.",
        "Letters were lost in the export: a question mark or a diamond stands in their place.",
        "Export again as “CSV UTF-8”, or type the word with its letters.",
    ),
    Fault.MISREAD_LETTERS: Wording(
        "Les accents ont été mal convertis (deux encodages se mêlent).",
        _EXPORT_FR,
        "The accents were converted wrongly (two encodings are mixed).",
        _EXPORT_EN,
    ),
    Fault.INVISIBLE: Wording(
        "La cellule contient un caractère invisible ou de contrôle.",
        "Effacer la cellule et la retaper.",
        "The cell contains an invisible or control character.",
        "Clear the cell and type it again.",
    ),
    Fault.BAD_REFERENCE: Wording(
        "La référence n'est pas faite de 1 à 40 lettres, chiffres, points, tirets ou barres, sans espace.",
        "Écrire la référence du bail telle que le logiciel de gestion la donne.",
        "The reference is not made of 1 to 40 letters, digits, dots, dashes or slashes, without space.",
        "Write the lease's reference as the management software gives it.",
    ),
    Fault.REPEATED_REFERENCE: Wording(
        "Cette référence est déjà celle de la ligne {about}, qui la garde ; cette ligne-ci n'est pas prise.",
        "Donner à ce bail sa propre référence, ou supprimer la ligne en double.",
        "This reference is already that of line {about}, which keeps it; this line is not taken.",
        "Give this lease a reference of its own, or remove the duplicate line.",
    ),
    Fault.BAD_RESIDENCE: Wording(
        "Le nom de la résidence n'a ni lettre latine ni chiffre.",
        "Écrire le nom de la résidence.",
        "The residence's name has neither Latin letter nor digit.",
        "Write the residence's name.",
    ),
    Fault.BAD_NAME: Wording(
        "Le nom ne contient pas de lettre, ou contient un chiffre.",
        "Écrire le nom comme sur la pièce d'identité.",
        "The name has no letter, or has a digit.",
        "Write the name as on the identity document.",
    ),
    Fault.BAD_POSTAL_CODE: Wording(
        "Le code postal n'a pas cinq chiffres.",
        "L'écrire en entier ; un tableur ôte parfois le zéro du début.",
        "The postal code does not have five digits.",
        "Write it in full; spreadsheets sometimes drop a leading zero.",
    ),
    Fault.NOT_A_DATE: Wording(
        "Ce n'est pas une date au format JJ/MM/AAAA ou AAAA-MM-JJ.",
        "L'écrire par exemple 31/12/2026 ou 2026-12-31.",
        "This is not a date written DD/MM/YYYY or YYYY-MM-DD.",
        "Write it like 31/12/2026 or 2026-12-31.",
    ),
    Fault.TWO_DIGIT_YEAR: Wording(
        "L'année n'a que deux chiffres : le siècle n'est pas deviné.",
        "Écrire l'année avec quatre chiffres.",
        "The year has only two digits: the century is not guessed.",
        "Write the year with four digits.",
    ),
    Fault.IMPOSSIBLE_DATE: Wording(
        "Cette date n'existe pas (jour, puis mois, puis année).",
        "Corriger le jour ou le mois.",
        "This date does not exist (day, then month, then year).",
        "Correct the day or the month.",
    ),
    Fault.UNLIKELY_DATE: Wording(
        "L'année n'est pas comprise entre 2000 et 2100.",
        "Corriger l'année.",
        "The year is not between 2000 and 2100.",
        "Correct the year.",
    ),
    Fault.UNLIKELY_BIRTH_DATE: Wording(
        "À cette date de naissance, le locataire aurait moins de 14 ou plus de 110 ans à l'entrée.",
        "Corriger la date de naissance ou la date d'entrée.",
        "With this birth date the tenant would be under 14 or over 110 years old at entry.",
        "Correct the birth date or the entry date.",
    ),
    Fault.END_BEFORE_START: Wording(
        "La date de sortie est antérieure à la date d'entrée.",
        "Corriger l'une des deux dates ; elles sont peut-être inversées.",
        "The end date comes before the start date.",
        "Correct one of the two dates; they may be swapped.",
    ),
    Fault.NOT_AN_AMOUNT: Wording(
        "Ce n'est pas un montant en chiffres.",
        "L'écrire en chiffres, deux décimales au plus : 1 234,50 ou 1234.50.",
        "This is not an amount in figures.",
        "Write it in figures, two decimals at most: 1234.50 or 1 234,50.",
    ),
    Fault.AMBIGUOUS_AMOUNT: Wording(
        "Le montant se lit de deux façons : séparateur de milliers ou décimales ?",
        "Écrire les centimes et un seul séparateur : 1234,00 ou 1,23.",
        "The amount reads two ways: thousands' separator or decimals?",
        "Write the cents and one separator only: 1234.00 or 1.23.",
    ),
    Fault.NEGATIVE_AMOUNT: Wording(
        "Le montant est négatif.",
        "Écrire un montant positif ou 0 ; une remise se saisit au compte du locataire.",
        "The amount is negative.",
        "Write a positive amount or 0; a discount is entered on the tenant's account.",
    ),
    Fault.UNLIKELY_AMOUNT: Wording(
        "Le montant dépasse {about} € : la virgule manque peut-être.",
        "Vérifier la virgule des centimes.",
        "The amount is above {about} EUR: the decimal mark may be missing.",
        "Check the decimal mark.",
    ),
    Fault.BAD_INE: Wording(
        "L'INE n'a aucune des formes connues (11 caractères).",
        "Le recopier du certificat de scolarité ou du relevé du bac, ou laisser la cellule vide.",
        "The INE has none of the known shapes (11 characters).",
        "Copy it from the enrolment certificate or the baccalauréat transcript, or leave the cell empty.",
    ),
    Fault.INE_OF_ANOTHER_ROW: Wording(
        "La ligne {about} donne cet INE à une autre personne (nom ou date de naissance différents).",
        "Vérifier l'INE, le nom et la date de naissance des deux lignes.",
        "Line {about} gives this INE to someone else (another name or birth date).",
        "Check the INE, name and birth date of both lines.",
    ),
    Fault.BAD_EMAIL: Wording(
        "Ce n'est pas une adresse électronique.",
        "Écrire l'adresse du locataire (nom@domaine) : sans elle, ni connexion ni message ne sont possibles.",
        "This is not an e-mail address.",
        "Write the tenant's address (name@domain): without one they could neither sign in nor be told.",
    ),
    Fault.BAD_PHONE: Wording(
        "Ce n'est pas un numéro de téléphone complet.",
        "L'écrire avec son indicatif (+33 6…, +262…, +689…) ou à dix chiffres, ou laisser la cellule vide.",
        "This is not a complete phone number.",
        "Write it with its country code (+33 6…, +262…, +689…) or with ten digits, or leave the cell empty.",
    ),
    Fault.BAD_LANGUAGE: Wording(
        "La langue n'est ni fr ni en.",
        "Écrire fr ou en, ou laisser la cellule vide (français).",
        "The language is neither fr nor en.",
        "Write fr or en, or leave the cell empty (French).",
    ),
    Fault.BAD_CODE: Wording(
        "Le code locataire n'a pas 5 à 20 lettres sans accent, chiffres ou tirets.",
        "Recopier le code existant, ou laisser la cellule vide pour en attribuer un.",
        "The tenant code is not made of 5 to 20 plain letters, digits or hyphens.",
        "Copy the existing code, or leave the cell empty to have one allocated.",
    ),
    Fault.CODE_OF_ANOTHER_ROW: Wording(
        "Ce code locataire se confond avec celui de la ligne {about} (O se lit 0, I et L se lisent 1).",
        "Changer ce code, ou laisser la cellule vide pour en attribuer un.",
        "This tenant code cannot be told from that of line {about} (O reads as 0, I and L as 1).",
        "Change this code, or leave the cell empty to have one allocated.",
    ),
    Fault.REFERENCE_KNOWN: Wording(
        "Un bail de cette référence existe déjà avec d'autres termes ; rien n'a été changé.",
        "Passer par un avenant au bail, ou corriger la référence.",
        "A lease of this reference exists already with other terms; nothing was changed.",
        "Amend that lease instead, or correct the reference.",
    ),
    Fault.INE_OF_ANOTHER_PERSON: Wording(
        "Cet INE est déjà celui d'une personne d'un autre nom ou d'une autre date de naissance.",
        "Vérifier l'INE, le nom et la date de naissance sur la pièce d'identité.",
        "This INE already belongs to a person of another name or birth date.",
        "Check the INE, name and birth date on the identity document.",
    ),
    Fault.INE_UNLIKE_RECORD: Wording(
        "Cette personne est connue (courriel, nom, date de naissance) avec un autre INE.",
        "Vérifier l'INE ; s'il a changé, corriger d'abord la fiche de la personne.",
        "This person is known (e-mail, name, birth date) with another INE.",
        "Check the INE; if it changed, correct the person's record first.",
    ),
    Fault.CODE_TAKEN: Wording(
        "Ce code locataire est déjà attribué, ou se confond avec un autre (O se lit 0, I et L se lisent 1).",
        "Changer ce code, ou laisser la cellule vide pour en attribuer un.",
        "This tenant code is already in use, or cannot be told from one in use (O reads as 0, I and L as 1).",
        "Change this code, or leave the cell empty to have one allocated.",
    ),
    Fault.CODE_NOT_EXPECTED: Wording(
        "Ce code locataire n'a pas la forme prévue pour les codes repris d'un autre logiciel.",
        "Laisser la cellule vide pour en attribuer un, ou faire déclarer cette forme par l'exploitant.",
        "This tenant code is not of the form expected of codes brought from another system.",
        "Leave the cell empty to have one allocated, or have the operator declare this form.",
    ),
    Fault.UNKNOWN_RESIDENCE: Wording(
        "Cette résidence n'est pas connue.",
        "Vérifier son nom et son code postal, ou confier l'import à un gestionnaire, qui peut la créer.",
        "This residence is not known.",
        "Check its name and postal code, or ask a manager to do the import: they may create it.",
    ),
    Fault.OTHER_RESIDENCE: Wording(
        "Cette résidence ne fait pas partie de celles dont vous vous occupez.",
        "Vérifier son nom et son code postal, ou confier le bail à un collègue de cette résidence.",
        "This residence is not one of those you look after.",
        "Check its name and postal code, or hand the lease to a colleague of that residence.",
    ),
    Fault.CONTACT_KEPT: Wording(
        "Personne déjà connue : le bail est pris, ses coordonnées enregistrées n'ont pas été changées.",
        "Si la nouvelle coordonnée est la bonne, la changer sur la fiche de la personne.",
        "This person is already known: the lease is taken, the contact on record was not changed.",
        "If the new contact is right, change it on the person's record.",
    ),
    Fault.BAD_PERIOD: Wording(
        "Ce n'est pas un mois au format MM/AAAA ou AAAA-MM.",
        "L'écrire par exemple 09/2026 ou 2026-09.",
        "This is not a month written MM/YYYY or YYYY-MM.",
        "Write it like 09/2026 or 2026-09.",
    ),
    Fault.ZERO_AMOUNT: Wording(
        "Le montant est nul.",
        "Ôter la ligne : aucune aide n'a été versée.",
        "The amount is zero.",
        "Remove the row: no aid was paid.",
    ),
    Fault.BAD_AID: Wording(
        "Cette aide n'est ni APL, ni ALS, ni ALF.",
        "Écrire APL, ALS ou ALF, ou laisser la cellule vide.",
        "This aid is neither APL, ALS nor ALF.",
        "Write APL, ALS or ALF, or leave the cell empty.",
    ),
    Fault.PAID_IN_FUTURE: Wording(
        "La date de versement n'est pas encore passée.",
        "Corriger la date, ou renvoyer le fichier une fois l'aide versée.",
        "The date of payment is still to come.",
        "Correct the date, or send the file again once the aid is paid.",
    ),
    Fault.PAID_TOO_LONG_AGO: Wording(
        "L'aide a été versée il y a plus d'un an.",
        "Vérifier la date ; une somme aussi ancienne se saisit par la comptabilité.",
        "The aid was paid more than a year ago.",
        "Check the date; a sum that old is entered by the accountants.",
    ),
    Fault.REPEATED_ROW: Wording(
        "Cette ligne est la même que la ligne {about} : elle n'est prise qu'une fois.",
        "Si la CAF a bien versé deux fois la même somme le même jour, donner à chacune sa référence de "
        "versement.",
        "This row is the same as line {about}: it is taken once.",
        "If the CAF did pay the same sum twice that day, give each its payment reference.",
    ),
    Fault.UNKNOWN_TENANT: Wording(
        "Aucun locataire de vos résidences n'a cette référence.",
        "Vérifier la référence locataire auprès de la CAF ; l'argent reçu reste à affecter.",
        "No tenant of your residences has this reference.",
        "Check the tenant reference with the CAF; the money received is still to be assigned.",
    ),
    Fault.OUTSIDE_LEASE: Wording(
        "Le locataire n'occupait pas le logement ce mois-là : l'aide n'est pas due.",
        "Signaler le départ à la CAF et lui rendre la somme ; rien n'est porté au compte.",
        "The tenant did not live there that month: the aid is not due.",
        "Tell the CAF of the departure and give the sum back; nothing is posted.",
    ),
    Fault.OWN_LEASE: Wording(
        "Ce dossier est celui de la personne qui envoie le fichier.",
        "Un collègue doit envoyer cette ligne.",
        "This file is the sender's own.",
        "A colleague has to send this row.",
    ),
    Fault.AID_DIFFERS: Wording(
        "L'aide versée diffère de celle attendue ({about}) ; elle est portée au compte telle que reçue.",
        "Vérifier les droits du locataire, ou mettre à jour l'aide attendue.",
        "The aid paid differs from what was expected ({about}); it is posted as received.",
        "Check the tenant's entitlement, or update the expected aid.",
    ),
    Fault.TENANT_DEPARTED: Wording(
        "Le locataire est parti ; l'aide concerne un mois de son séjour et reste à son crédit.",
        "Solder son compte : rembourser ou imputer ce crédit.",
        "The tenant has left; the aid is for a month of the stay and remains to their credit.",
        "Settle the account: pay this credit back or use it.",
    ),
    Fault.STAY_NOT_BEGUN: Wording(
        "Le séjour n'a pas encore commencé.",
        "Attendre l'entrée, ou annuler le bail.",
        "The stay has not begun yet.",
        "Wait until they move in, or cancel the lease.",
    ),
    Fault.STAY_UNDER_WAY: Wording(
        "Le séjour est en cours, sans congé.",
        "Enregistrer d'abord le congé, ou attendre la fin du séjour.",
        "The stay is under way and no notice was given.",
        "Record the notice first, or wait for the end of the stay.",
    ),
    Fault.STAY_OVER: Wording(
        "Le séjour est terminé.",
        "Établir le solde de tout compte, ou prolonger le bail si le locataire est resté.",
        "The stay is over.",
        "Draw up the final account, or extend the lease if the tenant stayed.",
    ),
    Fault.NOTICE_WAS_GIVEN: Wording(
        "Un congé a déjà été donné.",
        "S'adresser à l'accueil, qui peut changer la date ou accepter le retrait du congé.",
        "Notice was given already.",
        "Turn to the reception, which can change the day or allow the notice to be withdrawn.",
    ),
    Fault.LEASE_CLOSED: Wording(
        "Le bail est clos.",
        "Un bail clos ne change plus ; une somme due se règle sur son compte.",
        "The lease is closed.",
        "A closed lease changes no more; what is owed is settled on its account.",
    ),
    Fault.LEASE_CANCELLED: Wording(
        "Le bail a été annulé.",
        "Enregistrer un nouveau bail.",
        "The lease was cancelled.",
        "Record another lease.",
    ),
    Fault.OUTSIDE_THE_STAY: Wording(
        "Cette date est hors du séjour.",
        "Choisir un jour entre le premier et le dernier du bail.",
        "That day is outside the stay.",
        "Choose a day from the lease's first to its last.",
    ),
    Fault.NOT_A_ROOM_CHANGE_DAY: Wording(
        "On change de chambre le 1er ou le 16 du mois.",
        "Choisir l'un de ces deux jours.",
        "Rooms are changed on the 1st or the 16th of a month.",
        "Choose one of these two days.",
    ),
    Fault.ENDS_BEFORE_START: Wording(
        "La fin précède le début du bail.",
        "Vérifier la date ; si le locataire n'est jamais venu, annuler le bail.",
        "The end is before the lease's first day.",
        "Check the date; if the tenant never came, cancel the lease.",
    ),
    Fault.SAME_ROOM: Wording(
        "Le locataire occupe déjà cette chambre à cette date.",
        "Vérifier la chambre ; pour le seul loyer, modifier le loyer.",
        "The tenant has that room on that day already.",
        "Check the room; to change the rent alone, amend the rent.",
    ),
    Fault.NOTHING_CHANGES: Wording(
        "Rien ne change : le bail est déjà ainsi.",
        "Vérifier les valeurs ; sinon, il n'y a rien à faire.",
        "Nothing changes: the lease is like that already.",
        "Check the values; otherwise there is nothing to do.",
    ),
    Fault.END_NOT_LATER: Wording(
        "La nouvelle fin n'est pas après la fin actuelle, {about}.",
        "Pour une fin plus proche, enregistrer un départ.",
        "The new end is not after the present one, {about}.",
        "For an earlier end, record a departure.",
    ),
    Fault.END_TOO_FAR: Wording(
        "Un bail se prolonge de deux ans au plus à la fois.",
        "Vérifier l'année.",
        "A lease is extended by two years at most at a time.",
        "Check the year.",
    ),
    Fault.NOTICE_IN_FUTURE: Wording(
        "Le congé ne peut avoir été reçu dans l'avenir.",
        "Donner le jour où il a été reçu.",
        "Notice cannot have been received in the future.",
        "Give the day on which it was received.",
    ),
    Fault.NOTICE_TOO_SHORT: Wording(
        "Ce jour ne laisse pas le préavis entier : le départ est possible à partir du {about}.",
        "Choisir ce jour ou un jour suivant.",
        "That day leaves less than the full notice: leaving is possible from {about}.",
        "Choose that day or a later one.",
    ),
    Fault.LEAVES_AFTER_END: Wording(
        "Le bail prend fin le {about} : ce jour est après.",
        "Choisir un jour jusque-là, ou prolonger le bail.",
        "The lease ends on {about}: that day is after it.",
        "Choose a day until then, or extend the lease.",
    ),
    Fault.TOO_LATE_TO_CANCEL: Wording(
        "Un bail ne s'annule que jusqu'à {about} jours après son premier jour.",
        "Enregistrer un départ.",
        "A lease can be cancelled until {about} days after its first day only.",
        "Record a departure.",
    ),
    Fault.NO_LEASE: Wording(
        "La ligne ne dit pas de quel bail il s'agit.",
        "Donner la référence du bail ou la référence locataire.",
        "The row does not say which lease it is about.",
        "Give the lease reference or the tenant reference.",
    ),
    Fault.UNKNOWN_LEASE: Wording(
        "Aucun bail de vos résidences n'a cette référence.",
        "La recopier du logiciel qui a créé le bail, ou de l'avis d'échéance.",
        "No lease of your residences has this reference.",
        "Copy it from the software that made the lease, or from a rent notice.",
    ),
    Fault.TWO_LEASES: Wording(
        "La référence du bail et la référence locataire sont celles de deux baux.",
        "Vérifier les deux, ou n'en garder qu'une.",
        "The lease reference and the tenant reference belong to two leases.",
        "Check both, or keep one only.",
    ),
    Fault.BAD_CHANGE: Wording(
        "Ce changement n'est pas connu.",
        "Écrire : chambre, loyer, colocation, prolongation ou fin anticipée.",
        "This change is not known.",
        "Write: room, rent, sharing, extension or early end.",
    ),
    Fault.BAD_REASON: Wording(
        "Ce motif de départ n'est pas connu.",
        "Écrire : congé, accord, décision ou abandon.",
        "This reason to leave is not known.",
        "Write: notice, agreement, decision or abandoned.",
    ),
    Fault.BAD_OCCUPANTS: Wording(
        "Le nombre d'occupants est un nombre entier, de 1 à {about}.",
        "Vérifier le nombre.",
        "The number of occupants is a whole number, from 1 to {about}.",
        "Check the number.",
    ),
    Fault.NOT_FOR_THIS_CHANGE: Wording(
        "Cette cellule ne va pas avec ce changement.",
        "La vider, ou donner l'autre changement sur une ligne à part.",
        "This cell does not go with this change.",
        "Empty it, or give the other change on a row of its own.",
    ),
    Fault.TOO_MANY_MONTHS: Wording(
        "Ce changement rectifierait trop d'avis d'échéance à la fois.",
        "Vérifier l'année de la date d'effet.",
        "This change would correct too many rent notices at once.",
        "Check the year of the effective date.",
    ),
    Fault.CHANGED_SINCE: Wording(
        "Cette ligne a été prise auparavant, et le bail a changé depuis : elle n'y revient pas.",
        "S'il faut y revenir, le décider à l'accueil.",
        "This row was taken before, and the lease has changed since: it does not go back.",
        "If it should go back, decide so at the desk.",
    ),
    Fault.BAD_YEAR: Wording(
        "Ce n'est pas une année universitaire.",
        "Écrire l'année comme 2026-2027 ou 2026/2027.",
        "This is not an academic year.",
        "Write the year as 2026-2027 or 2026/2027.",
    ),
    Fault.BAD_ENROLMENT: Wording(
        "Ce statut d'inscription n'est pas connu.",
        "Écrire : inscrit, préinscrit ou non inscrit.",
        "This enrolment status is not known.",
        "Write: enrolled, pre-enrolled or not enrolled.",
    ),
    Fault.BAD_FILE_STATE: Wording(
        "Cet état de dossier n'est pas connu.",
        "Écrire : déposé, incomplet, en cours d'instruction, décidé, recours ou retiré.",
        "This state of a file is not known.",
        "Write: submitted, incomplete, under review, decided, appealed or withdrawn.",
    ),
    Fault.BAD_DECISION: Wording(
        "Cette décision n'est pas connue.",
        "Écrire : accordée, conditionnelle ou refusée.",
        "This decision is not known.",
        "Write: granted, provisional or refused.",
    ),
    Fault.BAD_ECHELON: Wording(
        "Cet échelon n'existe pas.",
        "Les échelons sont 0bis et 1 à 7.",
        "There is no such level of grant.",
        "Levels are 0bis and 1 to 7.",
    ),
    Fault.BAD_PIECES: Wording(
        "La liste des pièces ne se lit pas : {about} pièces au plus, de 80 caractères chacune.",
        "Séparer les pièces par une barre verticale : « Avis d'imposition | RIB ».",
        "The list of pieces cannot be read: at most {about}, of 80 characters each.",
        'Separate the pieces by a vertical bar: "Tax notice | Bank details".',
    ),
    Fault.NO_STUDENT: Wording(
        "La ligne ne dit pas de qui il s'agit.",
        "Donner l'INE ou la référence locataire.",
        "The row does not say who it is about.",
        "Give the INE or the tenant reference.",
    ),
    Fault.REPEATED_LINE: Wording(
        "Cette ligne dit la même chose que la ligne {about} : elle n'est prise qu'une fois.",
        "Rien à faire ; la ligne peut être retirée.",
        "This row says the same as line {about}: it is taken once.",
        "Nothing to do; the row can be removed.",
    ),
    Fault.SAME_STUDENT: Wording(
        "La ligne {about} parle déjà de la même personne pour la même année, et dit autre chose.",
        "Ne garder que la ligne qui est juste.",
        "Line {about} is about the same person and year already, and says something else.",
        "Keep only the row that is right.",
    ),
    Fault.DECISION_MISSING: Wording(
        "Le dossier est décidé, mais la décision manque.",
        "Remplir la colonne de la décision : accordée, conditionnelle ou refusée.",
        "The file is decided, but the decision is missing.",
        "Fill the column of the decision: granted, provisional or refused.",
    ),
    Fault.DECISION_UNLIKE_STATE: Wording(
        "La décision contredit l'état du dossier.",
        "Vérifier les deux ; un dossier en cours n'a pas encore de décision.",
        "The decision contradicts the file's state.",
        "Check both; a file under way has no decision yet.",
    ),
    Fault.ECHELON_WITHOUT_GRANT: Wording(
        "Un échelon est donné sans bourse accordée.",
        "Vider la cellule, ou corriger la décision.",
        "A level is given without a grant.",
        "Empty the cell, or correct the decision.",
    ),
    Fault.DUE_DATE_MISSING: Wording(
        "Des pièces sont demandées sans date limite.",
        "Donner le dernier jour pour les remettre.",
        "Pieces are asked for without a last day.",
        "Give the last day to hand them in.",
    ),
    Fault.UNKNOWN_STUDENT: Wording(
        "Aucun locataire de vos résidences n'a cet INE ou cette référence.",
        "Vérifier le numéro ; si la personne est bien logée, compléter son INE à l'accueil.",
        "No tenant of your residences has this INE or reference.",
        "Check the number; if the person does live there, add their INE at the desk.",
    ),
    Fault.TWO_STUDENTS: Wording(
        "L'INE et la référence locataire sont ceux de deux personnes.",
        "Vérifier les deux, ou n'en garder qu'un.",
        "The INE and the tenant reference belong to two persons.",
        "Check both, or keep one only.",
    ),
    Fault.STEP_NOT_POSSIBLE: Wording(
        "Le dossier ne peut pas passer à cet état depuis celui où il est.",
        "Vérifier l'état ; au besoin, le corriger à l'accueil étape par étape.",
        "The file cannot come to this state from the one it is in.",
        "Check the state; if need be, correct it at the desk step by step.",
    ),
    Fault.DUE_DATE_PAST: Wording(
        "La date limite des pièces est déjà passée ; la ligne est prise telle quelle.",
        "Vérifier la date, et la reporter si les pièces sont encore acceptées.",
        "The last day for the pieces is over already; the row is taken as it is.",
        "Check the date, and put it off if the pieces are still accepted.",
    ),
    Fault.OVERTAKEN: Wording(
        "Un fichier l'a déjà dit, et autre chose a été enregistré depuis : la ligne n'est pas reprise.",
        "Si elle est de nouveau vraie, le saisir à l'accueil.",
        "A file said so before, and something else has been recorded since: the row is not taken again.",
        "If it is true again, record it at the desk.",
    ),
    Fault.SECOND_OF_PERIOD: Wording(
        "Une aide avait déjà été versée pour ce mois ; celle-ci s'y ajoute.",
        "Vérifier qu'il s'agit d'un rappel.",
        "Aid was already paid for that month; this comes on top.",
        "Check that it is a back payment.",
    ),
    Fault.UNKNOWN_TRANSMISSION: Wording(
        "Cette référence de transmission n'est pas celle d'un fichier de vos résidences.",
        "La recopier du fichier transmis, première colonne.",
        "This transmission reference is not that of a file of your residences.",
        "Copy it from the file that was sent, first column.",
    ),
    Fault.BAD_ACKNOWLEDGEMENT: Wording(
        "Le statut n'est ni accepté ni rejeté.",
        "Écrire « accepté » ou « rejeté ».",
        "The status is neither accepted nor rejected.",
        "Write “accepted” or “rejected”.",
    ),
    Fault.NOT_SENT: Wording(
        "Ce fichier n'a rien transmis sous cette référence locataire.",
        "Voir avec le destinataire de qui il parle ; l'écart reste affiché sur la transmission.",
        "That file sent nothing under this tenant reference.",
        "Ask the recipient whom it is about; the difference stays on the transmission.",
    ),
}
