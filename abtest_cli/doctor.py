"""`abtest doctor`: check this machine and a lake."""

import typer

from abtest_cli.options import ConfigOption, MaybeLakeOption, ProfileOption


def doctor(
    lake: MaybeLakeOption = None,
    config: ConfigOption = None,
    profile: ProfileOption = "local",
) -> None:
    """Check versions, memory and time zone, and the rights, clock and tables of a lake; say how to fix problems."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from abtest_lib.config import load_settings
    from abtest_lib.doctor import Health, examine
    from abtest_lib.storage import use_object_store

    settings = load_settings(profile, config)
    use_object_store(settings)
    signs = {Health.OK: "[green]✓[/]", Health.WARNING: "[yellow]![/]", Health.FAILED: "[bold red]✗[/]"}
    findings = list(examine(settings, lake))
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        fix = f"\n[yellow]→ {escape(finding.fix)}[/]" if finding.fix else ""
        table.add_row(signs[finding.health], escape(finding.check), escape(finding.found) + fix)
    console = Console()
    console.print(table, highlight=False)
    failed = sum(finding.health is Health.FAILED for finding in findings)
    if failed:
        console.print(f"[bold red]{failed} to fix[/]", highlight=False)
        raise typer.Exit(1)
    warned = sum(finding.health is Health.WARNING for finding in findings)
    if warned:
        console.print(f"[yellow]nothing to fix, {warned} to look at[/]", highlight=False)
        return
    console.print("[green]all is well[/]" if lake else "[green]all is well[/] [dim](--lake DIR looks at a lake too)[/]")
