"""The frame of every page: title, navigation, style."""

_LINKS = (("/", "Dance floor"), ("/asyncapi", "Messages"), ("/docs", "API tester"))


def frame(title: str, body: str, *, head: str = "") -> str:
    """A whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Odori: {title}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="/static/odori.svg">'
        f'<link rel="stylesheet" href="/static/odori.css">{head}</head><body>'
        '<a class="skip" href="#main">Skip to content</a>'
        '<header><span class="name">Odori</span>'
        f'<nav aria-label="Pages">{links(title)}</nav></header>'
        f'<main id="main"><h1>{title}</h1>{body}</main></body></html>'
    )


def links(here: str, between: str = "") -> str:
    """The way to every page from the one called `here`."""
    current = {here: ' aria-current="page"'}
    return between.join(
        f'<a href="{path}"{current.get(name, "")}>{name}</a>' for path, name in _LINKS
    )
