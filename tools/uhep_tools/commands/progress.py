"""Progress bars of what takes long."""

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


@contextmanager
def progress_bar(quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """progress(what is being done, how far it is, from 0 to 1) of several things in turn."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True, quiet=quiet), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, done: bar.update(task, description=what, completed=done)
