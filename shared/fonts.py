"""Cuts the fonts that documents are set in: from Debian's packages into the package, once a font changes.

Documents embed what they use of a font, at the places that its glyphs have in the file: the fewer glyphs
come before the last one used, the smaller each document. So what is kept are the letters of Europe and
Vietnam, the usual ones first, and figures are tabular to begin with. Names in other scripts fall back on
Noto (layers/pdf).
Modified fonts must not bear their makers' names (OFL), hence the families Sesame Text and Sesame Code.

Usage: python shared/fonts.py     (needs Debian's fonts-inter and fonts-jetbrains-mono)
"""

import shutil
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.reorderGlyphs import reorderGlyphs

_POSTSCRIPT_NAME = 6
DEBIAN = Path("/usr/share")
FONTS = Path(__file__).parent / "sesame" / "documents" / "fonts"
LETTERS = (
    *range(0x0020, 0x0180),  # Latin, with its supplements
    *range(0x018F, 0x0250),
    *range(0x02B0, 0x0370),  # modifiers and combining marks
    *range(0x1E00, 0x1F00),  # Vietnamese
    *range(0x2000, 0x2070),  # punctuation and spaces
    *range(0x20A0, 0x20C0),
    *range(0x2100, 0x2150),
    0x2212,
)
CODE_LETTERS = tuple(range(0x0020, 0x007F))
"""Tenant and verification codes; whatever else an operator's codes may have falls back on the text's font."""

CUTS = {
    "SesameText-Regular.otf": ("fonts/opentype/inter/Inter-Regular.otf", "Sesame Text", LETTERS),
    "SesameText-SemiBold.otf": ("fonts/opentype/inter/Inter-SemiBold.otf", "Sesame Text", LETTERS),
    "SesameCode-SemiBold.ttf": (
        "fonts/truetype/jetbrains-mono/JetBrainsMono-SemiBold.ttf",
        "Sesame Code",
        CODE_LETTERS,
    ),
}
LICENCES = {
    "Inter.txt": "doc/fonts-inter/copyright",
    "JetBrainsMono.txt": "doc/fonts-jetbrains-mono/copyright",
}


def cut(source: Path, family: str, letters: tuple[int, ...], out: Path) -> None:
    """One font, with tabular figures in the place of the others."""
    font = TTFont(source, recalcTimestamp=False)
    tabular(font)
    options = Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl"]
    options.hinting = False
    options.name_IDs = [1, 2, 4, 6, 16, 17]
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    rename(font, family)
    usual_first(font)
    font.save(out)


def tabular(font: TTFont) -> None:
    """Maps the figures to their tabular forms, if the font has such."""
    if "GSUB" not in font:
        return
    table = font["GSUB"].table
    lookups = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    }
    mapping: dict[str, str] = {}
    for index in lookups:
        for subtable in table.LookupList.Lookup[index].SubTable:
            mapping |= getattr(getattr(subtable, "ExtSubTable", subtable), "mapping", {})
    for characters in font["cmap"].tables:
        if characters.isUnicode():
            characters.cmap = {code: mapping.get(glyph, glyph) for code, glyph in characters.cmap.items()}


def usual_first(font: TTFont) -> None:
    """Puts the glyphs of everyday French and English before the others."""
    font.ensureDecompiled()
    known = font.getBestCmap()
    usual = [known[code] for code in (*range(0x20, 0x7F), *map(ord, _USUAL)) if code in known]
    order = list(dict.fromkeys([".notdef", *usual, *font.getGlyphOrder()]))
    reorderGlyphs(font, order)


_USUAL = "\u00a0\u202f’–«»“”•…°²€éèàùçâêîôûëïüœæÉÈÀÇÊÔŒ"


def rename(font: TTFont, family: str) -> None:
    """Gives a font another family name, its style kept."""
    names = font["name"]
    old = names.getDebugName(16) or names.getDebugName(1)
    for record in list(names.names):
        text = record.toUnicode()
        squeezed = old.replace(" ", ""), family.replace(" ", "")
        renamed = text.replace(*squeezed) if record.nameID == _POSTSCRIPT_NAME else text.replace(old, family)
        names.setName(renamed, record.nameID, record.platformID, record.platEncID, record.langID)
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [names.getDebugName(6)]
        top = cff.topDictIndex[0]
        for field in ("FullName", "FamilyName", "Notice", "Copyright"):
            if hasattr(top, field):
                setattr(top, field, family if field in {"FullName", "FamilyName"} else "SIL OFL 1.1")


def main() -> None:
    """Writes the fonts and their licences."""
    FONTS.mkdir(exist_ok=True)
    for name, (source, family, letters) in CUTS.items():
        cut(DEBIAN / source, family, letters, FONTS / name)
    for name, source in LICENCES.items():
        shutil.copyfile(DEBIAN / source, FONTS / name)


if __name__ == "__main__":
    main()
