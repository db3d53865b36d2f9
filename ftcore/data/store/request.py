"""What a user says of data to add."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ftcore.data.store.mapping import Columns
from ftcore.errors import UsageError
from ftcore.validation import printable


@dataclass(frozen=True)
class Request:
    """Where data to add is, and how it is read; columns that are not given are guessed."""

    name: str
    file: str
    """Path of a file, or of a folder or zip with several; or the name of a dataset on the Hub."""
    columns: Columns = Columns()
    validation: str = ""
    """File of the validation texts; empty: they are of the split column, or drawn."""
    test: str = ""
    """The same for test texts."""
    separator: str = " "
    """Between the texts of several columns."""
    encoding: str = ""
    delimiter: str = ""
    """Of the columns of a CSV file."""
    header: bool | None = None
    """Whether the first row names the columns; None: it is recognized."""
    sheet: str = ""
    """Of a spreadsheet; empty: the first that has rows."""
    label_separator: str = ""
    """Between several labels in one value; empty: a value is one label."""
    empty_is_none: bool = False
    """An empty value among separated labels says that a text has none; else it has no label yet."""
    keep_labels: bool = False
    """Leave labels apart that differ only by case or outer space."""
    rename_labels: Mapping[str, str] = field(default_factory=dict)
    """New name by label; the name of another label merges the two."""
    drop_labels: tuple[str, ...] = ()
    """Labels whose texts are left out."""
    drop_near_duplicates: bool = False
    """Leave out training texts that are nearly the same as another text."""
    seed: int = 0
    """Of the validation and test texts that are drawn."""
    title: str = ""
    """Empty: the name."""
    shown_as: Mapping[str, str] = field(default_factory=dict)
    """How a card shows a path that is soon gone, such as that of an upload."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"The seed is {self.seed}; choose 0 or more.")
        for separator in (self.separator, self.label_separator):
            try:
                separator.encode()
            except UnicodeEncodeError:
                shown = printable(separator)
                raise UsageError(
                    f"A separator is {shown!r}, which is no text: give characters of UTF-8."
                ) from None

    def shown(self, path: str) -> str:
        """A path as a card shows it."""
        return self.shown_as.get(path, path)
