"""How the Streamlit server is set up: the theme, its measured colours, and what stays closed."""

from typing import Any

from partywall_dashboard.scope import is_loopback

# By these names alone: a foreign name that is made to lead here must not read the pages.
LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")

# Vermillion means one thing, a crossed boundary. 5.1:1 on white, 6.8:1 on the dark ground.
CROSSING = {"light": "#C4420A", "dark": "#FF8A4C"}

# One hue a tenant, by order of appearance. No ochre: the colour-blind take it for the crossing.
LANES = ("#0072B2", "#009E73", "#B5558F", "#56B4E9", "#6B6B6B")

# Severity is a shape and a word first, a colour second.
SEVERITIES = {
    "critical": ("▲", "#C4420A"),
    "high": ("◆", "#E69F00"),
    "medium": ("●", "#56B4E9"),
    "low": ("○", "#8A93A0"),
    "info": ("·", "#B8BEC7"),
}

THEME: dict[str, Any] = {
    "theme.baseRadius": "0.5rem",
    "theme.headingFontWeights": [700, 600, 600],
    "theme.headingFontSizes": ["1.75rem", "1.2rem", "1.05rem"],
    "theme.paddingTop": "1.25rem",
    "theme.paddingBottom": "3rem",
    "theme.showSidebarBorder": True,
    "theme.light.primaryColor": "#1F5FA8",
    "theme.light.backgroundColor": "#FFFFFF",
    "theme.light.secondaryBackgroundColor": "#F4F6F8",
    "theme.light.textColor": "#1B2430",
    "theme.light.borderColor": "#DCE1E7",
    "theme.light.redColor": CROSSING["light"],
    "theme.dark.primaryColor": "#2F74C9",
    "theme.dark.backgroundColor": "#12161B",
    "theme.dark.secondaryBackgroundColor": "#1B222A",
    "theme.dark.textColor": "#E8ECF1",
    "theme.dark.borderColor": "#303A45",
    "theme.dark.redColor": CROSSING["dark"],
}


def settings(address: str, port: int, *, browser: bool) -> dict[str, Any]:
    """The options of one server. They win over a user's own Streamlit files and variables."""
    return {
        **THEME,
        **({} if browser else {"server.headless": True}),
        "server.address": address,
        "server.port": port,
        **({"server.allowedHosts": list(LOOPBACK)} if is_loopback(address) else {}),
        "runner.magicEnabled": False,
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": False,
        "server.enableStaticServing": False,
        "server.maxUploadSize": 1,
        "server.maxCacheDataSize": "512MB",
        "server.enableAgentApi": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": address,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "logger.level": "warning",
    }
