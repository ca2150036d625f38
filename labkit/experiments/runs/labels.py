"""What people write on runs: a name, tags and a note, in a separate file of the run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labkit._io import atomic_write

LABELS = "labels.json"


class Labels(BaseModel):
    """The name, tags and note of a run.

    Example:
        >>> Labels(name="first").changed(tags=["good", "slow"], untag=["slow"])
        Labels(name='first', tags=('good',), note='')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", max_length=200, description="what people call the run")
    tags: tuple[str, ...] = Field(default=(), description="words to filter runs by")
    note: str = Field(default="", max_length=10_000, description="anything else about it")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of a run; empty ones if it has none.

        Raises:
            ValueError: The file is damaged.
        """
        path = folder / LABELS
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise ValueError(f"{path} is damaged ({problem}): remove it") from None

    def changed(
        self,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        untag: Iterable[str] = (),
        note: str | None = None,
    ) -> Self:
        """Labels with another name or note, more tags or fewer.

        Raises:
            ValueError: A tag is empty, or contains a space or a comma.
        """
        for tag in tags:
            if not tag or any(letter.isspace() or letter == "," for letter in tag):
                raise ValueError(f"a tag is a word without spaces and commas, got {tag!r}")
        removed = set(untag)
        kept = [tag for tag in dict.fromkeys([*self.tags, *tags]) if tag not in removed]
        changes = {"name": name, "tags": tuple(kept), "note": note}
        new = {key: value for key, value in changes.items() if value is not None}
        return type(self)(**{**self.model_dump(), **new})

    def write(self, folder: Path) -> None:
        """Write them into a run's folder."""
        text = self.model_dump_json(indent=1)
        atomic_write(folder / LABELS, lambda path: path.write_text(text, encoding="utf-8"))
