"""A progress bar while an older database is made one of this version."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def renewing() -> Iterator[Callable[[int, int], None]]:
    """progress for Store: shows itself when it is first called, and goes when all is done."""
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    tasks = []

    def progress(done: int, total: int) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task("Renewing the database", total=total))
        bar.update(tasks[0], completed=done)
        if done >= total:
            bar.stop()

    try:
        yield progress
    finally:
        if tasks:
            bar.stop()
