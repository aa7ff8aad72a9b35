"""Documents: time against plain WeasyPrint and headless Chromium, import, memory, pages a second, cost.

Ratios are of medians of one run, in which all take turns on the same finished HTML. Chromium is measured
where node, npm and chromium are (as root on Debian it is installed); where not, that is said.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import zxingcpp
from PIL import Image

from sesame.documents import render
from sesame.documents.engine import FontConfiguration, URLFetcher, weasyprint
from sesame.documents.render import Renderer
from sesame.domain.certificates import Facts
from sesame.domain.tenancy import Language
from tests.bench import cold_start
from tests.unit.documents import ISSUE, PORTAL, every_kind, png_of

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".build" / "bench"
ROUNDS = cold_start.ROUNDS
RECEIPTS = int(os.environ.get("BENCH_RECEIPTS", "400"))
PLAIN_BUDGET, CHROMIUM_AIM, IMPORT_BUDGET_MS, MEMORY_BUDGET_MB, BYTES_BUDGET = 1.2, 1.0, 350, 200, 40_000
PLAYWRIGHT = "playwright-core@1.65.1"
LAMBDA_GB_SECOND_USD, LAMBDA_REQUEST_USD, MEMORY_GB = 0.0000166667, 0.0000002, 1769 / 1024
"""x86_64, eu-west-3: what the price list said in November 2026. 1,769 MB is one processor."""
_CODE = "7K3M-9QZB"


def main() -> None:
    """Prints the figures."""
    sys.stdout.write(f"Documents, medians of {ROUNDS}, all in turns\n")
    _ratios()
    _import()
    _memory()
    _throughput()


# ---------------------------------------------------------------- ratios


class Plain:
    """WeasyPrint by itself, its costly objects made once."""

    def __init__(self) -> None:
        self.fonts = FontConfiguration()
        self.style = weasyprint.CSS(filename=render._TEMPLATES / "document.css", font_config=self.fonts)
        self.fetcher = URLFetcher()

    def __call__(self, html: str) -> bytes:
        page = weasyprint.HTML(string=html, url_fetcher=self.fetcher)
        return bytes(page.write_pdf(stylesheets=[self.style], font_config=self.fonts, pdf_variant="pdf/a-3a"))


class Chromium:
    """Headless Chromium behind playwright-core, one page for all."""

    def __init__(self) -> None:
        folder = BUILT / "chromium"
        folder.mkdir(parents=True, exist_ok=True)
        browser = _chromium()
        if not (folder / "node_modules" / "playwright-core").exists():
            subprocess.run(
                ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), PLAYWRIGHT],
                check=True,
                env=os.environ | {"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"},
            )
        fonts = ROOT / "shared" / "sesame" / "documents" / "fonts.conf"
        self.process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("chromium.mjs")), str(folder), browser],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"FONTCONFIG_FILE": str(fonts)},
        )

    def __call__(self, html: str) -> dict[str, float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"html": html}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends the browser with its standard input."""
        self.process.communicate(timeout=30)


class NotThere(Exception):
    """What Chromium would need."""


def _chromium() -> str:
    if not (shutil.which("node") and shutil.which("npm")):
        raise NotThere("node and npm are not installed")
    if not shutil.which("chromium") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(
            ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"], check=False
        )
    browser = shutil.which("chromium")
    if browser is None:
        raise NotThere("chromium is not installed (Debian: apt-get install chromium)")
    return browser


def _subjects() -> dict[str, tuple[Facts, str | None, bytes | None]]:
    """Every kind in French, and the certificate with a 2D-Doc of the usual size beside its QR code."""
    kinds = every_kind(Language.FRENCH)
    matrix = zxingcpp.create_barcode("DC02" + "X" * 200, zxingcpp.BarcodeFormat.DataMatrix)
    png = png_of(Image.fromarray(zxingcpp.write_barcode_to_image(matrix)))
    subjects: dict[str, tuple[Facts, str | None, bytes | None]] = {
        kind: (facts, code, None) for kind, (facts, code) in kinds.items()
    }
    return subjects | {"certificate, 2D-Doc": (kinds["residence_certificate"][0], None, png)}


