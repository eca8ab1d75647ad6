"""Somebody fills in the steps of given work, whatever they ask."""

from tests.browser.walker import Walker

FIELDS = "main form [name^='a.']"
TYPED = {"date": "2026-03-12", "time": "21:30"}


def fill_in(walker: Walker, words: str) -> None:
    """Answers everything that this step asks once, and says no where it asks about danger."""
    seen: set[str] = set()
    fields = walker.page.locator(FIELDS).evaluate_all(
        "(all) => all.map((one) => [one.name, one.type, one.value, one.inputMode])"
    )
    for name, kind, value, mode in fields:
        field = walker.page.locator(f"[name='{name}']")
        if name in seen and value != "no":
            continue
        seen.add(name)
        if kind in ("radio", "checkbox"):
            walker.page.locator(f"[name='{name}'][value='{value}']").check()
        elif kind == "select-one":
            field.select_option(index=8)
        else:
            field.fill(TYPED.get(kind) or ("5" if mode else words))
