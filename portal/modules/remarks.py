"""What a clinician types beside a step's answers, and what of it was said already.

The names of the boxes: `f.` and a prompt's id beside its answer; of the whole `s.noticed`, `s.task`
and `s.link`, in which stands what is pointed to and the number of the answers it was shown in.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from portal.modules.queries import Said
from portal.safety.words import cleaned


@dataclass(frozen=True)
class Words:
    """Feedback as it was typed: beside answers by prompt, something noticed, one next task.

    `link`: the earlier prompt or the goal that it points to; `link_seq`: the number of the answers
    in which the page showed what was said to that prompt, if it said so.
    """

    beside: Mapping[str, str]
    noticed: str = ""
    link: str = ""
    task: str = ""
    link_seq: int | None = None

    @property
    def is_empty(self) -> bool:
        return not (any(self.beside.values()) or self.noticed or self.task)

    def beyond(self, said: Collection[Said]) -> "Words":
        """What differs from all that was said. What was noticed, and the task, are others when
        they point to something else."""
        linked = [one for one in said if one.link == self.link]
        return replace(
            self,
            beside={
                name: text
                for name, text in self.beside.items()
                if all(one.beside.get(name) != text for one in said)
            },
            noticed="" if any(one.noticed == self.noticed for one in linked) else self.noticed,
            task="" if any(one.task == self.task for one in linked) else self.task,
        )


def words_in(boxes: Mapping[str, str]) -> Words:
    link, _dot, seq = boxes.get("s.link", "").partition(".")
    return Words(
        {name[2:]: cleaned(text) for name, text in boxes.items() if name.startswith("f.")},
        noticed=cleaned(boxes.get("s.noticed", "")),
        link=link,
        link_seq=int(seq) if seq.isdecimal() else None,
        task=cleaned(boxes.get("s.task", "")),
    )


def boxes_beyond(boxes: Mapping[str, str], said: Collection[Said]) -> dict[str, str]:
    """The boxes in which something stands that differs from all that was said."""
    words = words_in(boxes).beyond(said)
    texts = {f"f.{name}": text for name, text in words.beside.items()}
    texts |= {"s.noticed": words.noticed, "s.task": words.task}
    if words.noticed or words.task:
        texts["s.link"] = boxes.get("s.link", "")
    return {name: text for name, text in texts.items() if text}