def _ratios() -> None:
    ours, plain = Renderer(PORTAL), Plain()
    try:
        chromium: Chromium | None = Chromium()
    except (NotThere, subprocess.CalledProcessError) as reason:
        chromium = None
        sys.stdout.write(f"  Chromium is not measured: {reason}\n")
    style = (render._TEMPLATES / "document.css").read_text("utf-8")
    browser_mb = 0.0
    for name, (facts, code, matrix) in _subjects().items():
        html = ours._html(facts, ISSUE, code, matrix, None)
        inlined = html.replace("</head>", f"<style>{style}</style></head>")
        times: dict[str, list[float]] = {"ours": [], "plain": [], "chromium": []}
        size = 0
        for turn in range(ROUNDS + 2):
            started = time.perf_counter()
            size = len(ours.render(facts, ISSUE, tenant_code=code, datamatrix=matrix).pdf)
            middle = time.perf_counter()
            plain(html)
            ended = time.perf_counter()
            if turn >= 2:  # the first ones warm
                times["ours"].append((middle - started) * 1000)
                times["plain"].append((ended - middle) * 1000)
            if chromium is not None:
                answer = chromium(inlined)
                browser_mb = max(browser_mb, answer["mb"])
                if turn >= 2:
                    times["chromium"].append(answer["ms"])
        medians = {who: median(values) for who, values in times.items() if values}
        plainly = medians["ours"] / medians["plain"]
        line = f"  {name:<26}{medians['ours']:6.1f} ms {size:7d} bytes  to plain WeasyPrint {plainly:.2f}"
        line += " OVER BUDGET" if plainly > PLAIN_BUDGET else ""
        if "chromium" in medians:
            line += (
                f"  to Chromium {medians['ours'] / medians['chromium']:.2f} ({medians['chromium']:.1f} ms)"
            )
        sys.stdout.write(f"{line}{' TOO LARGE' if size > BYTES_BUDGET else ''}\n")
    if chromium is not None:
        chromium.close()
        sys.stdout.write(f"  Chromium holds up to {browser_mb:.0f} MB (proportional)\n")


# ---------------------------------------------------------------- import


def _import() -> None:
    """Of the render function, as it ships: an isolated interpreter, the built layers, their libraries."""
    layer = BUILT / "PdfLayer"
    if not (layer / "lib").exists():
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        built = subprocess.run(
            ["make", "--silent", "build-PdfLayer", f"ARTIFACTS_DIR={layer}"],
            cwd=ROOT / "layers" / "pdf",
            env=os.environ | {"PATH": path},
            check=False,
        )
        if built.returncode:
            sys.stdout.write("  import: not measured, the layer cannot be built here\n")
            return
    entry = ROOT / "functions" / "certificates" / "render.py"
    code = cold_start.code_of(entry, [*cold_start.build_layers(), str(layer / "python")])
    extra = {"LD_LIBRARY_PATH": str(layer / "lib")}
    cold_start.milliseconds(code, extra)
    times = [cold_start.milliseconds(code, extra) for _ in range(ROUNDS)]
    baseline = [cold_start.milliseconds(cold_start.BASELINE_PROGRAM) for _ in range(ROUNDS)]
    value = median(times)
    verdict = "" if value <= IMPORT_BUDGET_MS else "  OVER BUDGET"
    sys.stdout.write(
        f"  import with the layer {value:.0f} ms, process start included (best {min(times):.0f}; boto3 and a "
        f"DynamoDB client in the same run {median(baseline):.0f}){verdict}\n"
    )


# ---------------------------------------------------------------- memory, pages a second, cost


def _memory() -> None:
    """Resident memory of one process over 500 pages."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        readings = pool.submit(_grow, 500).result()
    shown = ", ".join(f"{mb:.0f}" for mb in readings)
    verdict = "" if readings[-1] < MEMORY_BUDGET_MB else "  OVER BUDGET"
    sys.stdout.write(f"  resident after 100, 200 ... 500 pages: {shown} MB{verdict}\n")


def _grow(pages: int) -> list[float]:
    renderer = Renderer(PORTAL)
    readings = []
    for number in range(1, pages + 1):
        renderer.render(_receipt(number), ISSUE)
        if number % 100 == 0:
            found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
            assert found is not None
            readings.append(int(found[1]) / 1024)
    return readings


def _throughput() -> None:
    per_page = 0.0
    for workers in (1, 2):
        share = RECEIPTS // workers
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(_batch, [(0, 5)] * workers))  # imports, fonts
            started = time.perf_counter()
            sizes = list(pool.map(_batch, [(worker * share, share) for worker in range(workers)]))
            seconds = time.perf_counter() - started
        sys.stdout.write(
            f"  {share * workers} receipts, {workers} worker{'s' if workers > 1 else ''}: "
            f"{share * workers / seconds:.1f} pages a second, {sum(sizes) // (share * workers)} bytes each\n"
        )
        if workers == 1:
            per_page = seconds / share
    rendering = 100_000 * per_page * MEMORY_GB * LAMBDA_GB_SECOND_USD
    requests = 100_000 / 5 * LAMBDA_REQUEST_USD
    sys.stdout.write(
        f"  Lambda, 100,000 documents: 100,000 x {per_page * 1000:.0f} ms x {MEMORY_GB:.3f} GB x "
        f"${LAMBDA_GB_SECOND_USD} + 20,000 batches x ${LAMBDA_REQUEST_USD} = ${rendering + requests:.2f}\n"
    )


def _receipt(number: int) -> Facts:
    facts: dict[str, Any] = every_kind(Language.FRENCH)["receipt"][0]
    return facts | {"holder": {"given_names": f"Chloé {number}", "family_name": "D'Almeida"}}


def _batch(span: tuple[int, int]) -> int:
    first, count = span
    renderer = Renderer(PORTAL)
    issue = replace(ISSUE)
    return sum(len(renderer.render(_receipt(first + number), issue).pdf) for number in range(count))


if __name__ == "__main__":
    main()
