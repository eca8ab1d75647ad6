"""Somebody fills in the steps of given work, whatever they ask."""

from tests.browser.walker import Walker

FIELDS = "main form [name^='a.']"
TYPED = {"date": "2026-03-12", "time": "21:30"}


def fill_in(walker: Walker, words: str) -> None:
    """Answers everything that this step asks once, and says no where it asks about danger."""
    fields = walker.page.locator(FIELDS).evaluate_all(
        "(all) => all.map((one) => [one.name, one.type, one.value, one.inputMode])"
    )
    values: dict[str, list[str]] = {}
    for name, _kind, value, _mode in fields:
        values.setdefault(name, []).append(value)
    for name, kind, mode in {name: (name, kind, mode) for name, kind, _, mode in fields}.values():
        field = walker.page.locator(f"[name='{name}']")
        if kind in ("radio", "checkbox"):
            chosen = _harmless(values[name])
            walker.page.locator(f"[name='{name}'][value='{chosen}']").check()
        elif kind == "select-one":
            field.select_option(index=8)
        else:
            field.fill(TYPED.get(kind) or ("6" if mode else words))


def _harmless(values: list[str]) -> str:
    """The first choice; "none of these" where there is one; and no to a safety question."""
    if "unsure" in values:
        return "no"
    return "none" if "none" in values else values[0]
