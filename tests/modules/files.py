"""Module files as authors might write them, for tests to take apart."""

import re

from portal.modules.format.reader import read_module
from portal.modules.format.shapes import ModuleFile

FRONT = """---
id: walk
version: 1.0.0
languages: [en, es]
title: {en: A walk, es: Un paseo}
summary: {en: Go outside., es: Salga afuera.}
minutes: 5
reading_grade: 6
license: CC-BY-4.0
---
"""

STEPS = """
## first

```step
title: {en: Go, es: Salir}
minutes: 3
```

### why en
Air helps.

### why es
El aire ayuda.

### try en
Go to the gate.

### try es
Vaya al portón.

```ask
- id: mood
  type: scale
  required: true
  label: {en: Mood?, es: "¿Ánimo?"}
- id: with
  type: multiple
  label: {en: With whom?, es: "¿Con quién?"}
  choices:
    dog: {en: Dog, es: Perro}
    kin: {en: Family, es: Familia}
- {id: low, type: branch, when: mood <= 2, goto: end}
```

```reply
- when: mood >= 8
  text:
    en: Good: you went.
    es: Bien: salió.
- text: {en: You went., es: Salió.}
```

## second

```step
title: {en: Again, es: Otra vez}
minutes: 2
```

### plan en
Once more.

### plan es
Una vez más.

```ask
- {id: seen, type: recall, of: mood, label: {en: Then, es: Antes}}
- {id: again, type: plan, label: {en: When?, es: "¿Cuándo?"}}
```
"""

WHOLE = FRONT + STEPS
ENGLISH = re.sub(
    r"### \w+ es\n[^\n]+\n", "", re.sub(r", es: (\"[^\"]*\"|[^,}]*)|\n    es:.*", "", WHOLE)
).replace("[en, es]", "[en]")
NEXT = WHOLE.replace("version: 1.0.0", "version: 1.1.0").replace("Go to the gate", "Go to the lake")


def module(text: str = WHOLE) -> ModuleFile:
    reading = read_module(text.encode())
    assert reading.module, [str(problem) for problem in reading.problems]
    return reading.module


def problems(text: str | bytes) -> list[tuple[int, str]]:
    """What is told to the author, with its lines."""
    data = text if isinstance(text, bytes) else text.encode()
    reading = read_module(data)
    assert (reading.module is None) == bool(reading.problems)
    return [(problem.line, str(problem.words)) for problem in reading.problems]


def line_of(text: str, words: str) -> int:
    """The first line that holds these words, counted from 1."""
    return next(n for n, line in enumerate(text.split("\n"), start=1) if words in line)
